"""Native programs, stopped before main: warm and plain are the same, byte for byte."""

import subprocess

import pytest

from support.zygote_driver import Zygote, environment

ALL = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
extern char** environ;
static const char* early;
__attribute__((constructor)) static void construct(int argc, char** argv, char** envp) {
  early = getenv("QUERY_STRING");
  printf("constructor: %d %s %s\n", argc, argv[0], envp[0]);
}
__attribute__((destructor)) static void destruct(void) { printf("destructor\n"); }
static void bye(void) { printf("bye\n"); }
int main(int argc, char** argv, char** envp) {
  char cwd[4096], line[4096];
  atexit(bye);
  printf("Content-Type: text/plain\n\n%s %s %d\n", early, program_invocation_name, envp == environ);
  for (int i = 0; i <= argc; ++i) printf("[%s]\n", argv[i] ? argv[i] : "NULL");
  for (char** one = environ; *one; ++one) printf("%s\n", *one);
  printf("%s %o %d\n", getcwd(cwd, sizeof cwd), umask(0), getpgrp() == getpid());
  for (int fd = 0; fd < 1024; ++fd) {
    const int flags = fcntl(fd, F_GETFD);
    if (flags >= 0) printf("descriptor %d %d\n", fd, flags);
  }
  for (int number = 1; number < 65; ++number) {
    struct sigaction action;
    if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_DFL) printf("signal %d\n", number);
  }
  FILE* status = fopen("/proc/self/status", "r");
  while (fgets(line, sizeof line, status))
    if (!strncmp(line, "Name", 4) || !strncmp(line, "SigB", 4) || !strncmp(line, "SigI", 4) ||
        !strncmp(line, "Threads", 7) || !strncmp(line, "NoNew", 5)) fputs(line, stdout);
  for (int resource = 0; resource < RLIM_NLIMITS; ++resource) {
    struct rlimit limit;
    getrlimit(resource, &limit);
    printf("limit %d %lu %lu\n", resource, limit.rlim_cur, limit.rlim_max);
  }
  while (fgets(line, sizeof line, stdin)) printf("in: %s", line);
  fprintf(stderr, "error\n");
  fflush(stdout);
  return system("echo $0; env | sort; ls /proc/self/fd") + 7;
}
"""


def start(program, same, stdin=b"", **request):
    return same(program, stdin, boot={"mode": "main"}, **request)


@pytest.mark.parametrize("link", [[], ["-no-pie"], ["-Wl,--no-as-needed", "-lm", "-lstdc++"]], ids=["pie", "fixed", "many"])
def test_everything_that_a_program_can_see(compiled, same, link):
    result = start(compiled(ALL, *link), same, b"body\n", args=("a b", ""))
    assert b"constructor: 3 " in result.stdout and b"destructor" in result.stdout


def test_environment_larger_than_a_packet(compiled, same):
    start(compiled(ALL), same, variables=environment(HTTP_X="y" * 100_000))


ENDS = {
    "exit": "exit(3);",
    "unflushed": 'printf("x"); exit(0);',
    "lost": 'printf("x"); _exit(0);',
    "abort": "abort();",
    "segmentation fault": "*(volatile int*)argc = 0;",
    "kill": "kill(getpid(), SIGKILL);",
    "fork": 'printf("x"); fflush(stdout); if (fork()) { wait(NULL); puts("parent"); } else puts("child");',
    "exec": 'execlp("echo", "echo", "other", NULL);',
    "random": 'printf("%d %d\\n", rand(), rand());',
    "time zone": 'setenv("TZ", "Asia/Tokyo", 1); time_t t = 0; printf("%s", ctime(&t));',
    "locale": 'puts(setlocale(LC_ALL, ""));',
    "thread": "pthread_t t; pthread_create(&t, NULL, thread, NULL); pthread_join(t, NULL);",
    "memory": 'char* p = malloc(1 << 26); memset(p, 1, 1 << 26); free(p); puts("done");',
}


@pytest.mark.parametrize("body", ENDS.values(), ids=ENDS.keys())
def test_how_a_program_ends(compiled, same, body):
    headers = ("locale.h", "pthread.h", "signal.h", "stdio.h", "stdlib.h", "string.h", "sys/wait.h",
               "time.h", "unistd.h")
    start(compiled("".join(f"#include <{header}>\n" for header in headers)
                   + "void* thread(void* x) { puts(\"thread\"); return x; }\n"
                   + f"int main(int argc, char** argv) {{ {body}\nreturn 0; }}", "-w"), same)


def test_static_objects_of_cpp_are_the_requests(tmp_path, same):
    source = tmp_path / "program.cc"
    source.write_text('#include <cstdlib>\n#include <iostream>\n#include <string>\n'
                      'struct A { std::string q = std::getenv("QUERY_STRING");\n'
                      '  A() { std::cout << "made " << q << "\\n"; }\n'
                      '  ~A() { std::cout << "gone " << q << "\\n"; } } a;\n'
                      'int main() { std::cout << "main\\n"; throw 1; }\n')
    subprocess.run(["g++", "-o", tmp_path / "program", source], check=True)
    start(tmp_path / "program", same)


SHOWS = """#include <stdio.h>
extern const char* found;
extern char** environ;
int main() { puts(found); for (char** one = environ; *one; ++one) puts(*one); }
"""


def library(compiled, tmp_path, body):
    """A program with a library whose constructor does something."""
    source = tmp_path / "library.c"
    source.write_text("#define _GNU_SOURCE\n#include <pthread.h>\n#include <stdio.h>\n"
                      "#include <stdlib.h>\n"
                      "#include <unistd.h>\n#include <sys/mman.h>\n#include <fcntl.h>\n"
                      "static void* sleeper(void* x) { sleep(9); return x; }\n"
                      "const char* found = (const char*)\"nothing\";\n"
                      f"__attribute__((constructor)) static void construct(void) {{ {body} }}\n")
    made = tmp_path / "library.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-w", "-o", made, source], check=True)
    return compiled(SHOWS, str(made), "-Wl,-rpath," + str(tmp_path))


def test_variables_that_a_constructor_sets_hold_for_each_request(compiled, same, tmp_path):
    program = library(compiled, tmp_path, 'setenv("PATH", "/bin", 1); unsetenv("REDIRECT_STATUS");'
                      'setenv("NEW", "1", 1); setenv("SERVER_NAME", "mine", 1);')
    assert b"SERVER_NAME=mine" in start(program, same).stdout


REFUSED = {
    "asks": ('getenv("QUERY_STRING");', "It asks for QUERY_STRING while it loads"),
    "asks where": ('getenv("DOCUMENT_ROOT");', "It asks for DOCUMENT_ROOT while it loads"),
    "prints": ('printf("x");', "It prints while it loads."),
    "writes": ('write(1, "x", 1);', 'It prints while it loads: "x".'),
    "thread": ("pthread_t t; pthread_create(&t, 0, sleeper, 0);", "It starts a thread while it"),
    "shares": ("mmap(0, 4096, 3, MAP_SHARED | MAP_ANONYMOUS, -1, 0);", "It maps shared memory"),
    "opens": ('open("log", O_CREAT | O_WRONLY, 0600);', "would share: /"),
    "locks": pytest.param('struct flock all = {F_RDLCK}; fcntl(open("/etc/passwd", 0), F_OFD_SETLK, &all);',
                          "It locks a file while it loads, which its requests would not have locked: "
                          "/etc/passwd", marks=pytest.mark.fault("40")),
    "locks memory": pytest.param("mlock(sleeper, 1);", "It locks memory while it loads",
                                 marks=pytest.mark.fault("40")),
    "child": ("if (!fork()) _exit(0);", "It starts another process while it loads."),
}


@pytest.mark.parametrize("body, reason", REFUSED.values(), ids=REFUSED.keys())
def test_refused(compiled, refused, tmp_path, body, reason):
    assert reason in refused(library(compiled, tmp_path, body), mode="main")


def test_program_that_libc_does_not_start_is_refused(compiled, refused):
    program = compiled("#include <stdio.h>\n#include <unistd.h>\n"
                       "void _start(void) { puts(\"for real\"); _exit(0); }", "-nostartfiles")
    assert "not started by libc" in refused(program, mode="main")


@pytest.mark.parametrize("how", [["-Wl,-z,lazy"], ["-Wl,-z,now"], ["-Wl,--hash-style=sysv"]],
                         ids=" ".join)
def test_ways_to_link(compiled, same, how):
    program = compiled("#include <stdio.h>\nint main() { puts(\"x\"); }", *how)
    start(program, same)


def test_constructor_of_a_library_runs_once(compiled, worker, tmp_path):
    program = library(compiled, tmp_path, 'char* s = malloc(9); sprintf(s, "%d", getpid()); found = s;')
    with Zygote(program, mode="main") as zygote:
        assert worker.run(zygote, program).stdout.startswith(b"%d\n" % zygote.pid)
        assert {str(program), str(tmp_path / "library.so")} <= set(zygote.files())
        assert any(file.endswith("libc.so.6") for file in zygote.files())


def test_program_that_a_constructor_starts_is_no_zygote(compiled, worker, tmp_path):
    program = library(compiled, tmp_path, 'system("true");')
    with Zygote(program, mode="main") as zygote:
        assert zygote.files().count(str(program)) == 1 and "/usr/bin/dash" not in zygote.files()
        assert worker.run(zygote, program).status == 0


def test_functions_of_the_programs_own_are_not_called_before_main(compiled, same):
    """The loader gives them to all libraries, ours too. As in cgit, one calls by a pointer."""
    program = compiled("#define _GNU_SOURCE\n#include <dlfcn.h>\n#include <stdio.h>\n"
                       "#include <unistd.h>\n#include <string.h>\n"
                       "static ssize_t (*real)(int, const void*, size_t);\n"
                       "ssize_t write(int f, const void* b, size_t n) { return real(f, b, n); }\n"
                       'int main() { *(void**)&real = dlsym(RTLD_NEXT, "write");\n'
                       'write(1, "x\\n", 2); return 0; }', "-rdynamic", "-w")
    assert start(program, same).stdout == b"x\n"


def test_a_preload_of_the_programs_own_stays(compiled, same, tmp_path):
    own = tmp_path / "own.so"
    subprocess.run(["gcc", "-shared", "-o", own, "-x", "c", "/dev/null"], check=True)
    constant = environment(LD_PRELOAD=str(own))
    start(compiled(ALL), same, variables=constant)



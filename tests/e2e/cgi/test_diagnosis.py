"""Why a program failed, in one sentence with the remedy: each by a real program that fails so.

Where the remedy is a command, the command is run, and the program must work then.
"""

import ctypes
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.clauses import clause
from support.configuration import cgi_site
from support.diagnosis import reason, works
from support.programs import PLAIN

C_PAGE = 'puts("Content-Type: text/plain\\n");'


# It cannot be started.


@clause("failures-precise-log", "rfc9110-15.6.3-bad-gateway")
@pytest.mark.parametrize("name, source, words", [
    ("no-shebang", "echo hello\n", "such as #!/bin/sh"),
    ("no-shebang.py", "print('hello')\n", "such as #!/usr/bin/python3"),
    ("no-shebang.pl", "print 'hello'\n", "such as #!/usr/bin/perl"),
    ("python-by-its-text", "import os\nprint('hello')\n", "such as #!/usr/bin/python3"),
    ("perl-by-its-text", "# a page\nuse strict;\nprint 'hello';\n", "such as #!/usr/bin/perl"),
    ("php-by-its-text", "<?php echo 1;\n", "such as #!/usr/bin/php-cgi"),
    ("empty-line-first", "\n" + PLAIN, "its #! is on line 2; delete what stands before it"),
    ("blanks-first", "  \r\n\n " + PLAIN, "its #! is on line 3; delete what stands before it"),
    ("comment-first", "# a page\n" + PLAIN, "its #! is on line 2; delete what stands before it"),
    ("blank-first", " " + PLAIN, "has blanks before its #!; delete them"),
    ("empty", "", "is empty"),
    ("empty-first-line", "#!\n", "has no interpreter line"),
    ("for-windows.exe", b"MZ\x90\0", "is a program for Windows; build it for this machine"),
    ("for-a-mac", b"\xcf\xfa\xed\xfe\x07\0\0\x01", "is a program for macOS"),
    ("no-interpreter", "#!/opt/none/frobnicate\n",
     "its interpreter /opt/none/frobnicate does not exist; correct the first line, or install it"),
    ("elsewhere", "#!/opt/none/sh\n", r"#!(/usr)?/bin/sh"),
    ("no-path", "#!sh\n", r"its interpreter sh does not exist; .* #!(/usr)?/bin/sh"),
    ("folder", "#!/tmp\n", "its interpreter /tmp is a directory"),
    ("no-program", "#!/etc/passwd\n", "its interpreter /etc/passwd is not executable; run: chmod"),
])
def test_cannot_be_started(shared, shared_site, name, source, words):
    file = shared_site.program(f"cgi-bin/{name}", source)
    response = shared.get(f"/cgi-bin/{name}")
    sentence = reason(shared, response)
    assert response.status == 502 and sentence.startswith(str(file))
    assert re.search(words, sentence), sentence


@clause("failures-precise-log")
@pytest.mark.parametrize("name, source, mode", [
    ("crlf", PLAIN.replace("\n", "\r\n"), 0o755),
    ("crlf-after-env", PLAIN.replace("/bin/sh\n", "/usr/bin/env sh\r\n"), 0o755),
    ("bom", b"\xef\xbb\xbf" + PLAIN.encode(), 0o755),
    ("mode", PLAIN, 0o644),
])
def test_command_in_the_sentence_is_the_remedy(shared, shared_site, name, source, mode):
    shared_site.program(f"cgi-bin/{name}", source, mode)
    sentence = reason(shared, shared.get(f"/cgi-bin/{name}"))
    command = re.search(r"(?:convert it|remove it|run): (.*)$", sentence)[1]
    subprocess.run(shlex.split(command), check=True)
    works(shared, f"/cgi-bin/{name}")


@clause("failures-precise-log")
@pytest.mark.parametrize("line", [
    "#!/opt/none/sh", "#!/opt/none/sh5.1", "#!/usr/bin/env sh -u", "#!/usr/bin/env sh5.1",
    "#!/usr/bin/env sh5", "#!/usr/bin/env -S sh5 -u"])
def test_first_line_in_the_sentence_is_the_remedy(shared, shared_site, line):
    source = PLAIN.replace("#!/bin/sh", line)
    shared_site.program("first-line.cgi", source)
    sentence = reason(shared, shared.get("/first-line.cgi"))
    better = re.search(r"(#!\S+(( -S)? sh( -u)?)?)", sentence)[1]
    shared_site.program("first-line.cgi", source.replace(line, better))
    works(shared, "/first-line.cgi")


def test_env_that_finds_nothing(start, site):
    site.program("env.cgi", "#!/usr/bin/env no-such-python\n")
    server = start(config=cgi_site(site.root, cgi='env = { PATH = "/opt/none:/usr/bin" }'))
    assert server.get("/env.cgi").status == 502
    server.wait_log("has env look for 'no-such-python', which is not in its PATH, "
                    "/opt/none:/usr/bin; install it")


@pytest.mark.parametrize("there, line, words", [
    ("python3", "#!/usr/bin/env python", "correct it to #!/usr/bin/env python3"),
    ("python3", "#!/usr/bin/env python3.9", "correct it to #!/usr/bin/env python3"),
    ("perl", "#!/usr/bin/env perl5", "correct it to #!/usr/bin/env perl"),
    ("python3", "#!/usr/bin/env perl", "install it, or set PATH in env"),
])
def test_env_is_told_the_name_that_is_there(start, site, there, line, words):
    site.program(f"bin/{there}", PLAIN)
    site.program("env.cgi", f"{line}\n")
    server = start(config=cgi_site(site.root, cgi=f'env = {{ PATH = "{site.root}/bin" }}'))
    assert reason(server, server.get("/env.cgi")).endswith(words)


def test_crash_of_what_no_configuration_runs(shared, shared_site):
    shared_site.program("crash.cgi", "#!/bin/sh\nkill -SEGV $$\n")
    sentence = reason(shared, shared.get("/crash.cgi"))
    assert sentence.endswith(f"a fault in it; run it by hand: cgisrv exec {shared_site.root}/crash.cgi")


PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


@pytest.mark.fault("24c")
@pytest.mark.parametrize("name, source, mode, status, words", [
    ("logo.png", PNG, 0o644, 403, r"logo\.png is a PNG image, and not a program; move it out of"),
    ("copied.png", PNG, 0o755, 502, r"copied\.png is a PNG image, and not a program; move it"),
    ("nameless", PNG, 0o644, 403, "nameless is a PNG image.*a location with cgi = false"),
    ("style.css", "b {}", 0o644, 403, r"style\.css is a style sheet, and not a program; move it"),
    ("copied.css", "b {}", 0o755, 502, r"copied\.css is a style sheet, and not a program; move"),
    ("module", "x = 1\n", 0o644, 403,
     "is not executable and has no interpreter line; .*chmod \\+x.*; if it is not, move it"),
    ("script.txt", PLAIN, 0o644, 403, r"script\.txt is not executable; run: chmod \+x"),
])
def test_file_that_is_no_program(shared, shared_site, name, source, mode, status, words):
    shared_site.program(f"cgi-bin/{name}", source, mode)
    response = shared.get(f"/cgi-bin/{name}")
    assert response.status == status
    assert re.search(words, sentence := reason(shared, response)), sentence


@pytest.mark.fault("24a")
def test_windows_line_ends_behind_env_in_what_a_program_starts(shared, shared_site):
    other = shared_site.program("windows-tool", "#!/usr/bin/env sh\r\necho\r\n")
    shared_site.program("starts.cgi", f"#!/bin/sh\nexec {other}\n")
    sentence = reason(shared, shared.get("/starts.cgi"))
    assert sentence.endswith("a script that it started has Windows line ends, so that env looked for "
                             r"a program named 'sh\r'; convert that one: sed -i 's/\r$//' SCRIPT")


@clause("failures-precise-log")
def test_binary_for_another_machine(shared, shared_site):
    file = shared_site.c_program("other.cgi", f"#include <stdio.h>\nint main(void) {{ {C_PAGE} }}")
    works(shared, "/other.cgi")
    binary = bytearray(file.read_bytes())
    binary[18:20] = b"\x16\0" if binary[5] == 1 else b"\0\x16"  # S/390
    shared_site.program("other.cgi", bytes(binary))
    sentence = reason(shared, shared.get("/other.cgi"))
    assert "is a binary for S/390, and this machine is " in sentence
    assert {"x86_64": "x86-64", "aarch64": "AArch64"}.get(os.uname().machine, "") in sentence


def test_damaged_binary(shared, shared_site):
    file = shared_site.c_program("damaged.cgi", f"#include <stdio.h>\nint main(void) {{{C_PAGE}}}")
    shared_site.program("damaged.cgi", file.read_bytes()[:40])
    assert "is a damaged binary" in reason(shared, shared.get("/damaged.cgi"))


def linked(site, name: str, *options: str) -> None:
    source = site.file(f"{name}.c", f"#include <stdio.h>\nint main(void) {{ {C_PAGE} }}")
    subprocess.run(["gcc", "-o", site.path(name), source, *options], check=True)


@clause("failures-precise-log")
@pytest.mark.parametrize("loader, words", [
    ("/lib/ld-musl-none.so.1", "musl, whose loader /lib/ld-musl-none.so.1 does not exist"),
    ("/opt/none/ld.so", "its loader /opt/none/ld.so does not exist; build it on this machine"),
])
def test_loader_that_is_not_there(shared, shared_site, loader, words):
    linked(shared_site, "loader.cgi", f"-Wl,--dynamic-linker={loader}")
    assert words in reason(shared, shared.get("/loader.cgi"))
    shared_site.program("script.cgi", f"#!{shared_site.root}/loader.cgi\n")
    assert words in reason(shared, shared.get("/script.cgi")), "as an interpreter"


def test_library_that_is_not_there(shared, shared_site):
    library = shared_site.root / "libgone.so"
    subprocess.run(["gcc", "-shared", "-o", library, "-x", "c", "-"], input=b"int gone;",
                   check=True)
    linked(shared_site, "library.cgi", "-Wl,--no-as-needed", str(library))
    library.unlink()
    sentence = reason(shared, shared.get("/library.cgi"))
    assert "exit status 127" in sentence and "libgone.so" in sentence and "see ldd" in sentence


@clause("failures-precise-log")
def test_binary_that_is_being_written(shared, shared_site):
    file = shared_site.c_program("busy.cgi", f"#include <stdio.h>\nint main(void) {{ {C_PAGE} }}")
    with open(file, "ab"):
        response = shared.get("/busy.cgi")
        assert response.status == 503 and response.header("Retry-After")
        assert "busy.cgi is being written to; try again" in reason(shared, response)
    works(shared, "/busy.cgi")


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone can become another user")
def test_folder_that_may_not_be_entered(start):
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are closed to others
        closed = Path(folder)
        (closed / "in").mkdir()
        (closed / "in/program.cgi").write_text(PLAIN)
        (closed / "in/program.cgi").chmod(0o755)
        server = start(config=cgi_site(folder, server='user = "nobody"'))
        response = server.get("/in/program.cgi")
        assert response.status == 403
        command = re.search(r"may not enter \S+; run: (.*)$", reason(server, response))[1]
        assert command.endswith(folder)
        subprocess.run(shlex.split(command), check=True)
        works(server, "/in/program.cgi")


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone can become another user")
def test_what_stands_in_the_way_is_what_the_remedy_opens(start):
    """Closed folders behind links, and scripts that their interpreter cannot read."""
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site"
        closed = Path(folder) / "closed"
        for path in (site, closed / "in", Path(folder) / "bin"):
            path.mkdir(parents=True)
        interpreter = Path(folder) / "bin/sh"
        interpreter.symlink_to(closed / "in/sh")
        shutil.copy("/bin/sh", closed / "in/sh")
        for path, source, mode in ((closed / "in/program", PLAIN, 0o755), (site / "own.cgi", PLAIN, 0o700),
                                   (site / "none.cgi", PLAIN, 0o600), (site / "blind.cgi", PLAIN, 0o711),
                                   (site / "by.cgi", PLAIN.replace("/bin/sh", str(interpreter)), 0o755)):
            path.write_text(source)
            path.chmod(mode)
        (site / "relative.cgi").symlink_to("link/in/program")
        (site / "link").symlink_to(closed)
        for path in (Path(folder), site, Path(folder) / "bin"):
            path.chmod(0o755)
        server = start(config=cgi_site(site, server='user = "nobody"'))
        for name, words, remedy in (
                ("relative", f"user nobody may not enter {closed}, where a symbolic link on its path "
                             "leads; move the program elsewhere, or run: ", f"chmod a+x {closed}"),
                ("by", f"its interpreter .* may not enter {closed}, .* or run: ", f"chmod a+x {closed}"),
                ("own", "is not executable for user nobody; run: ", f"chmod a+rx {site}/own.cgi"),
                ("none", "is not executable; run: ", f"chmod a+rx {site}/none.cgi"),
                ("blind", "user nobody may not read it, .*; run: ", f"chmod a+r {site}/blind.cgi")):
            closed.chmod(0o700)
            sentence = reason(server, server.get(f"/{name}.cgi"))
            assert re.search(words + re.escape(remedy) + "$", sentence), sentence
            subprocess.run(shlex.split(remedy), check=True)
            works(server, f"/{name}.cgi")


CLONE_NEWNS, MS_NOEXEC, MS_REC, MS_PRIVATE = 0x20000, 8, 0x4000, 0x40000


@clause("failures-precise-log", "rfc9110-15.5.4-not-executable")
def test_noexec_mount(start, site):
    """In a mount namespace of the server's own."""
    libc = ctypes.CDLL(None, use_errno=True)
    folder = site.path("noexec/deep/x").parent.parent
    site.program("probe.cgi", PLAIN)

    def mount() -> None:
        if (libc.unshare(CLONE_NEWNS) != 0
                or libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) != 0
                or libc.mount(b"none", bytes(folder), b"tmpfs", MS_NOEXEC, b"size=1m") != 0):
            (site.root / "refused").write_text("x")

    server = start(site, preexec=mount)
    if (site.root / "refused").exists():
        pytest.skip("mounting is not allowed here")
    inside = Path(f"/proc/{server.pid}/root{folder}/deep/there.cgi")
    inside.parent.mkdir()
    inside.write_text(PLAIN)
    inside.chmod(0o755)
    site.program("interpreted.cgi", f"#!{folder}/deep/there.cgi\n")
    works(server, "/probe.cgi")
    response = server.get("/noexec/deep/there.cgi")
    sentence = reason(server, response)
    assert response.status == 403 and f"lies on {folder}, which is mounted noexec" in sentence
    response = server.get("/interpreted.cgi")
    assert response.status == 502 and "mounted noexec" in reason(server, response)
    command = re.search(r"run: (.*)$", sentence)[1]
    subprocess.run(["nsenter", "-t", str(server.pid), "-m", *shlex.split(command)], check=True)
    works(server, "/noexec/deep/there.cgi")


# It ends before it has printed a header.


@pytest.mark.parametrize("source, words", [
    ("#!/bin/sh\nexit 3\n", "exit status 3 before it printed a header: it wrote nothing"),
    ("#!/bin/sh\necho one >&2\necho the database is locked >&2\nexit 1\n",
     "its standard error says why: the database is locked$"),
    ("#!/usr/bin/python3\nimport no_such_module\n", "says why: ModuleNotFoundError: No module"),
    ("#!/usr/bin/perl\ndie 'no more';\n", "says why: no more at .* line 2"),
    ("#!/bin/sh\necho 'boom' >&2\n"
     "printf \"x.py:2: DeprecationWarning: 'cgi' is deprecated\\n  import cgi\\n\" >&2\nexit 1\n",
     "says why: boom$"),
    ("#!/bin/sh\nprintf \"x.py:2: DeprecationWarning: 'cgi' is deprecated\\n  import cgi\\n\" >&2\n"
     "exit 1\n", "header: its standard error does not say why; run it by hand$"),
    ("#!/bin/sh\nno-such-command\n", "exit status 127 .* no-such-command: not found"),
    ("#!/bin/sh\nsh -c 'kill -KILL $$'\nexit $?\n",
     "exit status 137 .*: something that it ran was killed by SIGKILL"),
    ("#!/bin/sh\nkill -KILL $$\n",
     r"killed by signal 9 \(SIGKILL\) before it printed a header: not by this server"),
    ("#!/bin/sh\nkill -HUP $$\n", r"\(SIGHUP\) before it printed a header: not by this server"),
    ("#!/bin/sh\nprintf 'Content-Type: te'\nkill -SEGV $$\n",
     r"\(SIGSEGV\) before it printed a header: a fault in it"),
], ids=["silent", "last line", "python", "perl", "warning", "warnings alone", "not found", "137", "KILL", "HUP", "within it"])
def test_ends_before_its_header(shared, shared_site, source, words):
    shared_site.program("ends.cgi", source)
    response = shared.get("/ends.cgi")
    sentence = reason(shared, response)
    assert response.status == 502 and re.search(words, sentence), sentence


@pytest.mark.parametrize("number, code, words", [
    (signal.SIGPIPE, "int p[2]; pipe(p); close(p[0]); write(p[1], p, 1);", "nobody reads any more"),
    (signal.SIGILL, "__builtin_trap();", "has an instruction that this processor lacks"),
    (signal.SIGABRT, "abort();", "a fault in it"),
    (signal.SIGFPE, "raise(SIGFPE);", "divided by zero"),
    (signal.SIGSYS, """
        struct sock_filter none[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
                                     BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
                                     BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
                                     BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
        struct sock_fprog filter = {4, none};
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
        syscall(SYS_getppid);""", r"a system call that a filter forbids \(seccomp\)"),
], ids=lambda value: value.name if isinstance(value, signal.Signals) else "")
def test_killed_by_a_signal_of_its_own_making(shared, shared_site, number, code, words):
    shared_site.c_program("signal.cgi", f"""
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(void) {{ {code} }}""")
    sentence = reason(shared, shared.get("/signal.cgi"))
    if number == signal.SIGILL and "SIGTRAP" in sentence:
        pytest.skip("this machine has no illegal instruction")
    assert f"killed by signal {number.value} ({number.name})" in sentence
    assert re.search(words, sentence), sentence


# A limit ends it.


@pytest.fixture
def limited(start, site):
    def start_limited(lines: str):
        return start(config=cgi_site(site.root, cgi=lines))
    return start_limited


@pytest.mark.parametrize("then, words", [
    ("", r"\(SIGXCPU\) before it printed a header: it used more than 1 s of processor time; "
         "raise cpu in rlimits"),
    ("trap '' XCPU\n", r"\(SIGKILL\) before it printed a header: it used more than 1 s"),
], ids=["XCPU", "KILL"])
def test_processor_time(limited, site, then, words):
    site.program("spins.cgi", f"#!/bin/sh\n{then}while :; do :; done\n")
    server = limited('rlimits = { cpu = "1s" }')
    assert server.get("/spins.cgi").status == 502
    server.wait_log(words)


def test_processor_time_after_the_header(limited, site):
    site.program("spins.cgi", f"{PLAIN}while :; do :; done\n")
    server = limited('rlimits = { cpu = "1s" }')
    response = server.get("/spins.cgi")
    assert response.status == 200 and not response.complete
    server.wait_log(r"\(SIGXCPU\) after its header, so that the response is cut: it used more than")


def test_size_of_a_file(limited, site):
    site.program("writes.cgi", "#!/bin/sh\nexec head -c 2000000 /dev/zero > big\n")
    server = limited('rlimits = { fsize = "1m" }')
    assert server.get("/writes.cgi").status == 502
    server.wait_log(r"\(SIGXFSZ\) .*: it wrote a file of more than 1m; raise fsize in rlimits")


def test_address_space(limited, site):
    site.c_program("hungry.cgi", """
#include <stdlib.h>
#include <string.h>
int main(int argc, char** argv) {
  char* memory = malloc(200 << 20);
  memset(memory, argc, 200 << 20);
  return memory[argc << 20];
}""")
    server = limited('rlimits = { as = "100m" }')
    assert server.get("/hungry.cgi").status == 502
    server.wait_log(r"\(SIGSEGV\) .*: .* not enough memory; raise as in rlimits, which is 100m")


@pytest.mark.parametrize("limit, source, words", [
    ('as = "200m"', "x = bytearray(1 << 30)", "says why: MemoryError; raise as in rlimits, which is 200m"),
    ('fsize = "1m"', "open('big', 'wb', buffering=0).write(bytes(1 << 20)); "
                     "open('big', 'ab', buffering=0).write(b'x')",
     r"File too large; raise fsize in rlimits, which is 1m"),
    ("nofile = 16", "all = [open('/dev/null') for _ in range(99)]",
     r"Too many open files.*; raise nofile in rlimits, which is 16"),
])
def test_limit_that_an_interpreter_tells_in_its_own_words(limited, site, limit, source, words):
    site.program("limited.cgi", f"#!/usr/bin/python3\n{source}\n")
    server = limited(f"rlimits = {{ {limit} }}")
    assert server.get("/limited.cgi").status == 502
    server.wait_log(words)


@pytest.mark.parametrize("limit, source, words", [
    ("header_timeout", "#!/bin/sh\nsleep 30\n", "printed no header"),
    ("idle_timeout", f"{PLAIN}sleep 30\n", "printed nothing"),
    ("timeout", f"{PLAIN}while :; do echo x; sleep 0.05; done\n", "did not end"),
])
def test_time_names_its_limit(limited, site, limit, source, words):
    site.program("slow.cgi", source)
    server = limited(f'{limit} = "500ms"\ngrace = "500ms"')
    server.get("/slow.cgi")
    server.wait_log(rf"slow\.cgi: {words} within 0\.5 s \({limit}\), and was ended; (it waited for something: [^;]+; )?raise {limit} if")


@contextmanager
def memory_cgroup(bytes_max: int):
    """A cgroup of either version with that much memory; skips where there is none to be had."""
    for parent, limit in (("/sys/fs/cgroup", "memory.max"),
                          ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")):
        group = Path(parent) / f"cgisrv-test-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        if (group / limit).exists():
            (group / limit).write_text(str(bytes_max))
            break
        group.rmdir()
    else:
        pytest.skip("no cgroup of ours can be given a limit of memory")
    try:
        yield group
    finally:
        for process in (group / "cgroup.procs").read_text().split():
            (group.parent / "cgroup.procs").write_text(process)
        group.rmdir()


@pytest.mark.plain(only="sanitizers take more memory than the cgroup of this test has")
def test_out_of_memory(start, site):
    site.c_program("hungry.cgi", """
#include <stdlib.h>
#include <string.h>
int main(int argc, char** argv) {
  for (char* last = 0;; *(char**)last = last) last = memset(malloc(1 << 20), argc, 1 << 20);
}""")
    site.program("probe.cgi", PLAIN)
    with memory_cgroup(64 << 20) as group:
        server = start(site, preexec=lambda: (group / "cgroup.procs").write_text("0"))
        response = server.get("/hungry.cgi")
        assert response.status == 502
        assert "(SIGKILL) before it printed a header: the kernel ran out of memory" in reason(
            server, response)
        works(server, "/probe.cgi")
        server.popen.terminate()
        server.popen.wait(25)


# Its header is wrong.


@pytest.mark.parametrize("output, words", [
    ("Hello\n", r'print "Content-Type: text/html" and an empty line first.*: "Hello"'),
    ("Hello\nContent-Type: text/html\n\npage\n",
     'but one comes later in it: let it flush its own output before .*: "Hello"'),
    ("Tue Dec  1 16:26:15 UTC 2026\nContent-Type: text/html\n\n", 'but one comes later in it: .*: "Tue Dec'),
    ("Hello\n", "or serve by a configuration with headerless = "),
    ("Content Type: text/html\nStatus: 200\n\n", 'an empty line first.*: "Content Type: text/html"'),
    ("Content-Type: text/html\n<p>Hello\n\n", 'an empty line must stand.*: "<p>Hello"'),
    ("Content-Type : text/html\n\n", 'a space before its colon.*: "Content-Type : text/html"'),
    ("HTTP/1.1 200 OK\nContent-Type: text/html\n\n",
     'prints a whole HTTP response; print "Status: 200 OK" in the place'),
    ("\nContent-Type: text/html\n\nhello", "begins with an empty line"),
    ("Status: fine\n\n", 'does not begin with three digits: "Status: fine"'),
    ("Status: 200OK\n\n", 'no space after its three digits: "Status: 200OK"'),
    ("\ufeffContent-Type: text/html\n\n", "begins with a byte order mark"),
    ("-e Content-Type: text/html\n\n", "begins with \"-e\".* use printf"),
    ("Traceback (most recent call last):\n  File\nKeyError: 'x'\n", "failed, .*: \"KeyError: 'x'\""),
])
@pytest.mark.fault("19")
def test_header_that_is_wrong(shared, shared_site, output, words):
    shared_site.prints("wrong.cgi", output)
    response = shared.get("/wrong.cgi")
    sentence = reason(shared, response)
    assert response.status == 502 and re.search(words, sentence), sentence


@pytest.mark.fault("19")
@pytest.mark.parametrize("name, source, words", [
    ("cgitb.cgi", "#!/usr/bin/python3\nimport cgitb\ncgitb.enable()\n"
                  "def inner():\n  raise KeyError('no such user')\ninner()\n",
     r"cgitb printed the error .*: \"KeyError: 'no such user'\""),
    ("echo.cgi", "#!/bin/dash\necho -e 'Content-Type: text/html\\n'\n", "use printf"),
    ("module.cgi", "#!/usr/bin/perl\nuse No::Such::Module;\n",
     r"its standard error says why: Can't locate No/Such/Module\.pm"),
    ("syntax.cgi", "#!/usr/bin/perl\nmy $x = ;\n", r"its standard error says why: syntax error at"),
])
def test_the_telling_line_of_what_it_wrote(shared, shared_site, name, source, words):
    shared_site.program(name, source)
    response = shared.get(f"/{name}")
    sentence = reason(shared, response)
    assert response.status == 502 and re.search(words, sentence), sentence


def test_whole_response_is_served_under_the_name_that_the_sentence_asks_for(shared, shared_site):
    program = shared_site.prints("whole.cgi", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
    assert "nph-" in reason(shared, shared.get("/whole.cgi"))
    program.rename(program.with_name("nph-whole.cgi"))
    assert shared.get("/nph-whole.cgi").body == b"hi"


# Who is told.

FAILS = "#!/bin/sh\nseq 100000 199999 >&2\nexit 3\n"
LAST = b"".join(b"%d\n" % number for number in range(100000, 200000))[-4096:].decode()
HTML = ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")


@pytest.mark.parametrize("headers", [[HTML], []], ids=["browser", "curl"])
def test_author_is_shown_reason_exit_and_4_kb_of_standard_error(shared, shared_site, headers):
    shared_site.program("fails.cgi", FAILS)
    response = shared.get("/fails.cgi", headers)
    assert response.header("Content-Type").startswith("text/html" if headers else "text/plain")
    assert "xit status 3 before it printed a header: its standard error says why: 199999" in (
        response.text)
    whole, first = LAST.split("\n", 1)[1], LAST.split("\n", 1)[0]
    assert whole.strip() in response.text.replace("\n    ", "\n"), "all of the last 4 KB"
    assert str(int(whole[:6]) - 2) not in response.text and len(first) < 6, "and no more"


@pytest.mark.parametrize("where", ["every address", "a unix socket"])
@pytest.mark.parametrize("headers", [[HTML], []], ids=["browser", "curl"])
def test_others_are_shown_status_and_request_id(start, site, tmp_path, headers, where):
    """A directory that is served on every address, to a client that comes over loopback; or on a
    socket, to a client that may have come by a proxy."""
    site.program("fails.cgi", "#!/bin/sh\necho oh dear >&2\nexit 3\n")
    site.file("folder/hello.txt", "hello")
    unix = tmp_path / "socket"
    server = start(site, "-l", f"unix:{unix}" if where == "a unix socket" else "0.0.0.0:0")
    if where == "a unix socket":
        server.address_override = str(unix)
    assert server.get("/folder/", headers).status == 404
    response = server.get("/fails.cgi", headers)
    assert response.status == 502 and "502" in response.text
    assert "exit status 3" in reason(server, response), "by the id, the log has all"
    for secret in ("oh dear", "exit status", str(site.root), "fails.cgi"):
        assert secret not in response.text

"""What a program finds when it starts, and what is left when ten thousand have run."""

import os
import pwd
import resource
import shutil
import signal
import tempfile
import threading
from pathlib import Path

import pytest

from support.clauses import clause
from support.client import Connection
from support.configuration import cgi_site
from support.processes import descriptors
from support.programs import PLAIN
from support.site import Site
from support.waiting import until

# A report of the process itself, made without opening anything before it has counted.
SELF = r"""
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
int main(int argc, char** argv) {
  char open_ones[8192], cwd[4096];
  int length = 0;
  for (int fd = 0; fd < 65536 && length < 8000; fd++)
    if (fcntl(fd, F_GETFD) >= 0) length += sprintf(open_ones + length, "%d ", fd);
  printf("Content-Type: text/plain\n\n");
  printf("descriptors: %s\nargc: %d\nargv0: %s\n", open_ones, argc, argv[0]);
  printf("cwd: %s\npid: %d\ngroup: %d\n", getcwd(cwd, sizeof cwd), getpid(), getpgrp());
  for (int resource = 0; resource < RLIM_NLIMITS; resource++) {
    struct rlimit limit;
    getrlimit(resource, &limit);
    printf("rlimit%d: %llu %llu\n", resource, (unsigned long long)limit.rlim_cur,
           (unsigned long long)limit.rlim_max);
  }
  FILE* status = fopen("/proc/self/status", "r");
  char line[512];
  while (fgets(line, sizeof line, status)) fputs(line, stdout);
}
"""
RLIMIT_CPU, RLIMIT_NOFILE, RLIMIT_AS = 0, 7, 9

QUICK = r"""
#include <unistd.h>
int main(void) {
  static const char page[] = "Content-Type: text/plain\nContent-Length: 5\n\nhello";
  return write(1, page, sizeof page - 1) != sizeof page - 1;
}
"""


@pytest.fixture(scope="module")
def shared_site(shared_site: Site) -> Site:
    shared_site.c_program("folder/self.cgi", SELF)
    shared_site.c_program("cgi-bin/self", SELF)
    shared_site.program("arguments.cgi", PLAIN + "printf %s $#\n")
    return shared_site


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")


@pytest.fixture
def open_site(compile_c):
    """A site that every user can read: pytest's own folders are for one alone."""
    folder = Path(tempfile.mkdtemp(prefix="cgisrv-test-", dir="/tmp"))
    folder.chmod(0o755)
    yield Site(folder / "site", compile_c)
    shutil.rmtree(folder)


def as_nobody(site: Site, cgi: str = "") -> str:
    return cgi_site(site.root, server='user = "nobody"', cgi=cgi)


def report(response) -> dict[str, str]:
    assert response.status == 200, response
    return {name: value.strip() for name, value in
            (line.split(":", 1) for line in response.text.splitlines() if ":" in line)}


@pytest.fixture
def myself(shared):
    return lambda target="/folder/self.cgi": report(shared.get(target))


@clause("programs-clean-start")
def test_exactly_three_descriptors(myself):
    assert myself()["descriptors"] == "0 1 2"


@clause("programs-clean-start")
def test_exactly_three_descriptors_while_the_worker_has_many(shared):
    """Other connections, other programs' pipes, files: nothing is inherited."""
    others = [shared.connect() for _ in range(20)]
    for connection in others:
        connection.request("GET", "/folder/self.cgi")
    assert report(shared.get("/folder/self.cgi"))["descriptors"] == "0 1 2"


@clause("programs-clean-start")
def test_descriptors_of_the_servers_starter_are_not_inherited(start, site):
    site.c_program("self.cgi", SELF)

    def open_many() -> None:
        for fd in (5, 17, 100):
            os.dup2(0, fd, inheritable=True)

    server = start(site, preexec=open_many)
    assert report(server.get("/self.cgi"))["descriptors"] == "0 1 2"


@clause("programs-clean-start")
def test_default_signals_and_empty_mask(myself):
    status = myself()
    for name in ("SigIgn", "SigBlk", "SigCgt", "SigPnd"):
        assert int(status[name], 16) == 0, f"{name} {status[name]}"


@clause("programs-clean-start")
def test_default_signals_whatever_the_server_was_started_with(start, site):
    """nohup ignores SIGHUP, a careless parent blocks others."""
    site.c_program("self.cgi", SELF)

    def careless() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGTERM, signal.SIGCHLD])

    server = start(site, preexec=careless)
    status = report(server.get("/self.cgi"))
    for name in ("SigIgn", "SigBlk"):
        assert int(status[name], 16) == 0, f"{name} {status[name]}"


@clause("programs-clean-start")
@pytest.mark.fault("20")
@pytest.mark.parametrize("how", ["cold", "warm"])
def test_umask_is_the_server_s_unless_configured(start, site, how):
    """What an administrator has closed stays closed."""
    for name in ("inherits", "027", "022"):
        site.program(f"{name}/umask.cgi", "#!/usr/bin/perl\n"
                     "printf \"Content-Type: text/plain\\n\\n%03o\", umask;\n")
    locations = "".join(f"""
[[site.location]]
match = "/{name}/"
cgi = true
start = "{how}"
{f'umask = "{name}"' if name.isdigit() else ""}
""" for name in ("inherits", "027", "022"))
    server = start(config=f'[[site]]\nroot = "{site.root}"\n{locations}',
                   preexec=lambda: os.umask(0o077))
    for name, mask in (("inherits", b"077"), ("027", b"027"), ("022", b"022")):
        target = f"/{name}/umask.cgi"
        assert server.get(target).body == mask
        if how == "warm":
            server.wait_log(rf"{target}: started warm", 20)
            assert {server.get(target).body for _ in range(10)} == {mask}
    server.checkpoint(settle=True)  # zygotes have their sockets


@pytest.mark.fault("20")
@pytest.mark.parametrize("mask", ['"27"', '"028"', "27", '"u=rwx"'])
def test_umask_that_is_none(run, site, tmp_path, mask):
    file = tmp_path / "wrong.toml"
    file.write_text(f"[cgi]\numask = {mask}\n[[site]]\nroot = '{site.root}'\n")
    checked = run("check", "-c", file)
    assert checked.returncode == 78 and f"{file}:2:9: 'umask'" in checked.stderr, checked.stderr


@pytest.mark.fault("23")
@pytest.mark.parametrize("how", ["cold", "warm"])
def test_time_zone_of_the_server_is_its_programs(start, site, how):
    """The log's times are in it, too. That of a configuration goes before."""
    source = ("#!/usr/bin/perl\nuse POSIX;\nprint \"Content-Type: text/plain\\n\\n"
              "$ENV{TZ} \", strftime('%z', localtime 0);\n")
    site.program("time.cgi", source)
    site.program("own/time.cgi", source)
    server = start(config=f"""
[[site]]
root = "{site.root}"
[[site.location]]
match = "*.cgi"
cgi = true
start = "{how}"
[[site.location]]
match = "/own/"
cgi = true
start = "{how}"
env = {{ TZ = "UTC" }}
""", environment={"TZ": "XXX-5:30"})
    for target, body in (("/time.cgi", b"XXX-5:30 +0530"), ("/own/time.cgi", b"UTC +0000")):
        assert server.get(target).body == body
        if how == "warm":
            server.wait_log(rf"{target}: started warm", 20)
            assert {server.get(target).body for _ in range(10)} == {body}
    server.checkpoint(settle=True)  # zygotes have their sockets


@clause("programs-clean-start")
def test_group_of_its_own(myself):
    status = myself()
    assert status["pid"] == status["group"]


@clause("rfc3875-7.2-working-directory")
@pytest.mark.parametrize("target, folder", [
    ("/folder/self.cgi", "folder"), ("/cgi-bin/self", "cgi-bin"),
    ("/folder/self.cgi/path/info", "folder")])
def test_cwd_is_the_scripts_folder(myself, shared_site, target, folder):
    """RFC 3875 section 7.2."""
    assert myself(target)["cwd"] == os.path.realpath(shared_site.root / folder)


@clause("rfc3875-4.4-no-command-line")
@pytest.mark.parametrize("query", [
    "-s", "%ADs", "a+b", "-d+allow_url_include%3d1", "--version", ""])
def test_no_command_line_from_the_query(shared, query):
    """RFC 3875 section 4.4 allows one; php-cgi was twice taken over by it (CVE-2012-1823)."""
    assert report(shared.get("/folder/self.cgi?" + query))["argc"] == "1"
    assert shared.get("/arguments.cgi?" + query).body == b"0"


def test_argv0_is_the_script(myself):
    assert os.path.basename(myself()["argv0"]) == "self.cgi"


@clause("programs-limits")
def test_rlimits_from_the_configuration(start, site):
    site.c_program("self.cgi", SELF)
    server = start(config=cgi_site(site.root,
                                   cgi='rlimits = { cpu = "7s", as = "1g", nofile = 64 }'))
    status = report(server.get("/self.cgi"))
    assert status[f"rlimit{RLIMIT_CPU}"].split()[0] == "7"
    assert status[f"rlimit{RLIMIT_AS}"].split()[0] == str(2**30)
    assert status[f"rlimit{RLIMIT_NOFILE}"].split()[0] == "64"


@clause("programs-limits")
def test_program_past_its_cpu_limit_is_ended(start, site):
    site.program("spin.cgi", "#!/bin/sh\nwhile :; do :; done\n")
    server = start(config=cgi_site(site.root, cgi='rlimits = { cpu = "1s" }'))
    assert server.get("/spin.cgi").status == 502
    server.wait_log(r"spin\.cgi.*(SIGXCPU|SIGKILL|signal)")


def test_low_file_limit_of_the_server_is_not_passed_on_raised(start, site):
    """Programs that close every descriptor up to the limit must not count to a million."""
    site.c_program("self.cgi", SELF)
    server = start(site, preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (512, 4096)))
    assert report(server.get("/self.cgi"))[f"rlimit{RLIMIT_NOFILE}"].split()[0] == "512"


@clause("programs-nothing-left")
@pytest.mark.slow
@pytest.mark.time_limit(180)
def test_ten_thousand_requests_leave_nothing(start, site):
    """No zombie, no descriptor more than before, no temporary file: the fixtures look."""
    site.c_program("quick.cgi", QUICK)
    server = start(site)
    failures: list[object] = []

    def ask() -> None:
        try:
            with Connection(server.address) as connection:
                for _ in range(2500):
                    response = connection.request("GET", "/quick.cgi")
                    if response.status != 200 or response.body != b"hello":
                        failures.append(response)
        except Exception as fault:  # the thread must report it
            failures.append(fault)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(150)
    assert not failures, failures[:3]
    assert until(lambda: not server.programs(), 2), server.programs()
    for pid in server.workers():
        assert not [t for t in descriptors(pid).values() if "(deleted)" in t]


# What programs do with themselves.


FORKS = r"""
#include <stdio.h>
#include <unistd.h>
int main(void) {
  int children = 0;
  FILE* count = fopen("count", "w");
  while (children < 400) {
    pid_t pid = fork();
    if (pid == 0) for (;;) pause();
    if (pid < 0) break;
    fprintf(count, "%d\n", ++children), fflush(count);
  }
  for (;;) pause();
}
"""

# How many children it may have, all of which it takes along.
COUNTS = r"""
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
int main(void) {
  pid_t children[400];
  int count = 0;
  while (count < 400 && (children[count] = fork()) >= 0) {
    if (children[count] == 0) for (;;) pause();
    count++;
  }
  for (int i = 0; i < count; i++) kill(children[i], SIGKILL);
  printf("Content-Type: text/plain\n\n%d", count);
}
"""


@clause("programs-fork-forever", "programs-limits")
def test_program_that_forks_and_forks_is_ended_with_all_its_children(start, site):
    site.c_program("forks.cgi", FORKS)
    server = start(config=cgi_site(site.root, cgi='timeout = "3s"\ngrace = "500ms"'))
    assert server.get("/forks.cgi").status == 504
    assert int((site.root / "count").read_text().split()[-1]) == 400
    assert until(lambda: not server.programs() and not server.left_behind(), 5)


@needs_root
@clause("programs-fork-forever", "programs-limits")
def test_limit_of_processes(start, open_site):
    """RLIMIT_NPROC counts what the user has on the whole machine, and spares root."""
    open_site.c_program("counts.cgi", COUNTS)
    server = start(config=as_nobody(open_site, "rlimits = { nproc = 40 }"))
    response = server.get("/counts.cgi")
    assert response.status == 200 and 0 <= int(response.body) < 40


@clause("programs-exec")
def test_program_that_becomes_another(shared, shared_site):
    """The same process: its output is the response, its end is the end."""
    shared_site.program("becomes.cgi", "#!/bin/sh\necho $$ > pid\nexec ./other.cgi\n")
    shared_site.program("other.cgi", PLAIN + "cat pid; echo $$\n")
    before, after = shared.get("/becomes.cgi").text.split()
    assert before == after


@clause("programs-clean-start")
def test_no_capability_where_the_server_serves_as_a_user(start, site, open_site):
    if os.geteuid() == 0:
        open_site.c_program("self.cgi", SELF)
        server = start(config=as_nobody(open_site))
    else:
        site.c_program("self.cgi", SELF)
        server = start(site)
    status = report(server.get("/self.cgi"))
    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(status[name], 16) == 0, f"{name} {status[name]}"
    if os.geteuid() == 0:
        assert set(status["Uid"].split()) == {str(pwd.getpwnam("nobody").pw_uid)}
        assert status["Groups"] in ("", status["Gid"].split()[0])


def test_file_changed_between_requests_is_run_anew(shared, shared_site):
    for n in range(3):
        shared_site.program("changes.cgi", PLAIN + f"printf {n}\n")
        assert shared.get("/changes.cgi").body == str(n).encode()

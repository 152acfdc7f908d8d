"""What workers and programs may do: users, groups, capabilities, no_new_privs, what they inherit.

As root the servers give root away; otherwise there is nothing to give, and only the rest is tested.
"""

import ctypes
import grp
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from support.binary import BINARY
from support.clauses import clause
from support.configuration import cgi_site
from support.processes import status_field
from support.programs import PLAIN
from support.server import Server
from support.site import Site
from support.waiting import until

NOBODY = pwd.getpwnam("nobody")
CAPABILITY_SETS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
STATUS = PLAIN + "exec cat /proc/self/status\n"
PR_SET_KEEPCAPS, PR_CAP_AMBIENT, CAP_NET_BIND_SERVICE = 8, 47, 10

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
def tmp_path():
    """One that any user can reach, which pytest's own is not."""
    folder = Path(tempfile.mkdtemp(prefix="cgisrv-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def site(site):
    site.program("status.cgi", STATUS)
    return site


@pytest.fixture
def reachable_binary(tmp_path) -> Path:
    """For servers that nobody starts."""
    return Path(shutil.copy(BINARY, tmp_path / "cgisrv"))


def config(site: Site, user: str = "", location: str = "") -> str:
    return cgi_site(site.root, location, server=user)


def report(response) -> dict[str, str]:
    assert response.status == 200, response
    lines = (line.split(":", 1) for line in response.text.splitlines() if ":" in line)
    return {name: value.strip() for name, value in lines}


# Whom workers and programs are.


@as_root
def test_a_root_that_the_user_cannot_enter_is_told(start, site, run):
    closed = site.path("closed/www/page.html")
    site.file("closed/www/page.html", "a page")
    closed.parent.parent.chmod(0o700)
    text = config(site, 'user = "nobody"').replace(f'"{site.root}"', f'"{closed.parent}"')
    server = start(config=text)
    told = f"the user nobody may not enter {closed.parent.parent}, and finds nothing of root = "
    server.wait_log(f"warn .*{told}")
    assert server.get("/page.html").status == 403
    checked = run("check", "-c", server.temporary.parent / "cgisrv.toml")
    assert f"note: as it is here, {told}" in checked.stderr


@as_root
@pytest.mark.parametrize("served, says", [
    ("closed", "user nobody may not enter {}/closed; serve another folder, or run: chmod a+x {}/closed"),
    ("closed/in", "user nobody may not enter {}/closed; serve another folder, or run: chmod a+x {}/closed"),
    ("/root", "user nobody may not enter /root; serve another folder"),
    ("/root/www", "user nobody may not enter /root; serve another folder"),
])
def test_a_directory_that_we_cannot_enter_is_refused(site, reachable_binary, served, says):
    site.file("closed/in/page.html", "a page")
    site.path("closed").chmod(0o700)
    served = site.root / served
    done = subprocess.run([reachable_binary, served, "-l", "127.0.0.1:0"], user="nobody",
                          extra_groups=[], capture_output=True, text=True, timeout=30)
    assert done.returncode == 64, done
    assert done.stderr == f"cgisrv: cannot serve {served}: {says.replace('{}', str(site.root))}\n"


@as_root
def test_a_home_is_not_to_be_opened(start, site):
    text = config(site, 'user = "nobody"').replace(f'"{site.root}"', '"/root"')
    start(config=text).wait_log(
        'the user nobody may not enter /root, and finds nothing of root = "/root"; serve another folder$')


@as_root
def test_master_is_root_and_all_else_the_configured_user(start, site):
    server = start(config=config(site, 'user = "nobody"'))
    assert status_field(server.pid, "Uid").split() == ["0"] * 4
    seen = [report(server.get("/status.cgi")),
            *({name: status_field(pid, name) for name in ("Uid", "Gid", "Groups")}
              for pid in server.workers())]
    assert len(seen) == 3
    for one in seen:
        assert one["Uid"].split() == [str(NOBODY.pw_uid)] * 4
        assert one["Gid"].split() == [str(NOBODY.pw_gid)] * 4
        assert one["Groups"].split() == [str(NOBODY.pw_gid)]


@as_root
def test_groups_of_the_starter_are_not_kept(start, site):
    adm = grp.getgrnam("adm").gr_gid
    server = start(config=config(site, 'user = "nobody"'),
                   preexec=lambda: os.setgroups([0, adm]))
    assert report(server.get("/status.cgi"))["Groups"].split() == [str(NOBODY.pw_gid)]


@as_root
def test_supplementary_groups_are_the_users_own(start, site, tmp_path):
    """From /etc/group, of which this server sees one of its own."""
    groups = tmp_path / "group"
    groups.write_text(Path("/etc/group").read_text() + "printers:x:61234:nobody\n")
    libc = ctypes.CDLL(None, use_errno=True)
    new_namespace, bind, private = 0x00020000, 4096, (1 << 18) | 16384

    def with_our_groups() -> None:
        assert libc.unshare(new_namespace) == 0
        assert libc.mount(b"none", b"/", None, private, None) == 0
        assert libc.mount(bytes(groups), b"/etc/group", None, bind, None) == 0

    try:
        subprocess.run(["true"], preexec_fn=with_our_groups, check=True)
    except subprocess.SubprocessError:
        pytest.skip("no mount namespaces here")
    server = start(config=config(site, 'user = "nobody"'), preexec=with_our_groups)
    assert sorted(report(server.get("/status.cgi"))["Groups"].split()) == \
        sorted([str(NOBODY.pw_gid), "61234"])


@as_root
def test_group_other_than_the_users(start, site):
    daemon = str(grp.getgrnam("daemon").gr_gid)
    server = start(config=config(site, 'user = "nobody"\ngroup = "daemon"'))
    assert report(server.get("/status.cgi"))["Gid"].split() == [daemon] * 4


@as_root
@pytest.mark.fault("2f")
def test_root_for_programs_has_to_be_said(run, site, tmp_path):
    file = tmp_path / "cgisrv.toml"
    file.write_text(config(site, "workers = 1") + '[[listen]]\naddress = "127.0.0.1:0"\n')
    server = Server(["-c", str(file)], tmp_path / "server")
    try:
        expected = pwd.getpwnam("www-data").pw_uid
        server.wait_log("notice .*started as root: workers and programs run as www-data; "
                        "to run them as another, write user = ")
        assert report(server.get("/status.cgi"))["Uid"].split() == [str(expected)] * 4
        for worker in server.workers():
            assert status_field(worker, "Uid").split() == [str(expected)] * 4
    finally:
        assert not server.stop()
    assert run("check", "-c", file).returncode == 0
    assert f"Uid:\t{expected}" in run("exec", "--raw", "-c", file, site.root / "status.cgi").stdout


@as_root
def test_root_for_programs_where_it_is_said(start, site):
    """Its capabilities are what it is wanted for."""
    status = report(start(config=config(site, 'user = "root"')).get("/status.cgi"))
    assert status["Uid"].split() == ["0"] * 4
    assert int(status["CapEff"], 16) == int(status_field("self", "CapEff"), 16)


@as_root
def test_directory_mode_as_root_is_warned_about(start, site):
    start(site).wait_log("warn .*programs run as root")


def test_group_without_user_is_refused(run, site, tmp_path):
    file = tmp_path / "cgisrv.toml"
    file.write_text(f'[server]\ngroup = "daemon"\n[[site]]\nroot = "{site.root}"\n')
    result = run("-c", file)
    assert result.returncode == 78


# Capabilities.


@as_root
def test_no_capability_is_left(start, site):
    server = start(config=config(site, 'user = "nobody"'))
    program = report(server.get("/status.cgi"))
    for name in CAPABILITY_SETS:
        assert int(program[name], 16) == 0, name
        for pid in server.workers():
            assert int(status_field(pid, name), 16) == 0, name


def ambient_nobody() -> None:
    """As a service manager starts a server that has a user and one capability."""
    libc = ctypes.CDLL(None, use_errno=True)
    bit = 1 << CAP_NET_BIND_SERVICE
    os.setgroups([])
    assert libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0
    os.setresgid(*[NOBODY.pw_gid] * 3)
    os.setresuid(*[NOBODY.pw_uid] * 3)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    assert libc.capset(header, (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)) == 0
    assert libc.prctl(PR_CAP_AMBIENT, 2, CAP_NET_BIND_SERVICE, 0, 0) == 0


@as_root
def test_ambient_capability_of_the_master_is_its_own(start, site, reachable_binary):
    """systemd's AmbientCapabilities=CAP_NET_BIND_SERVICE: for the port, not for programs."""
    server = start(site, preexec=ambient_nobody, binary=reachable_binary)
    assert int(status_field(server.pid, "CapEff"), 16) == 1 << CAP_NET_BIND_SERVICE
    program = report(server.get("/status.cgi"))
    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(program[name], 16) == 0, name
        for pid in server.workers():
            assert int(status_field(pid, name), 16) == 0, name


# no_new_privs, and setuid programs that may or may not.

# Says who it is; exits as asked for.
WHO = r"""
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(void) {
  if (getenv("QUERY_STRING")[0] == 'f') return 3;
  printf("Content-Type: text/plain\n\n%d %d\n", (int)getuid(), (int)geteuid());
}
"""
ALLOWED = "allow_setuid = true"


def test_no_new_privs_for_programs_and_workers(server, site):
    site.program("status.cgi", STATUS)
    assert report(server.get("/status.cgi"))["NoNewPrivs"] == "1"
    assert [status_field(pid, "NoNewPrivs") for pid in server.workers()] == ["1", "1"]


@clause("failures-precise-log")
@as_root
def test_setuid_has_no_effect(start, site):
    site.c_program("who.cgi", WHO).chmod(0o4755)
    server = start(config=config(site, 'user = "nobody"'))
    assert server.get("/who.cgi").text == f"{NOBODY.pw_uid} {NOBODY.pw_uid}\n"
    server.wait_log(r"warn .*who\.cgi is setuid, which has no effect here; write allow_setuid")


@as_root
def test_setuid_has_its_effect_where_its_location_allows_it(start, site):
    site.c_program("who.cgi", WHO).chmod(0o4755)
    site.c_program("other/who.cgi", WHO).chmod(0o4755)
    more = '[[site.location]]\nmatch = "/other/"\ncgi = true\n'
    server = start(config=config(site, 'user = "nobody"', ALLOWED + "\n" + more))
    assert server.get("/who.cgi").text == f"{NOBODY.pw_uid} 0\n"
    assert server.get("/other/who.cgi").text == f"{NOBODY.pw_uid} {NOBODY.pw_uid}\n"
    assert report(server.get("/status.cgi"))["NoNewPrivs"] == "0"
    assert int(report(server.get("/status.cgi"))["CapEff"], 16) == 0


@as_root
def test_setuid_program_is_ended_like_any_other(start, site):
    """Its real user is ours, so that we may signal it."""
    site.c_program("sleep.cgi", "#include <unistd.h>\nint main(void) { pause(); }")
    (site.root / "sleep.cgi").chmod(0o4755)
    server = start(config=config(site, 'user = "nobody"',
                                 ALLOWED + '\nheader_timeout = "300ms"'))
    assert server.get("/sleep.cgi").status == 504
    assert until(lambda: not server.programs(), 2), server.programs()


def test_failure_of_a_setuid_program_says_why(server, site):
    site.c_program("who.cgi", WHO).chmod(0o4755)
    page = server.get("/who.cgi?fail").text
    assert "who.cgi is setuid, which has no effect here; write allow_setuid = true" in page


def test_failure_of_a_setgid_program_says_why(server, site):
    site.c_program("who.cgi", WHO).chmod(0o2755)
    assert "who.cgi is setgid, which has no effect here" in server.get("/who.cgi?fail").text


def test_failure_of_a_setuid_script_says_why(server, site):
    site.program("fail.cgi", "#!/bin/sh\nexit 3\n", 0o4755)
    assert "fail.cgi is setuid, which Linux ignores for scripts" in server.get("/fail.cgi").text


def test_failure_of_any_other_program_says_nothing_of_it(server, site):
    site.program("fail.cgi", "#!/bin/sh\nexit 3\n")
    page = server.get("/fail.cgi")
    assert page.status == 502 and "setuid" not in page.text


# Files that others can change.


@clause("failures-precise-log")
def test_program_that_everyone_can_write_is_reported_once_a_worker(server, site):
    site.program("open.cgi", PLAIN, 0o777)
    for _ in range(10):
        assert server.get("/open.cgi").status == 200
    server.wait_log(r"warn .*open\.cgi is writable by everyone: .*run: chmod o-w")
    assert 1 <= len(re.findall(r"open\.cgi is writable", server.log())) <= 2


@clause("failures-precise-log")
def test_program_in_a_folder_that_everyone_can_write_is_reported(server, site):
    site.program("open/one.cgi", PLAIN)
    (site.root / "open").chmod(0o777)
    assert server.get("/open/one.cgi").status == 200
    server.wait_log(r"warn .*/open/ is writable by everyone: .*run: chmod o-w")


def test_program_that_nobody_else_can_write_is_not_reported(server, site):
    site.program("closed/one.cgi", PLAIN)
    assert server.get("/closed/one.cgi").status == 200
    assert "writable" not in server.log()


# What programs could do to the server that starts them.

REACH = r"""
#include <fcntl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>
static void say(const char* what, long result) {
  printf("%s: %s\n", what, result >= 0 ? "POSSIBLE" : strerror(errno));
}
int main(void) {
  char path[64];
  pid_t worker = getppid();
  printf("Content-Type: text/plain\n\n");
  static const char* files[] = {"mem", "environ", "fd/0", "maps"};
  for (int i = 0; i < 4; i++) {
    sprintf(path, "/proc/%d/%s", (int)worker, files[i]);
    say(files[i], open(path, O_RDONLY));
  }
  int pidfd = syscall(SYS_pidfd_open, worker, 0);
  for (int fd = 0; fd < 32; fd++)
    if (syscall(SYS_pidfd_getfd, pidfd, fd, 0) >= 0) say("getfd", 0);
  say("ptrace", ptrace(PTRACE_ATTACH, worker, 0, 0));
}
"""


@as_root
def test_programs_cannot_look_into_their_worker(start, site):
    site.c_program("reach.cgi", REACH)
    server = start(config=config(site, 'user = "nobody"'))
    page = server.get("/reach.cgi")
    assert page.status == 200 and "POSSIBLE" not in page.text, page.text


@as_root
@pytest.mark.plain(only="the leak checker traces the worker")
def test_programs_cannot_look_into_a_worker_of_a_service_without_root(start, site,
                                                                      reachable_binary):
    site.c_program("reach.cgi", REACH)
    server = start(config=config(site, 'user = "nobody"'), preexec=ambient_nobody,
                   binary=reachable_binary)
    page = server.get("/reach.cgi")
    assert page.status == 200 and "POSSIBLE" not in page.text, page.text


def test_programs_have_no_terminal(start, site):
    """TIOCSTI would let them type into the shell that started the server."""
    site.program("tty.cgi", PLAIN + "(exec 3<>/dev/tty) 2>/dev/null && echo typing || echo none\n")
    leader, terminal = os.openpty()

    def with_terminal() -> None:
        os.setsid()
        os.close(os.open(os.ttyname(terminal), os.O_RDWR))  # the first one becomes ours
        os.close(os.open("/dev/tty", os.O_RDWR))

    server = start(site, preexec=with_terminal)
    assert server.get("/tty.cgi").text == "none\n"
    server.signal(signal.SIGTERM)
    server.popen.wait(25)
    os.close(terminal)
    os.close(leader)


def test_environment_of_the_master_is_not_inherited(start, site):
    site.program("env.cgi", PLAIN + "exec cat /proc/self/environ\n")
    server = start(site, environment={"CGISRV_TEST_SECRET": "hunter2"})
    assert "hunter2" not in server.get("/env.cgi").text


@as_root
def test_pid_file_that_is_a_link_is_not_written(run, site, tmp_path):
    """Where others can write the folder, root must not be led to a file of its own."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "pid").symlink_to(victim)
    file = tmp_path / "cgisrv.toml"
    file.write_text(f'[server]\nuser = "root"\npid_file = "{tmp_path}/pid"\n'
                    f'[[listen]]\naddress = "127.0.0.1:0"\n[[site]]\nroot = "{site.root}"\n')
    assert run("-c", file).returncode == 77
    assert victim.read_text() == "precious"

"""Programs that attack what keeps them warm, and the server by way of it.

A library that they are linked with is in the zygote before its fork point, and in each of its
children from the fork on: there it does what its program's name says. No other program may notice.
"""

import os
import shutil
import signal
import subprocess
import time
from collections import Counter

import pytest

from support.client import head
from support.processes import alive, process
from support.waiting import until
from support.warm import Warm, warm_site

LIBRARY = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct packet { uint32_t magic, type; uint64_t id; int32_t more[40]; };

static int is(const char *name) { return strstr(program_invocation_short_name, name) != NULL; }

static pid_t begun;
static int sent; /* in place of each descriptor */

static void say(int fd, struct packet packet, size_t size, int descriptors) {
  char room[CMSG_SPACE(8 * sizeof(int))] = {0};
  struct iovec piece = {&packet, size};
  struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
  if (descriptors > 0) {
    message.msg_control = room;
    message.msg_controllen = CMSG_SPACE(descriptors * sizeof(int));
    struct cmsghdr *part = CMSG_FIRSTHDR(&message);
    *part = (struct cmsghdr){CMSG_LEN(descriptors * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    int all[8];
    for (int i = 0; i < 8; ++i) all[i] = sent;
    memcpy(CMSG_DATA(part), all, descriptors * sizeof(int));
  }
  sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* A socket whose last owner waits for a minute as it closes it. */
static int lingering(void) {
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof here;
  const int listening = socket(AF_INET, SOCK_STREAM, 0);
  bind(listening, (struct sockaddr *)&here, size);
  listen(listening, 1);
  getsockname(listening, (struct sockaddr *)&here, &size);
  const int made = socket(AF_INET, SOCK_STREAM, 0);
  connect(made, (struct sockaddr *)&here, size);
  const int other = accept(listening, NULL, NULL);
  static char bytes[1 << 16];
  while (send(made, bytes, sizeof bytes, MSG_DONTWAIT) > 0) {}
  const struct linger minute = {1, 60};
  setsockopt(made, SOL_SOCKET, SO_LINGER, &minute, sizeof minute);
  if (syscall(SYS_fork) == 0) { /* who does not read */
    prctl(PR_SET_PDEATHSIG, 0);
    dup2(other, 900);
    for (int fd = 0; fd < 900; ++fd) close(fd);
    setsid();
    sleep(14);
    _exit(0);
  }
  close(listening);
  close(other);
  return made;
}

/* That is not even seen by who closes what it has been sent to. */
static int with_lingering_underway(void) {
  int ends[2];
  socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends);
  sent = lingering();
  say(ends[0], (struct packet){0}, 24, 1);
  close(sent);
  close(ends[0]);
  return ends[1];
}

/* Of the claim, which the worker has, too. */
static void have_it_wait(int claim) {
  fcntl(claim, F_SETFL, fcntl(claim, F_GETFL) & ~O_NONBLOCK);
}

static int is_claim(int fd) {
  char name[64] = "", path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return readlink(path, name, sizeof name - 1) > 0 && strstr(name, "[eventfd]") != NULL;
}

static void take_claim(int claim) {
  uint64_t one;
  if (read(claim, &one, sizeof one) == sizeof one) have_it_wait(claim);
  _exit(0);
}

/* Once its process has it, what is written there waits. */
static void fill_claim(int claim) {
  if (syscall(SYS_fork) != 0) return;
  for (int fd = 0; fd < 1024; ++fd)
    if (fd != claim) close(fd);
  struct pollfd asked = {claim, POLLIN, 0};
  for (int i = 0; i < 3000 && poll(&asked, 1, 0) > 0; ++i) usleep(1000);
  have_it_wait(claim);
  const uint64_t full = -2ull;
  if (write(claim, &full, sizeof full) > 0) usleep(3000000);
  _exit(0);
}

/* To whoever listens: the worker is among them. */
static void attack(void) {
  const uint32_t magic = 0x31574743;
  for (int fd = 3; fd < 400; ++fd) {
    if (is("taken") && is_claim(fd)) take_claim(fd);
    if (is("filled") && is_claim(fd)) fill_claim(fd);
    int type = 0;
    socklen_t size = sizeof type;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_SEQPACKET) continue;
    if (is("empty")) say(fd, (struct packet){0}, 0, 0);
    if (is("short")) say(fd, (struct packet){magic, 4}, 10, 0);
    if (is("magic")) say(fd, (struct packet){1, 4, 1}, 24, 1);
    if (is("type")) say(fd, (struct packet){magic, 99, 1}, 24, 0);
    if (is("unknown")) say(fd, (struct packet){magic, 5, 1ull << 40}, 168, 0);
    if (is("many"))
      for (uint64_t id = 0; id < 40; ++id) say(fd, (struct packet){magic, 4, id, {getpid()}}, 24, 8);
    if (is("posing"))
      for (uint64_t id = 0; id < 40; ++id) say(fd, (struct packet){magic, 4, id, {getppid()}}, 24, 1);
  }
}

/* Refused for what it has started, it does not end. */
void _exit(int status) {
  if (is("staying") && status == 0 && getpid() == begun) for (;;) pause();
  syscall(SYS_exit_group, status);
  __builtin_unreachable();
}

static void fall_silent(void) {
  if (is("quiet") && access("loud", F_OK) != 0) for (;;) pause();
}

/* Another descriptor comes with the word that it is ready, or that its process has begun. */
ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  const uint32_t *words = message->msg_iov->iov_base;
  const int is_ready = is("control") && fd == 200 && words[1] == 1;
  if (!is_ready && !(is("process") && words[1] == 4 && message->msg_controllen > 0))
    return syscall(SYS_sendmsg, fd, message, flags);
  const int other = is("nested") ? with_lingering_underway() : lingering();
  memcpy(CMSG_DATA(CMSG_FIRSTHDR(message)), &other, sizeof other);
  const ssize_t size = syscall(SYS_sendmsg, fd, message, flags);
  close(other);
  if (is_ready) sleep(5);
  return size;
}

/* By another process that has the channel, too. */
static void pose_as_ready(void) {
  int type = 0;
  socklen_t size = sizeof type;
  if (getsockopt(200, SOL_SOCKET, SO_TYPE, &type, &size) != 0) return; /* started cold */
  const pid_t other = syscall(SYS_fork);
  if (other == 0) {
    say(200, (struct packet){0x31574743, 1}, 16, 1);
    _exit(0);
  }
  waitpid(other, NULL, 0);
  usleep(300000);
}

__attribute__((constructor)) static void begin(void) {
  begun = getpid();
  if (is("ready")) pose_as_ready();
  if (is("staying") && fcntl(200, F_GETFD) >= 0 && fork() == 0) _exit(0); /* which it may not */
  pthread_atfork(NULL, fall_silent, attack);
}
"""

PROGRAM = r"""
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(void) {
  char line[100];
  int size = snprintf(line, sizeof line, "%s\n", getenv("QUERY_STRING"));
  if (write(open("ran", O_WRONLY | O_APPEND), line, size) != size) return 1;
  printf("Content-Type: text/plain\n\n%s", line);
}
"""

GOOD = """#!/usr/bin/perl
print "Content-Type: text/plain\\n\\ngood $ENV{QUERY_STRING}";
"""

WORDS = ["empty", "short", "magic", "type", "unknown", "many", "posing"]


@pytest.fixture(scope="module")
def attacker(tmp_path_factory):
    """attacker(path): the program, by the name of what it does."""
    folder = tmp_path_factory.mktemp("attacker")
    (folder / "attack.c").write_text(LIBRARY)
    (folder / "main.c").write_text(PROGRAM)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", folder / "libattack.so", folder / "attack.c"],
                   check=True)
    subprocess.run(["gcc", "-o", folder / "program", folder / "main.c", "-Wl,--no-as-needed",
                    f"-L{folder}", "-lattack", f"-Wl,-rpath,{folder}"], check=True)
    folder.chmod(0o755)
    return lambda path: shutil.copy(folder / "program", path)


@pytest.fixture
def served(start, site, tmp_path, attacker):
    def serve(*names: str, more: str = "") -> Warm:
        for name in names:
            attacker(site.path(f"{name}.cgi"))
        site.program("good.cgi", GOOD)
        site.file("ran", "")
        log = tmp_path / "access"
        warm = Warm(start(config=warm_site(site.root, log, more, server="workers = 1")), log)
        warm.root = site.root
        warm.boot("/good.cgi?boot")
        return warm
    return serve


@pytest.mark.fault("25")
def test_a_wrong_word_ends_the_zygote_that_says_it_and_no_other(served, site):
    warm = served(*WORDS)
    [good] = warm.server.zygotes()
    asked = Counter()

    def is_caught(word: str) -> bool:
        asked[word] += 1
        answer = warm.get(f"/{word}.cgi?{word}-{asked[word]}")
        assert answer.status in (200, 502), answer
        return f"/{word}.cgi: its zygote" in warm.server.log() and "is killed: it has said what " \
            "no zygote says" in warm.server.log().split(f"/{word}.cgi: its zygote", 1)[1]

    for word in WORDS:
        assert until(lambda: is_caught(word), 30, 0.1), (word, warm.server.log())
        assert warm.get(f"/good.cgi?{word}").text == f"good {word}"
        assert warm.how(f"/good.cgi?{word}") == ["warm", "-"]
    assert good in warm.server.zygotes()
    ran = Counter((site.root / "ran").read_text().split())
    assert ran and set(ran.values()) == {1}


@pytest.mark.fault("26")
def test_a_zygote_that_tells_of_no_end_is_killed(served, site):
    """It is not stopped. Its one place is free again, and so are those of all."""
    warm = served("quiet", more='max_running = 1\nqueue = { timeout = "1s" }')

    def is_warm() -> bool:
        return warm.get("/quiet.cgi?x").status == 200 and warm.how("/quiet.cgi?x")[0] == "warm"

    assert until(is_warm, 20, 0.1)
    warm.server.wait_log(r"quiet.cgi: its zygote \d+ is killed: it does not tell of processes", 30)
    site.file("loud", "")
    assert until(lambda: warm.get("/quiet.cgi?y").status == 200, 30, 0.1)
    warm.boot("/quiet.cgi?z")


@pytest.mark.fault("27")
def test_nobody_says_for_a_zygote_that_it_is_ready(served):
    warm = served("ready")
    for _ in range(3):
        assert warm.get("/ready.cgi?x").status == 200
    warm.server.wait_log("ready.cgi: started cold, not warm: It is traced, or something else", 20)
    assert until(lambda: warm.get("/ready.cgi?x").status == 200
                 and warm.how("/ready.cgi?x") == ["cold", "refused"], 20, 0.1)


def is_warm_and_well(warm: Warm) -> None:
    began = time.monotonic()
    assert warm.get("/good.cgi?again").text == "good again"
    assert warm.how("/good.cgi?again") == ["warm", "-"]
    assert time.monotonic() - began < 15


@pytest.mark.parametrize("word", ["process", "nested-process"])
def test_what_a_zygote_has_sent_does_not_have_the_worker_wait(served, word):
    """In place of its process's descriptor; who closes it would wait until its data is taken."""
    warm = served(word)

    def is_caught() -> bool:
        assert warm.get(f"/{word}.cgi?x").status in (200, 502)
        return "is killed: it has said what no zygote says" in warm.server.log()

    assert until(is_caught, 30, 0.1), warm.server.log()
    is_warm_and_well(warm)


@pytest.mark.parametrize("word", ["control", "nested-control"])
def test_what_a_zygote_has_sent_does_not_have_the_zygote_manager_wait(served, word):
    warm = served(word)
    zygote_manager, [good] = warm.server.zygote_manager(), warm.server.zygotes()
    assert warm.get(f"/{word}.cgi?x").status == 200
    fate = "started cold, not warm: It is traced, or" if word == "control" else "its zygote"
    warm.server.wait_log(f"{word}.cgi: {fate}", 20)
    os.utime(warm.root / "good.cgi")  # another is to take its place
    warm.boot("/good.cgi?boot")
    assert until(lambda: good not in warm.server.zygotes(), 20, 0.1), warm.server.log()
    assert warm.server.zygote_manager() == zygote_manager


@pytest.mark.parametrize("word", ["taken", "filled"])
def test_a_claim_that_its_program_has_changed_does_not_have_the_worker_wait(served, word):
    """Who reads there, or writes, waits."""
    warm = served(word)

    def is_warm() -> bool:
        assert warm.get(f"/{word}.cgi?x").status in (200, 502)
        return warm.how(f"/{word}.cgi?x")[0] == "warm" or warm.lines()[-1][1] == "502"

    assert until(is_warm, 30, 0.1), warm.server.log()
    warm.server.checkpoint(settle=True)
    for _ in range(3):
        warm.get(f"/{word}.cgi?y")
    is_warm_and_well(warm)


def test_a_refused_zygote_that_stays_is_killed(served):
    warm = served("staying")
    assert warm.get("/staying.cgi?x").status == 200
    warm.server.wait_log("staying.cgi: started cold, not warm: It starts another process", 20)
    assert until(lambda: len(warm.server.zygotes()) == 1, 20)
    warm.server.wait_log(r"staying.cgi: its zygote \d+ is killed: it has not ended by itself", 20)


def test_a_silent_zygote_whose_zygote_manager_has_died_is_killed_and_no_other(served, site):
    """What the worker has against it is not held against a zygote of the next zygote manager."""
    warm = served("quiet", "calm")  # the latter does nothing
    assert warm.get("/quiet.cgi?cold").status == 200
    silent = int(warm.server.wait_log(r"quiet.cgi: started warm from now on \(zygote (\d+)\)")[1])
    time.sleep(0.5)  # the worker is told
    warm.server.connect().send(head("GET", "/quiet.cgi?x"))
    assert until(lambda: "x" in (site.root / "ran").read_text().split())
    before = warm.server.zygote_manager()
    os.kill(before, signal.SIGKILL)
    assert until(lambda: process(silent).parent == warm.server.pid)
    assert until(lambda: warm.server.zygote_manager() not in (0, before))
    for name in ("good", "calm"):  # as many as there were before
        warm.boot(f"/{name}.cgi?y")
    zygotes = warm.server.zygotes()
    assert len(zygotes) == 2
    warm.server.wait_log(
        f"zygote {silent} is killed: its zygote manager has died, and it has not ended by itself", 60)
    assert until(lambda: not alive(silent))
    assert warm.server.zygotes() == zygotes
    assert warm.how("/quiet.cgi?x")[0] == "warm"

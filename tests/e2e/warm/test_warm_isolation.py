"""Programs that try to leave something for the next request of their zygote.

Each looks at all that it can see of its own process, says so, and then, where it is asked to, changes
what it can and leaves it so. Whoever looks next sees what the first one saw.
"""

import pytest

from support.waiting import until
from support.warm import Warm, warm_site

# What the kernel says of a process, by files that each language can read: descriptors with their
# flags and offsets, signals, umask, limits, children. Numbers that are never twice are left out.
STATUS = "Umask|Groups|Threads|SigPnd|SigBlk|SigIgn|SigCgt|ShdPnd|NoNewPrivs|Seccomp:|Cpus_allowed:|Cap"

NATIVE = r"""
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <locale.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static int count;
static char buffer[64] = "fresh";
static void handle(int number) { (void)number; }

static void show(const char *path, const char *names) {
  char line[4096];
  FILE *file = fopen(path, "r");
  while (file && fgets(line, sizeof line, file)) {
    char all[512];
    strcpy(all, names);
    for (char *name = strtok(all, "|"); name; name = strtok(NULL, "|"))
      if (!strncmp(line, name, strlen(name))) fputs(line, stdout);
  }
  if (file) fclose(file);
}

static void look(void) {
  char text[4096] = "";
  size_t got, all = 0;
  while ((got = read(0, text, sizeof text)) > 0 && got != (size_t)-1) all += got;
  struct itimerval timer;
  getitimer(ITIMER_REAL, &timer);
  struct sigaction action;
  sigaction(SIGUSR1, NULL, &action);
  cpu_set_t set;
  sched_getaffinity(0, sizeof set, &set);
  prctl(PR_GET_NAME, text);
  printf("%d %s %s input %zu %s timer %ld alarm %u\n", ++count, buffer, text, all,
         getenv("LEFT") ? getenv("LEFT") : "no LEFT", timer.it_value.tv_sec, alarm(0));
  int signal = 0;
  prctl(PR_GET_PDEATHSIG, &signal);
  printf("%s handler %d %s rand %d nice %d cpus %d death %d slack %d leads %d child %d\n",
         getcwd(text, sizeof text), action.sa_handler == SIG_DFL, setlocale(LC_ALL, NULL), rand(),
         getpriority(PRIO_PROCESS, 0), CPU_COUNT(&set), signal, prctl(PR_GET_TIMERSLACK),
         getpgrp() == getpid(), waitpid(-1, NULL, WNOHANG));
  show("/proc/self/limits", "Max");
  show("/proc/self/oom_score_adj", "|0|1|2|3|4|5|6|7|8|9|-");
  show("/proc/self/status", "STATUS");
  for (int fd = 0; fd < 300; ++fd) {
    sprintf(text, "/proc/self/fdinfo/%d", fd);
    if (fcntl(fd, F_GETFD) < 0) continue;
    printf("descriptor %d %d\n", fd, fcntl(fd, F_GETFD));
    show(text, "flags|pos");
  }
}

static void leave(void) {
  count = 100;
  strcpy(buffer, "left");
  srand(7);
  setenv("LEFT", "left", 1);
  setlocale(LC_ALL, "C.UTF-8");
  for (int fd = 0; fd < 3; ++fd) fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  open("/dev/null", O_RDWR);
  tmpfile();
  chdir("/");
  umask(0177);
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, NULL);
  signal(SIGUSR1, handle);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGCHLD, SIG_IGN);
  struct itimerval timer = {{0, 0}, {600, 0}};
  setitimer(ITIMER_REAL, &timer, NULL);
  setpriority(PRIO_PROCESS, 0, 5);
  struct rlimit limit = {20, 20};
  setrlimit(RLIMIT_NOFILE, &limit);
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(0, &set);
  sched_setaffinity(0, sizeof set, &set);
  prctl(PR_SET_NAME, "left");
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  prctl(PR_SET_TIMERSLACK, 777777);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  FILE *badness = fopen("/proc/self/oom_score_adj", "w");
  if (badness) fputs("77", badness), fclose(badness);
  fflush(stdout);
  if (fork() == 0) { /* in the group, and with the output */
    for (int i = 0; i < 10; ++i) usleep(20000), write(1, "left", 4);
    _exit(0);
  }
  if (fork() == 0) { /* in none of ours, and with nothing */
    setsid();
    close_range(0, 1000, 0);
    usleep(500000);
    _exit(0);
  }
}

int main(void) {
  printf("Content-Type: text/plain\n\n");
  if (strstr(getenv("QUERY_STRING"), "leave")) {
    printf("leaves");
    leave();
  } else {
    look();
  }
}
""".replace("STATUS", STATUS)

PERL = r"""#!/usr/bin/perl
use strict; use warnings; use POSIX (); use Cwd (); use Data::Dumper;
our $global = 'fresh'; my $lexical = 'fresh'; my %cache;
sub show { my ($path, $names) = @_; open my $file, '<', $path or return; print grep /^(?:$names)/, <$file> }
sub look {
  my $input = do { local $/; <STDIN> } // '';
  my $mask = POSIX::SigSet->new; POSIX::sigprocmask(POSIX::SIG_BLOCK(), POSIX::SigSet->new, $mask);
  print join ' ', "$global $lexical", scalar(keys %cache), length $input, $ENV{LEFT} // 'no LEFT',
    Cwd::getcwd(), alarm 0, $SIG{USR1} // 'none', $SIG{__WARN__} // 'none', $SIG{ALRM} // 'none',
    $Data::Dumper::Indent, "@INC", $mask->ismember(10), POSIX::nice(0), ref tied(*STDOUT), waitpid(-1, 1),
    POSIX::setlocale(POSIX::LC_ALL(), ''), $0, defined &main::left ? 'left' : 'none', "@ARGV", "\n";
  print "DATA: ", <DATA>;
  show('/proc/self/limits', 'Max'); show('/proc/self/status', 'STATUS');
  for my $fd (0 .. 300) {
    my $flags = readlink "/proc/self/fd/$fd" or next;
    print "descriptor $fd\n"; show("/proc/self/fdinfo/$fd", 'flags|pos');
  }
}
sub leave {
  $global = $lexical = 'left'; $cache{left} = 1; $ENV{LEFT} = 'left'; chdir '/'; umask 0177; srand 7;
  $SIG{USR1} = sub { 1 }; $SIG{__WARN__} = sub { print 'left' }; $SIG{ALRM} = sub { die }; alarm 600;
  $SIG{CHLD} = 'IGNORE';
  POSIX::sigprocmask(POSIX::SIG_BLOCK(), POSIX::SigSet->new(10)); POSIX::nice(5);
  unshift @INC, '/left'; $Data::Dumper::Indent = 9; eval 'sub left { 1 }'; $0 = 'left'; @ARGV = ('left');
  use Fcntl; for (\*STDIN, \*STDOUT, \*STDERR) { fcntl $_, F_SETFL, O_NONBLOCK | fcntl $_, F_GETFL, 0 }
  open our $kept, '+>', undef; seek DATA, 0, 0; $, = '-'; $\ = 'left'; $/ = undef; $| = 1;
  if (!fork) { select undef, undef, undef, 0.02 or syswrite STDOUT, 'left' for 1 .. 10; POSIX::_exit(0) }
  if (!fork) { POSIX::setsid(); POSIX::close($_) for 0 .. 99; select undef, undef, undef, 0.5; POSIX::_exit(0) }
}
syswrite STDOUT, "Content-Type: text/plain\n\n";
if ($ENV{QUERY_STRING} =~ /leave/) { syswrite STDOUT, 'leaves'; leave() } else { look() }
__END__
data
""".replace("STATUS", STATUS)

PYTHON = r"""#!/usr/bin/python3
import atexit, builtins, decimal, fcntl, json, locale, logging, os, re, resource, signal, sys
import tempfile, threading, time, warnings
state = {"left": "fresh"}
def show(path, names):
    with open(path) as file:
        print(*[line.strip() for line in file if re.match(names, line)], sep="\n")
def look():
    body = sys.stdin.read()
    print(state, len(body), os.environ.get("LEFT"), os.getcwd(), sys.path, sys.argv, signal.alarm(0),
          signal.getsignal(signal.SIGUSR1), signal.pthread_sigmask(signal.SIG_BLOCK, []),
          hasattr(builtins, "left"), hasattr(json, "left"), decimal.getcontext().prec,
          locale.setlocale(locale.LC_ALL), logging.getLogger().handlers, sys.getrecursionlimit(),
          warnings.filters, threading.active_count(), type(sys.excepthook), os.nice(0),
          sys.stdout.encoding, os.sched_getaffinity(0), "left" in sys.modules, sep="\n")
    try:
        print("a child", os.waitpid(-1, os.WNOHANG))
    except ChildProcessError:
        print("no child")
    show("/proc/self/limits", "Max")
    show("/proc/self/status", "STATUS")
    for fd in range(300):
        if os.path.lexists(f"/proc/self/fd/{fd}"):
            print("descriptor", fd)
            show(f"/proc/self/fdinfo/{fd}", "flags|pos")
def leave():
    state["left"] = builtins.left = json.left = os.environ["LEFT"] = "left"
    sys.modules["left"] = json
    sys.path.insert(0, "/left"); sys.argv.append("left"); os.chdir("/"); os.umask(0o177)
    signal.signal(signal.SIGUSR1, print); signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    signal.signal(signal.SIGCHLD, signal.SIG_IGN); signal.alarm(600); os.nice(5)
    decimal.getcontext().prec = 3; locale.setlocale(locale.LC_ALL, "C.UTF-8")
    logging.basicConfig(stream=sys.stdout); sys.setrecursionlimit(500); warnings.simplefilter("error")
    sys.excepthook = print; atexit.register(print, "left at exit")
    os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
    state["kept"] = tempfile.TemporaryFile(), os.open("/dev/null", os.O_RDWR)
    resource.setrlimit(resource.RLIMIT_NOFILE, (99, 99))
    for fd in range(3):
        fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_NONBLOCK)
    if os.fork() == 0:
        for _ in range(10):
            time.sleep(0.02); os.write(1, b"left")
        os._exit(0)
    if os.fork() == 0:
        os.setsid(); os.closerange(0, 99); time.sleep(0.5); os._exit(0)
    threading.Thread(target=time.sleep, args=(9,), daemon=True).start()
print("Content-Type: text/plain\n", flush=True)
if "leave" in os.environ["QUERY_STRING"]:
    os.write(1, b"leaves")
    leave()
else:
    look()
""".replace("STATUS", STATUS)


@pytest.fixture
def served(start, site, tmp_path):
    site.c_program("native.cgi", NATIVE)
    site.program("perl.cgi", PERL)
    site.program("python.cgi", PYTHON)

    def serve(more: str = "") -> Warm:
        log = tmp_path / "access"
        return Warm(start(config=warm_site(site.root, log, more)), log)

    return serve


@pytest.mark.parametrize("name", ["native", "perl", "python"])
def test_nothing_is_left_for_the_next_request(served, name):
    """By one connection, and so by one worker; after what leaves all, with and without a body."""
    warm = served()
    warm.boot(f"/{name}.cgi?look")
    [zygote] = warm.server.zygotes()
    since = len(warm.lines())
    connection = warm.server.connect()

    def look() -> list[list[str]]:
        asked = ("GET", f"/{name}.cgi?look"), ("POST", f"/{name}.cgi?look", (), b"its own")
        return [connection.request(*one).text.splitlines() for one in asked]

    before = look()
    assert all("descriptor 2" in " ".join(lines) for lines in before)
    for body in (b"", b"unread" * 50_000, b""):
        left = connection.request("POST" if body else "GET", f"/{name}.cgi?leave", (), body)
        assert left.body.startswith(b"leaves"), left
        for _ in range(2):
            assert look() == before
    assert warm.server.zygotes() == [zygote]
    assert until(lambda: len(warm.lines()) == since + 17)
    assert all(line[2] == "warm" for line in warm.lines()[since:]), warm.lines()[since:]

/* Whether a program can be a zygote: its effects on the way to the fork point would have happened
 * only once for all of its requests. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim.h"

/* The program's initial state: its standard streams, its working directory. */
static struct stat streams[3];
static struct stat directory;

void note_beginning(void) {
  for (int fd = 0; fd < 3; ++fd)
    fstat(fd, &streams[fd]);
  stat(".", &directory);
}

static bool is_same(const struct stat* one, const struct stat* other) {
  return one->st_ino == other->st_ino && one->st_dev == other->st_dev;
}

static void judge_threads(void) {
  DIR* tasks = opendir("/proc/self/task");
  if (tasks == NULL) refuse("/proc cannot be read: whether it has threads is not known.");
  int count = 0;
  for (const struct dirent* entry; (entry = readdir(tasks)) != NULL;)
    count += entry->d_name[0] != '.';
  closedir(tasks);
  if (count != 1) refuse("It starts a thread while it loads.");
}

static void judge_children(void) {
  siginfo_t info;
  if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD)
    refuse("It starts another process while it loads.");
}

static void judge_timers(void) {
  static const int kinds[] = {ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF};
  struct itimerval timer;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; ++i)
    if (getitimer(kinds[i], &timer) == 0 &&
        (timer.it_value.tv_sec != 0 || timer.it_value.tv_usec != 0))
      refuse("It sets a timer while it loads.");
  struct text timers = read_text("/proc/self/timers"); /* not in every kernel */
  if (timers.size != 0) refuse("It sets a timer while it loads.");
  drop(&timers);
}

/* Memory that several processes write to would connect requests that must be separate. */
static void judge_mappings(void) {
  struct text maps = read_text("/proc/self/maps");
  if (maps.size == 0) refuse("/proc cannot be read: what it has mapped is not known.");
  char* next = maps.bytes;
  for (char* line; (line = next) != NULL && *line != '\0';) {
    next = strchr(line, '\n');
    if (next != NULL) *next++ = '\0';
    const char* rights = strchr(line, ' ');
    if (rights == NULL || rights[2] != 'w' || rights[4] != 's') continue;
    const char* path = strchr(line, '/');
    refuse("It maps shared memory while it loads: %.200s.", path != NULL ? path : "anonymous");
  }
  drop(&maps);
}

/* Memory that must not get to a disk. A fork has none of these locks. */
static void judge_locked_memory(void) {
  struct text status = read_text("/proc/self/status");
  const char* locked = status.size != 0 ? strstr(status.bytes, "\nVmLck:") : NULL;
  if (locked != NULL && strtoul(locked + strlen("\nVmLck:"), NULL, 10) != 0)
    refuse("It locks memory while it loads, which its requests would not have locked.");
  drop(&status);
}

/* The first line of a memfd, fit for a log. */
static const char* quote(int fd, char* line, size_t room) {
  const ssize_t got = pread(fd, line, room - 1, 0);
  line[got > 0 ? got : 0] = '\0';
  line[strcspn(line, "\r\n")] = '\0';
  for (char* c = line; *c != '\0'; ++c)
    if ((unsigned char)*c < ' ' || *c == 127) *c = '?';
  return line;
}

static void judge_streams(void) {
  char line[80];
  struct stat status;
  int unread = 0;
  for (int fd = 0; fd < 3; ++fd)
    if (fstat(fd, &status) != 0 || !is_same(&status, &streams[fd]))
      refuse("It closes or replaces a standard stream while it loads: descriptor %d.", fd);
  if (fstat(0, &status) == 0 && S_ISFIFO(status.st_mode) && ioctl(0, FIONREAD, &unread) == 0 &&
      unread == 0)
    refuse("It reads its standard input while it loads.");
  if (__fpending(stdout) != 0) refuse("It prints while it loads.");
  if (fstat(1, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0)
    refuse("It prints while it loads: \"%s\".", quote(1, line, sizeof line));
  if (fstat(2, &status) != 0 || !S_ISREG(status.st_mode)) return;
  if (status.st_size > CGISRV_WARM_PROLOGUE_MAX)
    refuse("It writes much to standard error while it loads: \"%s\".", quote(2, line, sizeof line));
  const ssize_t got = pread(2, shim.prologue, (size_t)status.st_size, 0);
  shim.prologue_bytes = got > 0 ? (size_t)got : 0;
}

void judge(void) {
  const char* name = asked_for();
  if (name != NULL) refuse("It asks for %s while it loads, before there is a request.", name);
  judge_threads();
  judge_children();
  judge_timers();
  judge_mappings();
  judge_locked_memory();
  judge_streams();
  note_descriptors();
  note_changes();
  sigprocmask(SIG_SETMASK, NULL, &shim.mask);
  sigaction(SIGCHLD, NULL, &shim.child_action);
  getrlimit(RLIMIT_NOFILE, &shim.descriptors);
  struct stat here;
  shim.has_moved = stat(".", &here) == 0 && !is_same(&here, &directory);
}

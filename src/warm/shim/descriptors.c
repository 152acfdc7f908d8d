/* The program's own descriptors: those open at the fork point. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "shim.h"

#define OWN_MAX 64

struct own {
  int fd;
  bool is_file; /* with an offset, which processes would share */
  bool closes_on_exec;
  off_t offset;
};

static struct own own[OWN_MAX];
static int own_count;

static void insert(struct own one) {
  if (own_count == OWN_MAX) refuse("It keeps more than %d files open while it loads.", OWN_MAX);
  int place = own_count++;
  for (; place > 0 && own[place - 1].fd > one.fd; --place)
    own[place] = own[place - 1];
  own[place] = one;
}

/* /dev/null, zero, full, random, urandom: processes cannot affect each other through them. */
static bool is_memory_device(const struct stat* status) {
  const unsigned device = minor(status->st_rdev);
  return S_ISCHR(status->st_mode) && major(status->st_rdev) == 1 &&
         (device == 3 || device == 5 || device == 7 || device == 8 || device == 9);
}

/* Where a descriptor leads, for a log. */
static const char* name_of(int fd, char* name, size_t room) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, name, room - 1);
  name[length > 0 ? length : 0] = '\0';
  return name;
}

/* Whose locks the zygote has: no request would have them, and others would wait for the zygote.
 * Before Linux 5.14 an undumpable process cannot read this. */
static void judge_locks(int fd) {
  char path[64];
  char name[256];
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
  struct text info = read_text(path);
  if (info.size != 0 && strstr(info.bytes, "\nlock:") != NULL)
    refuse("It locks a file while it loads, which its requests would not have locked: %s.",
           name_of(fd, name, sizeof name));
  drop(&info);
}

static void note(int fd) {
  struct stat status;
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fstat(fd, &status) != 0) return;
  const bool reads_only = (flags & O_ACCMODE) == O_RDONLY;
  const bool is_path = (flags & O_PATH) != 0;
  const bool is_file = S_ISREG(status.st_mode) || S_ISDIR(status.st_mode);
  if (!is_path && !(is_file && reads_only) && !is_memory_device(&status)) {
    char name[256];
    name_of(fd, name, sizeof name);
    refuse(
        "It keeps something open while it loads that requests would share: %s%s.", name,
        strstr(name, "[eventpoll]") != NULL
            ? ", an event loop's (of Mojolicious: env = { MOJO_REACTOR = \"Mojo::Reactor::Poll\" }"
              " has it make another)"
            : "");
  }
  judge_locks(fd);
  insert((struct own){.fd = fd,
                      .is_file = is_file && !is_path,
                      .closes_on_exec = (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0,
                      .offset = is_file && !is_path ? lseek(fd, 0, SEEK_CUR) : 0});
}

void note_descriptors(void) {
  DIR* open_ones = opendir("/proc/self/fd");
  if (open_ones == NULL) refuse("/proc cannot be read: what it has open is not known.");
  for (const struct dirent* entry; (entry = readdir(open_ones)) != NULL;) {
    const int fd = (int)strtol(entry->d_name, NULL, 10);
    if (fd > 2 && fd != dirfd(open_ones) && fd != shim.channel && fd != shim.slate) note(fd);
  }
  closedir(open_ones);
  if (!shim.native) insert((struct own){.fd = shim.slate});
}

int renew_descriptors(void) {
  for (int i = 0; i < own_count; ++i) {
    if (!own[i].is_file) continue;
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", own[i].fd);
    const int fd = open(link, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return errno;
    const int closes_on_exec = own[i].closes_on_exec ? O_CLOEXEC : 0;
    if (lseek(fd, own[i].offset, SEEK_SET) < 0 || dup3(fd, own[i].fd, closes_on_exec) < 0)
      return errno;
    close(fd);
  }
  return 0;
}

/* Kernels before 5.9 and some filters lack close_range. */
static void close_between(int first, int last) {
  if (first > last || close_range((unsigned)first, (unsigned)last, 0) == 0) return;
  const long most = sysconf(_SC_OPEN_MAX);
  for (int fd = first; fd <= last && fd < most; ++fd)
    close(fd);
}

void close_others(void) {
  int first = 3;
  for (int i = 0; i < own_count; ++i) {
    close_between(first, own[i].fd - 1);
    first = own[i].fd + 1;
  }
  close_between(first, INT_MAX);
}

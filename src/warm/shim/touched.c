/* Pages that children write to, copied at once with the fork.
 *
 * Forked processes share memory. A child that writes to a page takes a fault, in which the kernel
 * copies the page; and the requests of one program write to much the same pages. So the zygote
 * observes its first children. At its end, an observed child notes the pages that it has written
 * to, in memory that it shares with the zygote. Those that all of them have written to, the zygote
 * pins: it registers them as buffers of an io_uring, which it uses for nothing else. A pinned page
 * is not shared but copied when the process is forked, which costs less than a fault, and spares
 * the zygote one, too (io_uring_register(2), IORING_REGISTER_BUFFERS).
 *
 * Whatever fails here leaves everything as it is; only no fault is spared. What a child notes is
 * foreign: it chooses which of the pages that children may write to are copied early, up to a
 * limit, and nothing else. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim.h"

#define RANGES_MAX 512
#define PAGES_MAX 65536       /* in them: 256 MiB */
#define RUNS_MAX 1024         /* of pinned pages, one after the other */
#define PINNED_PAGES_MAX 1024 /* 4 MiB: what a user may lock is limited */
#define LESSONS 3             /* children that are learnt from */
#define OBSERVED_MAX 16       /* some may be killed */
#define ENTRIES 512           /* of the pagemap, read at a time */

/* A page of this process alone, in its memory: proc_pid_pagemap(5). */
#define ENTRY_OWN (UINT64_C(1) << 56 | UINT64_C(1) << 63)

/* A private mapping that can be written to. */
struct range {
  uintptr_t begin;
  uint32_t pages;
  uint32_t first; /* its first page's number among those of all ranges */
};

/* Shared with the observed child, which writes it. */
struct lesson {
  uint32_t is_whole; /* 1, or a child has not come to its end */
  uint64_t entries[ENTRIES];
  uint8_t touched[PAGES_MAX / 8];
};

/* The zygote's own; its children read it. */
struct work {
  struct range ranges[RANGES_MAX];
  uint32_t range_count;
  uint32_t page_count;
  uint8_t touched[PAGES_MAX / 8]; /* by all that were learnt from */
  struct iovec runs[RUNS_MAX];
};

static struct lesson* lesson; /* NULL: nothing more is learnt */
static struct work* work;
static pid_t observed; /* the child; 0: none */
static bool is_shared; /* the lesson, with the next child */
static int lessons;
static int observed_count;
static size_t page_bytes;

/* ---- what children may write to */

static void add_range(uintptr_t begin, uintptr_t end) {
  const size_t pages = (end - begin) / page_bytes;
  if (work->range_count == RANGES_MAX || pages > PAGES_MAX - work->page_count) return;
  work->ranges[work->range_count++] = (struct range){begin, (uint32_t)pages, work->page_count};
  work->page_count += (uint32_t)pages;
}

static void note_ranges(void) {
  struct text maps = read_text("/proc/self/maps");
  for (char* line = maps.bytes; line != NULL && *line != '\0';) {
    char* at;
    const uintptr_t begin = strtoull(line, &at, 16);
    const uintptr_t end = strtoull(at + 1, &at, 16);
    if (strncmp(at, " rw-p", 5) == 0) add_range(begin, end);
    line = strchr(at, '\n');
    if (line != NULL) ++line;
  }
  drop(&maps);
}

/* ---- the observed child */

/* What it has not written to, it shares with the zygote. */
static bool note_range(int pagemap, const struct range* range) {
  for (uint32_t done = 0; done < range->pages;) {
    const uint32_t left = range->pages - done;
    const uint32_t count = left < ENTRIES ? left : ENTRIES;
    const off_t offset = (off_t)((range->begin / page_bytes + done) * sizeof *lesson->entries);
    const size_t size = count * sizeof *lesson->entries;
    if (syscall(SYS_pread64, pagemap, lesson->entries, size, offset) != (long)size) return false;
    for (uint32_t i = 0; i < count; ++i) {
      const uint32_t number = range->first + done + i;
      if ((lesson->entries[i] & ENTRY_OWN) == ENTRY_OWN)
        lesson->touched[number / 8] |= (uint8_t)(1U << number % 8);
    }
    done += count;
  }
  return true;
}

/* System calls alone: a signal's handler may end the process, and the program may have functions of
 * these names. Processes that it has forked have nothing to note. */
static void note_touched(void) {
  if (observed == 0 || shim.phase != PHASE_CHILD || observed != getpid()) return;
  const int error = errno;
  observed = 0;
  const int flags = O_RDONLY | O_CLOEXEC;
  const int pagemap = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/pagemap", flags);
  if (pagemap >= 0) {
    bool is_whole = true;
    for (uint32_t i = 0; i < work->range_count && is_whole; ++i)
      is_whole = note_range(pagemap, &work->ranges[i]);
    lesson->is_whole = is_whole ? 1 : 0;
    syscall(SYS_close, pagemap);
  }
  errno = error;
}

/* Its end is exit(3), which calls this, or _exit(2). */
__attribute__((destructor)) static void note_at_exit(void) {
  note_touched();
}

static void (*next_exit)(int); /* libc's, or of a library that the program has preloaded */

static void find_next_exit(void) {
  if (next_exit == NULL) *(void**)&next_exit = dlsym(RTLD_NEXT, "_exit");
}

EXPORTED __attribute__((noreturn)) void _exit(int status) {
  note_touched();
  find_next_exit();
  if (next_exit != NULL) next_exit(status);
  for (;;)
    syscall(SYS_exit_group, status);
}

/* ---- the zygote */

static void stop_learning(void) {
  if (lesson != NULL) munmap(lesson, sizeof *lesson);
  if (work != NULL) munmap(work, sizeof *work);
  lesson = NULL;
  work = NULL;
}

static void* need_pages(size_t size, int flags) {
  void* pages = mmap(NULL, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
  return pages != MAP_FAILED ? pages : NULL;
}

static int make_ring(void) {
  struct io_uring_params parameters = {0};
  return (int)syscall(SYS_io_uring_setup, 1, &parameters);
}

/* A filter of system calls may kill who tries: so another process tries first. By a system call, so
 * that what the program has others do at a fork is not done. */
static bool may_make_ring(void) {
  const pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
  if (pid == 0) syscall(SYS_exit_group, make_ring() >= 0 ? 0 : 1);
  int status = -1;
  return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

void prepare_learning(void) {
  find_next_exit(); /* a handler of signals may be what calls it */
  page_bytes = (size_t)sysconf(_SC_PAGESIZE);
  if (!may_make_ring()) return;
  work = need_pages(sizeof *work, MAP_PRIVATE);
  if (work != NULL) note_ranges();
  lesson = need_pages(sizeof *lesson, MAP_SHARED);
  if (work == NULL || lesson == NULL || work->range_count == 0 ||
      madvise(lesson, sizeof *lesson, MADV_DONTFORK) != 0)
    stop_learning();
}

pid_t fork_child(void) {
  if (lesson == NULL) return real_fork();
  const bool wanted = observed == 0;
  if (wanted != is_shared &&
      madvise(lesson, sizeof *lesson, wanted ? MADV_DOFORK : MADV_DONTFORK) == 0)
    is_shared = wanted;
  const bool observes = wanted && is_shared;
  const pid_t pid = real_fork();
  if (pid == 0) observed = observes ? getpid() : 0;
  if (pid > 0 && observes) observed = pid;
  return pid;
}

static bool was_touched(uint32_t number) {
  return (work->touched[number / 8] >> number % 8 & 1) != 0;
}

/* The next run of touched pages in a range, from page `at` on; its length is 0 at the end. */
static uint32_t next_run(const struct range* range, uint32_t* at) {
  while (*at < range->pages && !was_touched(range->first + *at))
    ++*at;
  uint32_t end = *at;
  while (end < range->pages && was_touched(range->first + end))
    ++end;
  return end - *at;
}

static void pin(void) {
  uint32_t pages = 0;
  uint32_t count = 0;
  for (uint32_t i = 0; i < work->range_count; ++i) {
    const struct range* range = &work->ranges[i];
    for (uint32_t at = 0, length; (length = next_run(range, &at)) > 0; at += length) {
      if (count == RUNS_MAX || pages + length > PINNED_PAGES_MAX) break;
      void* const begin = (void*)(range->begin + at * page_bytes);
      work->runs[count++] = (struct iovec){begin, length * page_bytes};
      pages += length;
    }
  }
  /* Open as long as the zygote lives: to close it would unpin them. Children do not keep it. */
  const int ring = count > 0 ? make_ring() : -1;
  if (ring >= 0 &&
      syscall(SYS_io_uring_register, ring, IORING_REGISTER_BUFFERS, work->runs, count) != 0)
    close(ring);
}

static void take_lesson(void) {
  for (size_t i = 0; i < sizeof work->touched; ++i)
    work->touched[i] = lessons == 0 ? lesson->touched[i] : work->touched[i] & lesson->touched[i];
  memset(lesson, 0, sizeof *lesson);
  if (++lessons == LESSONS) pin();
}

void learn_from(pid_t pid) {
  if (lesson == NULL || pid != observed) return;
  observed = 0;
  if (lesson->is_whole == 1) take_lesson();
  if (++observed_count == OBSERVED_MAX || lessons == LESSONS) stop_learning();
}

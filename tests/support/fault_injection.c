/* Preloaded into a server: lets calls of the C library fail as they do on a machine that is short
 * of something, moves the wall clock, and counts how often each process waits for events. Which
 * call, in which process, when and with what error is in a file that this library maps and a test
 * writes: see fault_injection.py.
 *
 * A call that fails does nothing. Only what the kernel really refuses is refused: epoll_ctl(2) may
 * fail to add, never to change or remove. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define FUNCTIONS(_) \
  _(malloc) _(clone) _(fork) _(pipe2) _(accept4) _(open) _(openat2) _(fdopendir) _(epoll_ctl) \
  _(epoll_create1) _(signalfd) _(mmap) _(memfd_create) _(socketpair) _(send) _(recv) \
  _(sendfile) _(fstat) _(execve) _(chdir)

enum function {
#define NUMBER(name) f_##name,
  FUNCTIONS(NUMBER) functions
#undef NUMBER
};

struct rule {
  char name[16];
  _Atomic int process; /* whose calls count; 0: nobody's */
  _Atomic int error;
  _Atomic unsigned first, last; /* calls to fail, counted from 1 */
  _Atomic unsigned calls, failed;
};

struct loop {
  _Atomic int process; /* 0: nobody's */
  _Atomic unsigned turns;
};

enum { loops_max = 256 };

struct plan {
  _Atomic long wall_clock_offset; /* seconds */
  struct rule rules[functions];
  struct loop loops[loops_max]; /* how often each process has waited for events */
};

static struct plan* plan;

/* syscall(2) itself, for ours is below. */
static long (*kernel)(long, ...);
#define KERNEL(...) \
  (kernel == NULL ? (void)(kernel = dlsym(RTLD_NEXT, "syscall")) : (void)0, kernel(__VA_ARGS__))

__attribute__((constructor)) static void begin(void) {
  static const char* const names[] = {
#define NAME(name) #name,
      FUNCTIONS(NAME)
#undef NAME
  };
  const char* const path = getenv("CHAOS_PLAN");
  if (path == NULL) abort();
  const int file = (int)KERNEL(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT, 0600);
  if (file < 0 || ftruncate(file, sizeof *plan) != 0) abort();
  struct plan* const made = (struct plan*)KERNEL(SYS_mmap, NULL, sizeof *plan,
                                                  PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (made == MAP_FAILED) abort();
  close(file);
  for (int i = 0; i < functions; i++) strcpy(made->rules[i].name, names[i]);
  plan = made;
}

/* Also between clone and exec, where our memory is the server's: system calls and atomics only. */
static int fails(enum function function) {
  if (plan == NULL) return 0;
  struct rule* const rule = &plan->rules[function];
  const int process = rule->process;
  if (process == 0 || (process > 0 && process != KERNEL(SYS_getpid))) return 0;
  const unsigned call = ++rule->calls;
  if (call < rule->first || call > rule->last) return 0;
  ++rule->failed;
  errno = rule->error;
  return 1;
}

#define NEXT(name) \
  static __typeof__(&name) next; \
  if (next == NULL) next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

extern void* __libc_malloc(size_t);
void* malloc(size_t size) { return fails(f_malloc) ? NULL : __libc_malloc(size); }

int clone(int (*run)(void*), void* stack, int flags, void* argument, ...) {
  va_list more;
  va_start(more, argument);
  void* const parent = va_arg(more, void*);
  void* const thread = va_arg(more, void*);
  void* const child = va_arg(more, void*);
  va_end(more);
  NEXT(clone);
  return fails(f_clone) ? -1 : next(run, stack, flags, argument, parent, thread, child);
}

pid_t fork(void) {
  NEXT(fork);
  return fails(f_fork) ? -1 : next();
}

int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = va_arg(more, mode_t);
  va_end(more);
  return fails(f_open) ? -1 : (int)KERNEL(SYS_openat, AT_FDCWD, path, flags, mode);
}

DIR* fdopendir(int fd) {
  NEXT(fdopendir);
  return fails(f_fdopendir) ? NULL : next(fd);
}

/* What has no function of its own. */
long syscall(long number, ...) {
  long with[6];
  va_list more;
  va_start(more, number);
  for (int i = 0; i < 6; i++) with[i] = va_arg(more, long);
  va_end(more);
  if (number == SYS_openat2 && fails(f_openat2)) return -1;
  return KERNEL(number, with[0], with[1], with[2], with[3], with[4], with[5]);
}

int epoll_ctl(int set, int operation, int fd, struct epoll_event* event) {
  if (operation == EPOLL_CTL_ADD && fails(f_epoll_ctl)) return -1;
  return (int)KERNEL(SYS_epoll_ctl, set, operation, fd, event);
}

static void count_turn(void) {
  const int self = (int)KERNEL(SYS_getpid);
  for (int i = 0; plan != NULL && i < loops_max; i++) {
    struct loop* const loop = &plan->loops[i];
    int process = 0;
    if (atomic_compare_exchange_strong(&loop->process, &process, self) || process == self) {
      ++loop->turns;
      return;
    }
  }
}

int epoll_wait(int set, struct epoll_event* events, int most, int timeout) {
  NEXT(epoll_wait);
  count_turn();
  return next(set, events, most, timeout);
}

void* mmap(void* at, size_t size, int protection, int flags, int fd, off_t offset) {
  if (fails(f_mmap)) return MAP_FAILED;
  return (void*)KERNEL(SYS_mmap, at, size, protection, flags, fd, offset);
}

int signalfd(int fd, const sigset_t* mask, int flags) {
  NEXT(signalfd);
  return fails(f_signalfd) ? -1 : next(fd, mask, flags);
}

int pipe2(int ends[2], int flags) {
  return fails(f_pipe2) ? -1 : (int)KERNEL(SYS_pipe2, ends, flags);
}

int accept4(int listener, struct sockaddr* peer, socklen_t* size, int flags) {
  return fails(f_accept4) ? -1 : (int)KERNEL(SYS_accept4, listener, peer, size, flags);
}

int epoll_create1(int flags) {
  return fails(f_epoll_create1) ? -1 : (int)KERNEL(SYS_epoll_create1, flags);
}

int memfd_create(const char* name, unsigned flags) {
  return fails(f_memfd_create) ? -1 : (int)KERNEL(SYS_memfd_create, name, flags);
}

int socketpair(int domain, int type, int protocol, int ends[2]) {
  return fails(f_socketpair) ? -1 : (int)KERNEL(SYS_socketpair, domain, type, protocol, ends);
}

ssize_t send(int fd, const void* bytes, size_t size, int flags) {
  return fails(f_send) ? -1 : KERNEL(SYS_sendto, fd, bytes, size, flags, NULL, 0);
}

/* A unix socket's packets are in memory already. */
static int is_unix(int socket) {
  int domain = 0;
  socklen_t size = sizeof domain;
  return getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

ssize_t recv(int fd, void* bytes, size_t size, int flags) {
  if (!is_unix(fd) && fails(f_recv)) return -1;
  return KERNEL(SYS_recvfrom, fd, bytes, size, flags, NULL, NULL);
}

ssize_t sendfile(int to, int from, off_t* offset, size_t size) {
  return fails(f_sendfile) ? -1 : KERNEL(SYS_sendfile, to, from, offset, size);
}

int fstat(int fd, struct stat* status) {
  return fails(f_fstat) ? -1 : (int)KERNEL(SYS_fstat, fd, status);
}

int execve(const char* path, char* const argv[], char* const envp[]) {
  return fails(f_execve) ? -1 : (int)KERNEL(SYS_execve, path, argv, envp);
}

int chdir(const char* path) {
  return fails(f_chdir) ? -1 : (int)KERNEL(SYS_chdir, path);
}

/* The wall clock; the monotonic one is as it is. */
int clock_gettime(clockid_t clock, struct timespec* now) {
  const int result = (int)KERNEL(SYS_clock_gettime, clock, now);
  if (result == 0 && plan != NULL && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
    now->tv_sec += plan->wall_clock_offset;
  return result;
}

time_t time(time_t* result) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (result != NULL) *result = now.tv_sec;
  return now.tv_sec;
}

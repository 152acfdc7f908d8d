/* The zygote's loop: requests in, children out, and their results. Nothing here blocks except
 * epoll_wait, and nothing allocates. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim.h"

#define NO_PEER (-1)
#define UNASKED_DEATHS_MAX 8

struct child {
  uint64_t id;
  pid_t pid; /* 0: none */
  int pidfd;
  int peer;   /* NO_PEER: it waits for a request, or has not given notice yet */
  bool waits; /* it has ended, and its peer has no room for the answer: it stays a zombie */
};

static struct child children[CGISRV_WARM_CHILDREN_MAX];
static uint32_t child_count;
static uint32_t waiting_count; /* of them */
static uint32_t unasked_deaths;
static uint32_t children_max;
static int poller = -1;
static bool retiring; /* the other end of the control socket is closed, and all is read */
static bool has_read_all = true;

bool watch(int fd, uint32_t events, enum source source, uint32_t index) {
  struct epoll_event event = {events, {.u64 = (uint64_t)source << 32 | index}};
  return epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) == 0;
}

void rewatch(int fd, uint32_t events, enum source source, uint32_t index) {
  struct epoll_event event = {events, {.u64 = (uint64_t)source << 32 | index}};
  epoll_ctl(poller, EPOLL_CTL_MOD, fd, &event);
}

void unwatch(int fd) {
  epoll_ctl(poller, EPOLL_CTL_DEL, fd, NULL);
}

/* ---- children */

static uint32_t vacancy(void) {
  static uint32_t next;
  while (children[next].pid != 0)
    next = (next + 1) % CGISRV_WARM_CHILDREN_MAX;
  return next;
}

static bool record(uint32_t index, pid_t pid, uint64_t id, int peer) {
  const int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
  if (pidfd < 0) return false;
  if (!watch(pidfd, EPOLLIN, SOURCE_CHILD, index)) {
    close(pidfd);
    return false;
  }
  children[index] = (struct child){.id = id, .pid = pid, .pidfd = pidfd, .peer = peer};
  if (peer == NO_PEER)
    ++waiting_count;
  else
    peer_gained_child(peer);
  ++child_count;
  return true;
}

/* Without a pidfd we would never know how it ended. */
static void undo(pid_t pid) {
  kill(pid, SIGKILL);
  wait4(pid, NULL, 0, NULL);
  learn_from(pid);
}

/* Until we reap it, its pid is unique. It may not lead a group yet. */
static void kill_child(const struct child* child) {
  kill(-child->pid, SIGKILL);
  kill(child->pid, SIGKILL);
}

static void reap(struct child* child) {
  struct cgisrv_warm_ended ended = {.header = {CGISRV_WARM_MAGIC, CGISRV_WARM_ENDED, child->id}};
  if (wait4(child->pid, &ended.status, WNOHANG, &ended.usage) == 0) return; /* an old event */
  unwatch(child->pidfd);
  close(child->pidfd);
  learn_from(child->pid);
  child->pid = 0;
  --child_count;
  if (child->peer == NO_PEER) {
    --waiting_count;
    ++unasked_deaths;
    return;
  }
  send_packet(peer_socket(child->peer), &ended, sizeof ended, -1, false);
  peer_lost_child(child->peer);
}

/* Notices of children that have waited: which child has got which request. */
static void read_notices(void) {
  uint32_t index;
  uint64_t id;
  int reply;
  while (read_notice(&index, &id, &reply)) {
    struct child* child = &children[index % CGISRV_WARM_CHILDREN_MAX];
    if (child->pid != 0 && child->peer == NO_PEER) {
      child->id = id;
      child->peer = peer_of(&reply);
      if (child->peer == NO_PEER) {
        send_failed(reply, id, CGISRV_WARM_STEP_MESSAGE, EMFILE, false);
        kill_child(child);
      } else {
        --waiting_count;
        peer_gained_child(child->peer);
      }
    }
    if (reply >= 0) close(reply);
  }
}

static void child_event(uint32_t index) {
  struct child* child = &children[index];
  if (child->pid == 0) return;
  if (child->peer == NO_PEER) read_notices();
  if (child->peer == NO_PEER || peer_takes_answer(child->peer)) {
    reap(child);
    return;
  }
  child->waits = true;
  unwatch(child->pidfd);
  peer_await_room(child->peer, true);
}

static void peer_event(uint32_t index) {
  const int peer = (int)index;
  if (peer_socket(peer) < 0) return; /* an old event */
  const bool is_gone = peer_is_gone(peer);
  bool has_room = true;
  for (struct child* child = children; child < children + CGISRV_WARM_CHILDREN_MAX; ++child) {
    if (child->pid == 0 || child->peer != peer) continue;
    if (is_gone) kill_child(child);
    has_room = has_room && peer_takes_answer(peer);
    if (child->waits && has_room) reap(child);
  }
  if (is_gone)
    peer_has_gone(peer);
  else if (has_room)
    peer_await_room(peer, false);
}

/* ---- requests */

/* True in the child. */
static bool start(struct request* request) {
  const uint64_t id = request->head.header.id;
  const int peer = peer_of(&request->fd[CGISRV_WARM_REPLY]);
  if (peer < 0) {
    send_failed(request->fd[CGISRV_WARM_REPLY], id, CGISRV_WARM_STEP_MESSAGE, EMFILE, false);
    return false;
  }
  const uint32_t index = vacancy();
  const pid_t pid = fork_child();
  if (pid == 0) {
    prepare_child();
    become(request, peer_socket(peer));
    return true;
  }
  if (pid < 0) {
    send_failed(peer_socket(peer), id, CGISRV_WARM_STEP_FORK, errno, false);
  } else if (!record(index, pid, id, peer)) {
    undo(pid);
    send_failed(peer_socket(peer), id, CGISRV_WARM_STEP_FORK, EMFILE, false);
  }
  return false;
}

/* True in a child. */
static bool control_event(void) {
  struct request request;
  enum received received = RECEIVED_REQUEST;
  for (int turn = 0; turn < 16 && child_count < children_max; ++turn) {
    received = receive_request(&request, false);
    if (received == RECEIVED_NOTHING || received == RECEIVED_END) break;
    if (received == RECEIVED_MALFORMED)
      refuse_request(&request);
    else if (is_wanted(&request) && start(&request))
      return true;
    close_request(&request);
  }
  has_read_all = received == RECEIVED_NOTHING;
  retiring = received == RECEIVED_END;
  return false;
}

/* Children that wait are forked when nothing else is to be done: if more requests run at a time
 * than children would wait, these requests need the processor more. True in one of the children. */
static bool make_wait(void) {
  if (retiring || !has_read_all || unasked_deaths >= UNASKED_DEATHS_MAX) return false;
  while (waiting_count < shim.waiting && child_count - waiting_count <= shim.waiting &&
         child_count < children_max) {
    const uint32_t index = vacancy();
    const pid_t pid = fork_child();
    if (pid == 0) {
      await_request(index);
      return true;
    }
    if (pid < 0) break;
    if (!record(index, pid, 0, NO_PEER)) {
      undo(pid);
      break;
    }
  }
  return false;
}

/* While children wait, they take the requests; its end is noticed nevertheless. */
static void watch_control(void) {
  enum { NOT, FOR_ITS_END, FOR_REQUESTS };
  static int watched = NOT;
  int wanted = FOR_REQUESTS;
  if (retiring || child_count >= children_max)
    wanted = NOT;
  else if (waiting_count > 0)
    wanted = FOR_ITS_END;
  if (wanted == watched) return;
  const uint32_t events = wanted == FOR_REQUESTS ? EPOLLIN : 0;
  if (wanted == NOT)
    unwatch(shim.control);
  else if (watched == NOT)
    watch(shim.control, events, SOURCE_CONTROL, 0);
  else
    rewatch(shim.control, events, SOURCE_CONTROL, 0);
  watched = wanted;
}

/* ---- the loop */

static void prepare(void) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL); /* the program's handlers must not run for us */
  const struct sigaction usual = {.sa_handler = SIG_DFL};
  sigaction(SIGCHLD, &usual, NULL); /* if ignored, it would leave us nothing to reap */
  /* One for each child, and some for ourselves. */
  const rlim_t spare = 256;
  struct rlimit descriptors = shim.descriptors;
  descriptors.rlim_cur = descriptors.rlim_max;
  if (descriptors.rlim_cur > CGISRV_WARM_CHILDREN_MAX + spare)
    descriptors.rlim_cur = CGISRV_WARM_CHILDREN_MAX + spare;
  if (descriptors.rlim_cur <= spare || setrlimit(RLIMIT_NOFILE, &descriptors) != 0)
    refuse("It may not open enough files for its children.");
  children_max = (uint32_t)(descriptors.rlim_cur - spare);
  poller = epoll_create1(EPOLL_CLOEXEC);
  const int notices = open_notices();
  if (poller < 0 || notices < 0 || !watch(notices, EPOLLIN, SOURCE_NOTICE, 0))
    refuse("It has no descriptors left.");
  prepare_learning();
}

/* The zygote makes the control socket, not the manager: else a process that had the channel open,
 * through the program or while it could still trace us, could have taken it on its way to us. */
static void say_ready(void) {
  const struct cgisrv_warm_header ready = {CGISRV_WARM_MAGIC, CGISRV_WARM_READY, 0};
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    refuse("It has no descriptors left.");
  if (send_packet(shim.channel, &ready, sizeof ready, ends[1], true) != 0) _exit(0);
  close(ends[1]);
  /* In place of the channel, clear of the program's own numbers. */
  if (dup3(ends[0], shim.channel, O_CLOEXEC) < 0) _exit(0);
  close(ends[0]);
  shim.control = shim.channel;
}

void serve(void) {
  prepare();
  say_ready();
  shim.phase = PHASE_SERVING;
  while (!retiring || child_count > 0) {
    if (make_wait()) return;
    watch_control();
    struct epoll_event events[16];
    const int count = epoll_wait(poller, events, 16, -1);
    for (int i = 0; i < count; ++i) {
      const uint32_t index = (uint32_t)events[i].data.u64;
      switch ((enum source)(events[i].data.u64 >> 32)) {
        case SOURCE_CHILD:
          child_event(index);
          break;
        case SOURCE_PEER:
          peer_event(index);
          break;
        case SOURCE_NOTICE:
          read_notices();
          if (control_event()) return; /* before forking another that waits: there may be more */
          break;
        case SOURCE_CONTROL:
          if (control_event()) return;
      }
    }
  }
  _exit(0);
}

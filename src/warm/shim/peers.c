/* The workers that children belong to, each known by its reply socket. */
#include <poll.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim.h"

struct peer {
  int fd; /* -1: none */
  ino_t inode;
  unsigned children;
  bool gone;
};

static struct peer peers[PEERS_MAX];
static int peer_count; /* highest ever */

static void release(int index) {
  close(peers[index].fd);
  peers[index].fd = -1;
}

static int vacancy(void) {
  for (int i = 0; i < peer_count; ++i)
    if (peers[i].fd < 0) return i;
  return peer_count < PEERS_MAX ? peer_count++ : -1;
}

/* A worker sends another copy of the same socket each time: they share one inode. */
int peer_of(int* reply) {
  const int fd = *reply;
  struct stat status;
  if (fstat(fd, &status) != 0 || !S_ISSOCK(status.st_mode)) return -1;
  for (int i = 0; i < peer_count; ++i)
    if (peers[i].fd >= 0 && !peers[i].gone && peers[i].inode == status.st_ino) return i;
  const int index = vacancy();
  if (index < 0) return -1;
  peers[index].fd = -1;
  if (!watch(fd, 0, SOURCE_PEER, (uint32_t)index)) return -1;
  peers[index] = (struct peer){.fd = fd, .inode = status.st_ino};
  *reply = -1;
  return index;
}

int peer_socket(int peer) {
  return peers[peer].fd;
}

static short state_of(int peer, short events) {
  struct pollfd asked = {.fd = peers[peer].fd, .events = events};
  return poll(&asked, 1, 0) > 0 ? asked.revents : 0;
}

bool peer_is_gone(int peer) {
  return peers[peer].gone || (state_of(peer, 0) & (POLLHUP | POLLERR)) != 0;
}

bool peer_takes_answer(int peer) {
  return peers[peer].gone || state_of(peer, POLLOUT) != 0;
}

void peer_gained_child(int peer) {
  ++peers[peer].children;
}

void peer_lost_child(int peer) {
  if (--peers[peer].children == 0 && peers[peer].gone) release(peer);
}

void peer_await_room(int peer, bool wanted) {
  if (!peers[peer].gone)
    rewatch(peers[peer].fd, wanted ? EPOLLOUT : 0, SOURCE_PEER, (uint32_t)peer);
}

void peer_has_gone(int peer) {
  if (peers[peer].gone) return;
  unwatch(peers[peer].fd);
  peers[peer].gone = true;
  if (peers[peer].children == 0) release(peer);
}

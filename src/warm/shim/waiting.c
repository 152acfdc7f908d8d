/* Children that are forked before a request needs them. Each waits at the control socket itself,
 * where the kernel gives a packet to one reader only, and tells the zygote which request it has
 * got: its notice. So no request waits for a fork, and none is passed on. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shim.h"

struct notice {
  uint32_t child; /* its index in the zygote's table */
  uint32_t reserved;
  uint64_t request;
};

static int notices[2] = {-1, -1}; /* the zygote's end, the children's */
static pid_t zygote;

int open_notices(void) {
  zygote = getpid();
  return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, notices) == 0 ? notices[0] : -1;
}

/* If the zygote died, nobody would report how this child has ended: so it dies, too, unless it has
 * a request. Checking the parent detects a death in between. */
static void end_with_zygote(bool wanted) {
  prctl(PR_SET_PDEATHSIG, wanted ? SIGKILL : 0);
  if (getppid() != zygote) _exit(0);
}

void await_request(uint32_t child) {
  struct request request;
  end_with_zygote(true);
  prepare_child();
  for (;;) {
    switch (receive_request(&request, true)) {
      case RECEIVED_END:
        _exit(0);
      case RECEIVED_NOTHING:
        continue; /* interrupted */
      case RECEIVED_MALFORMED:
        refuse_request(&request);
        break;
      case RECEIVED_REQUEST:
        if (!is_wanted(&request)) break;
        const struct notice notice = {child, 0, request.head.header.id};
        const int reply = request.fd[CGISRV_WARM_REPLY];
        if (send_packet(notices[1], &notice, sizeof notice, reply, true) != 0) _exit(0);
        end_with_zygote(false);
        become(&request, reply);
        return;
    }
    close_request(&request);
  }
}

bool read_notice(uint32_t* child, uint64_t* request, int* reply) {
  struct notice notice;
  int fd[CGISRV_WARM_DESCRIPTORS_MAX];
  int count;
  if (receive_packet(notices[0], &notice, sizeof notice, fd, &count, false) != sizeof notice)
    return false;
  *reply = count > 0 ? fd[0] : -1;
  *child = notice.child;
  *request = notice.request;
  return true;
}

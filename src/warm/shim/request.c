/* Messages: incoming requests, and answers. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim.h"

union ancillary {
  struct cmsghdr header; /* for its alignment */
  char bytes[CMSG_SPACE(CGISRV_WARM_DESCRIPTORS_MAX * sizeof(int))];
};

static struct {
  struct cgisrv_warm_request head;
  char packed[CGISRV_WARM_INLINE_MAX];
} packet;

/* A child shares this memory: nothing of another request may remain in it. */
static void forget_rest(size_t size) {
  static size_t filled;
  if (filled > size) memset((char*)&packet + size, 0, filled - size);
  filled = size;
}

static int take_descriptors(struct msghdr* message, int* fd) {
  int count = 0;
  for (struct cmsghdr* part = CMSG_FIRSTHDR(message); part != NULL;
       part = CMSG_NXTHDR(message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    count = (int)((part->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    memcpy(fd, CMSG_DATA(part), (size_t)count * sizeof(int));
  }
  return count;
}

ssize_t receive_packet(int socket, void* bytes, size_t size, int* fd, int* fd_count, bool wait) {
  union ancillary ancillary;
  struct iovec piece = {bytes, size};
  struct msghdr message = {.msg_iov = &piece,
                           .msg_iovlen = 1,
                           .msg_control = ancillary.bytes,
                           .msg_controllen = sizeof ancillary.bytes};
  const ssize_t got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
  *fd_count = got > 0 ? take_descriptors(&message, fd) : 0;
  return got;
}

static bool is_whole(const struct request* request, size_t size) {
  const struct cgisrv_warm_request* head = &request->head;
  if (size < sizeof *head || head->header.magic != CGISRV_WARM_MAGIC ||
      head->header.type != CGISRV_WARM_REQUEST)
    return false;
  const bool in_memfd = (head->flags & CGISRV_WARM_WITH_MEMFD) != 0;
  return request->fd_count == CGISRV_WARM_OPTIONAL + __builtin_popcount(head->flags) &&
         (in_memfd ? head->packed_bytes <= CGISRV_WARM_PACKED_MAX
                   : head->packed_bytes == size - sizeof *head);
}

enum received receive_request(struct request* request, bool wait) {
  *request = (struct request){.packed = packet.packed};
  const ssize_t got =
      receive_packet(shim.control, &packet, sizeof packet, request->fd, &request->fd_count, wait);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return RECEIVED_NOTHING;
  if (got <= 0) return RECEIVED_END;
  forget_rest((size_t)got);
  request->head = packet.head;
  return is_whole(request, (size_t)got) ? RECEIVED_REQUEST : RECEIVED_MALFORMED;
}

bool is_wanted(const struct request* request) {
  struct pollfd asked[] = {{.fd = request->fd[CGISRV_WARM_CLAIM], .events = POLLIN},
                           {.fd = request->fd[CGISRV_WARM_REPLY]}};
  return poll(asked, 2, 0) > 0 && asked[0].revents == POLLIN && asked[1].revents == 0;
}

void refuse_request(const struct request* request) {
  if (request->fd_count > CGISRV_WARM_REPLY)
    send_failed(request->fd[CGISRV_WARM_REPLY], request->head.header.id, CGISRV_WARM_STEP_MESSAGE,
                EBADMSG, false);
}

void close_request(struct request* request) {
  for (int i = 0; i < request->fd_count; ++i)
    if (request->fd[i] >= 0) close(request->fd[i]);
  request->fd_count = 0;
}

int optional_descriptor(const struct request* request, uint32_t flag) {
  if ((request->head.flags & flag) == 0) return -1;
  return request->fd[CGISRV_WARM_OPTIONAL + __builtin_popcount(request->head.flags & (flag - 1))];
}

/* Skips that many strings; NULL if they do not end before `end`. */
static const char* skip(const char* string, uint32_t count, const char* end) {
  for (; count > 0 && string != NULL; --count) {
    string = string < end ? memchr(string, '\0', (size_t)(end - string)) : NULL;
    if (string != NULL) ++string;
  }
  return string;
}

bool unpack(const struct request* request, struct parts* parts) {
  const struct cgisrv_warm_request* head = &request->head;
  const char* begin = request->packed;
  const int memfd = optional_descriptor(request, CGISRV_WARM_WITH_MEMFD);
  if (memfd >= 0) {
    struct stat status;
    if (fstat(memfd, &status) != 0 || status.st_size < head->packed_bytes) return false;
    begin = mmap(NULL, head->packed_bytes, PROT_READ, MAP_PRIVATE, memfd, 0);
    if (begin == MAP_FAILED) return false;
  }
  const char* end = begin + head->packed_bytes;
  parts->limits = (const struct cgisrv_warm_limit*)begin;
  if (head->argument_count == 0 || head->limit_count > head->packed_bytes / sizeof *parts->limits)
    return false;
  parts->arguments = (const char*)(parts->limits + head->limit_count);
  parts->variables = skip(parts->arguments, head->argument_count, end);
  parts->directory = skip(parts->variables, head->variable_count, end);
  return parts->directory != NULL && skip(parts->directory, 1, end) == end;
}

void forget_packed(const struct request* request, const struct parts* parts) {
  if (optional_descriptor(request, CGISRV_WARM_WITH_MEMFD) >= 0)
    munmap((void*)parts->limits, request->head.packed_bytes);
}

int send_packet(int socket, const void* packet, size_t size, int fd, bool wait) {
  union ancillary ancillary = {0};
  struct iovec piece = {(void*)packet, size};
  struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
  if (fd >= 0) {
    message.msg_control = ancillary.bytes;
    message.msg_controllen = CMSG_SPACE(sizeof fd);
    struct cmsghdr* part = CMSG_FIRSTHDR(&message);
    *part = (struct cmsghdr){CMSG_LEN(sizeof fd), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(part), &fd, sizeof fd);
  }
  while (sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
    if (errno == EINTR) continue;
    if (errno != EAGAIN || !wait) return errno;
    struct pollfd room = {.fd = socket, .events = POLLOUT};
    poll(&room, 1, -1);
  }
  return 0;
}

int send_failed(int socket, uint64_t id, enum cgisrv_warm_step step, int error, bool wait) {
  const struct cgisrv_warm_failed failed = {
      {CGISRV_WARM_MAGIC, CGISRV_WARM_FAILED, id}, (int32_t)step, error};
  return send_packet(socket, &failed, sizeof failed, -1, wait);
}

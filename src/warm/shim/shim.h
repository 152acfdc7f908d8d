/* The shim that is preloaded into a zygote: what its parts lend each other. What the rest of cgisrv
 * may know of it is in warm/wire.h.
 *
 *   boot.c         takes what the keeper has left in the environment, before the program runs
 *   program.c      what the executable needs of libc
 *   control.c      gets control at the fork point: where an interpreter forks, before main
 *   watch.c        sees what the program asks of its environment on the way there
 *   eligible.c     whether it may be a zygote, judged at the fork point
 *   descriptors.c  the program's own descriptors, and files anew for each child
 *   facts.c        what the zygote is made of
 *   zygote.c       the loop: requests in, children out
 *   peers.c        the workers that children belong to
 *   request.c      a request, read from the control socket
 *   waiting.c      children that wait for a request
 *   child.c        from a fork to a program that may begin
 *   environment.c  the environment of a child
 *
 * Only libc, no threads, no allocation in the zygote once it serves. All strings of text are ended
 * by NUL. */
#ifndef CGISRV_WARM_SHIM_H
#define CGISRV_WARM_SHIM_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "warm/wire.h"

/* What stands in the way of a function of libc; all else is hidden. */
#define EXPORTED __attribute__((visibility("default")))

enum phase {
  PHASE_OFF,     /* not a zygote: LD_PRELOAD reached a program that is none of ours */
  PHASE_LOADING, /* before the fork point */
  PHASE_SERVING, /* in the zygote's loop, and in a child that is not ready yet */
  PHASE_CHILD    /* the program runs; the shim does nothing any more */
};

struct shim {
  enum phase phase;
  bool native; /* CGISRV_WARM=main */
  int control;
  int slate;
  uint32_t waiting; /* so many children wait for requests */

  /* What the program had set for itself when it reached the fork point. */
  bool has_moved; /* into another directory */
  sigset_t mask;
  struct sigaction child_action; /* for SIGCHLD, which the zygote needs itself */
  struct rlimit descriptors;
  int argc; /* in a child: of its request, in memory of its own */
  char** argv;
  char prologue[CGISRV_WARM_PROLOGUE_MAX]; /* what it had said on standard error */
  size_t prologue_bytes;
};

extern struct shim shim;

/* ---- boot.c */

/* Once; done before anything else is asked of the shim. */
void boot(void);

/* Says why to the keeper, and exits. `reason` is a whole sentence. */
__attribute__((noreturn, format(printf, 1, 2))) void refuse(const char* format, ...);

/* ---- program.c */

/* Whether the executable itself, not one of its libraries, needs a symbol from elsewhere. */
bool program_needs(const char* symbol);

/* ---- watch.c */

/* The name of a variable of the request that the program has asked for; NULL: none. */
const char* asked_for(void);

/* ---- eligible.c */

/* Before the program runs: what it begins with. */
void note_beginning(void);
/* Refuses a program that cannot be a zygote; notes down what it has set for itself otherwise. */
void judge(void);

/* ---- descriptors.c */

/* Notes down what is open; refuses what cannot be had by many processes at once. */
void note_descriptors(void);
/* In a child: files of its own in place of those that it shares with the zygote. 0, or errno. */
int renew_descriptors(void);
/* In a child: closes all but 0, 1, 2, the program's own, and a bootstrap's slate. */
void close_others(void);

/* ---- facts.c */

/* A whole file of /proc. Memory of its own (mmap), to be given to drop(); NULL where it cannot be
 * read. A NUL stands behind it. */
struct text {
  char* bytes;
  size_t size;
  size_t room;
};
struct text read_text(const char* path);
void drop(struct text* text);

/* What an interpreter's bootstrap has left on the slate is judged and replaced by the facts. */
void state_facts(void);

/* ---- environment.c */

void note_environment(void); /* before the program runs: what it began with */
void note_changes(void);     /* at the fork point: what it has changed */
/* In a child: sets `environ`. All of it can be freed, as some perls do. False: no memory. */
bool build_environment(const char* variables, uint32_t count);
/* In a child: a fresh slate, which bootstraps read after their fork: the number of arguments, all
 * arguments after the first, all variables, each ended by NUL. 0, or errno. */
int fill_slate(void);

/* ---- request.c */

struct request {
  struct cgisrv_warm_request head;
  const char* packed; /* where no memfd has it */
  int fd[CGISRV_WARM_DESCRIPTORS_MAX];
  int fd_count;
};

enum received { RECEIVED_REQUEST, RECEIVED_MALFORMED, RECEIVED_NOTHING, RECEIVED_END };

/* The descriptors are the caller's, of a malformed one too (close_request). */
enum received receive_request(struct request* request, bool wait);
/* Whether anybody still wants it run by us. */
bool is_wanted(const struct request* request);
/* Tells the worker that it cannot be read. */
void refuse_request(const struct request* request);
void close_request(struct request* request);
/* The descriptor that a flag names; -1: it did not come. */
int optional_descriptor(const struct request* request, uint32_t flag);

/* The packed part, taken to pieces; they are in it. */
struct parts {
  const struct cgisrv_warm_limit* limits;
  const char* arguments;
  const char* variables;
  const char* directory;
};
/* In a child. False: malformed, or a memfd that cannot be mapped. */
bool unpack(const struct request* request, struct parts* parts);
void forget_packed(const struct request* request, const struct parts* parts);

/* As of recv(2). There is room for CGISRV_WARM_DESCRIPTORS_MAX descriptors, which are the caller's.
 */
ssize_t receive_packet(int socket, void* bytes, size_t size, int* fd, int* fd_count, bool wait);

/* A packet to a worker or the keeper; `fd` goes along unless it is -1. 0, or errno. */
int send_packet(int socket, const void* packet, size_t size, int fd, bool wait);
int send_failed(int socket, uint64_t id, enum cgisrv_warm_step step, int error, bool wait);

/* ---- peers.c */

#define PEERS_MAX 256

/* The peer that a reply socket leads to. The socket is taken, and -1 then, where it is not known
 * yet. -1: too many of them. */
int peer_of(int* reply);
int peer_socket(int peer);
bool peer_is_gone(int peer);
/* Whether an answer will be taken at once; also where there is nobody to take it. */
bool peer_takes_answer(int peer);
void peer_gained_child(int peer);
void peer_lost_child(int peer);
/* Its socket is closed as soon as it has no children. */
void peer_has_gone(int peer);
/* From now on there is an event when there is room for an answer, or no longer. */
void peer_await_room(int peer, bool wanted);

/* ---- child.c */

/* In a process that was just forked: what needs no request. */
void prepare_child(void);
/* Then. Returns when the program may begin, else not at all. */
void become(const struct request* request, int reply);

/* ---- waiting.c */

/* In the zygote, once: the descriptor at which its children give notice; -1: there is none left. */
int open_notices(void);
/* In a process that was just forked. Returns as become() does, as soon as there is a request. */
void await_request(uint32_t child);
/* Which child has got which request, and its reply socket, the caller's. False: nothing new. */
bool read_notice(uint32_t* child, uint64_t* request, int* reply);

/* ---- zygote.c */

/* What epoll says an event is of: a kind, and which. A descriptor is taken out before it is closed:
 * others may have it too. */
enum source { SOURCE_CONTROL, SOURCE_NOTICE, SOURCE_CHILD, SOURCE_PEER };
bool watch(int fd, uint32_t events, enum source source, uint32_t index);
void rewatch(int fd, uint32_t events, enum source source, uint32_t index);
void unwatch(int fd);

/* Serves requests. Returns in children only, each of which is ready for its program then. */
void serve(void);

/* ---- control.c */

pid_t real_fork(void);
/* The kernel's. A program may have a function write of its own, which the loader gives to us, too,
 * and which may not be fit for use before main: cgit's calls by a pointer that main sets. */
ssize_t real_write(int fd, const void* bytes, size_t size);

#endif

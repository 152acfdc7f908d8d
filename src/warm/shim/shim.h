/* The shim that is preloaded into a zygote: the interfaces of its parts. Its interface to the rest
 * of cgisrv is in warm/wire.h.
 *
 *   boot.c         takes the manager's variables out of the environment, before the program runs
 *   program.c      what the executable needs of libc
 *   control.c      gets control at the fork point: where an interpreter forks, before main
 *   watch.c        notices which variables the program reads on the way there
 *   eligible.c     whether it may be a zygote, judged at the fork point
 *   descriptors.c  the program's own descriptors, and files anew for each child
 *   facts.c        which files the zygote has loaded
 *   zygote.c       the loop: requests in, children out
 *   peers.c        the workers that children belong to
 *   request.c      a request, read from the control socket
 *   waiting.c      children that wait for a request
 *   child.c        from a fork to a program that may begin
 *   environment.c  the environment of a child
 *   touched.c      the pages that children write to, copied at once with the fork
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

/* A function that overrides one of libc; all others are hidden. */
#define EXPORTED __attribute__((visibility("default")))

enum phase {
  PHASE_OFF,     /* not a zygote: LD_PRELOAD reached some other program */
  PHASE_LOADING, /* before the fork point */
  PHASE_SERVING, /* in the zygote's loop, and in a child that is not ready yet */
  PHASE_CHILD    /* the program runs; the shim no longer does anything */
};

struct shim {
  enum phase phase;
  bool native; /* CGISRV_WARM=main */
  int channel; /* to the manager, until `ready` is sent */
  int control; /* from then on; no process that could trace us before has it */
  int slate;
  uint32_t waiting; /* number of children that wait for requests */

  /* What the program had set for itself when it reached the fork point. */
  bool has_moved; /* into another directory */
  sigset_t mask;
  struct sigaction child_action; /* for SIGCHLD, which the zygote uses itself */
  struct rlimit descriptors;
  int argc; /* in a child: its request's, in memory of its own */
  char** argv;
  char prologue[CGISRV_WARM_PROLOGUE_MAX]; /* what it had written to standard error */
  size_t prologue_bytes;
};

extern struct shim shim;

/* ---- boot.c */

/* Once; done before any other function of the shim. */
void boot(void);

/* Sends the reason to the manager, and exits. `reason` is a whole sentence. */
__attribute__((noreturn, format(printf, 1, 2))) void refuse(const char* format, ...);

/* ---- program.c */

/* Whether the executable itself, not one of its libraries, imports a symbol. */
bool program_needs(const char* symbol);

/* ---- watch.c */

/* The name of a variable of the request that the program has read; NULL: none. */
const char* asked_for(void);

/* ---- eligible.c */

/* Before the program runs: notes its initial state. */
void note_beginning(void);
/* Refuses a program that cannot be a zygote; else notes what it has set for itself. */
void judge(void);

/* ---- descriptors.c */

/* Notes open descriptors; refuses those that many processes cannot share. */
void note_descriptors(void);
/* In a child: replaces files that it shares with the zygote by its own. 0, or errno. */
int renew_descriptors(void);
/* In a child: closes all but 0, 1, 2, the program's own, and a bootstrap's slate. */
void close_others(void);

/* ---- facts.c */

/* A whole file of /proc. In memory of its own (mmap), for drop(); NULL if it cannot be read. A NUL
 * follows it. */
struct text {
  char* bytes;
  size_t size;
  size_t room;
};
struct text read_text(const char* path);
void drop(struct text* text);

/* Judges what an interpreter's bootstrap has left on the slate, and replaces it by the facts. */
void state_facts(void);

/* ---- environment.c */

void note_environment(void); /* before the program runs: its initial environment */
void note_changes(void);     /* at the fork point: the program's changes */
/* In a child: sets `environ`. All of it can be freed, as some perls do. False: no memory. */
bool build_environment(const char* variables, uint32_t count);
/* In a child: a fresh slate, which bootstraps read after their fork: the number of arguments, all
 * arguments after the first, all variables, each ended by NUL. 0, or errno. */
int fill_slate(void);

/* ---- request.c */

struct request {
  struct cgisrv_warm_request head;
  const char* packed; /* null if a memfd has it */
  int fd[CGISRV_WARM_DESCRIPTORS_MAX];
  int fd_count;
};

enum received { RECEIVED_REQUEST, RECEIVED_MALFORMED, RECEIVED_NOTHING, RECEIVED_END };

/* The caller owns the descriptors, even of a malformed one (close_request). */
enum received receive_request(struct request* request, bool wait);
/* Whether the worker still wants it run by us. */
bool is_wanted(const struct request* request);
/* Tells the worker that it cannot be read. */
void refuse_request(const struct request* request);
void close_request(struct request* request);
/* The descriptor that a flag names; -1: it did not come. */
int optional_descriptor(const struct request* request, uint32_t flag);

/* The pieces of the packed part; they point into it. */
struct parts {
  const struct cgisrv_warm_limit* limits;
  const char* arguments;
  const char* variables;
  const char* directory;
};
/* In a child. False: malformed, or a memfd that cannot be mapped. */
bool unpack(const struct request* request, struct parts* parts);
void forget_packed(const struct request* request, const struct parts* parts);

/* As recv(2). Has room for CGISRV_WARM_DESCRIPTORS_MAX descriptors, which the caller owns. */
ssize_t receive_packet(int socket, void* bytes, size_t size, int* fd, int* fd_count, bool wait);

/* A packet to a worker or the manager; `fd` goes along unless it is -1. 0, or errno. */
int send_packet(int socket, const void* packet, size_t size, int fd, bool wait);
int send_failed(int socket, uint64_t id, enum cgisrv_warm_step step, int error, bool wait);

/* ---- peers.c */

#define PEERS_MAX 256

/* The peer that a reply socket leads to. Takes the socket, and sets it to -1, if the peer is new.
 * -1: too many peers. */
int peer_of(int* reply);
int peer_socket(int peer);
bool peer_is_gone(int peer);
/* Whether an answer will be taken at once; also true if nobody is left to take it. */
bool peer_takes_answer(int peer);
void peer_gained_child(int peer);
void peer_lost_child(int peer);
/* Its socket is closed as soon as it has no children. */
void peer_has_gone(int peer);
/* From now on there is an event when there is room for an answer, or no longer. */
void peer_await_room(int peer, bool wanted);

/* ---- child.c */

/* In a process that was just forked: the steps that need no request. */
void prepare_child(void);
/* Afterwards. Returns when the program may begin, else never. */
void become(const struct request* request, int reply);

/* ---- waiting.c */

/* In the zygote, once: the descriptor of its children's notices; -1: none is left. */
int open_notices(void);
/* In a process that was just forked. Returns as become() does, once there is a request. */
void await_request(uint32_t child);
/* Which child has got which request, and its reply socket, the caller's. False: nothing new. */
bool read_notice(uint32_t* child, uint64_t* request, int* reply);

/* ---- zygote.c */

/* What epoll reports an event of: a kind, and which. A descriptor is removed before it is closed:
 * other processes may have it too. */
enum source { SOURCE_CONTROL, SOURCE_NOTICE, SOURCE_CHILD, SOURCE_PEER };
bool watch(int fd, uint32_t events, enum source source, uint32_t index);
void rewatch(int fd, uint32_t events, enum source source, uint32_t index);
void unwatch(int fd);

/* Serves requests. Only returns in children, ready for the program. */
void serve(void);

/* ---- touched.c */

/* Before the first child. */
void prepare_learning(void);
/* Another child, perhaps an observed one: as fork does. */
pid_t fork_child(void);
/* A child has ended, and has been reaped. */
void learn_from(pid_t pid);

/* ---- control.c */

pid_t real_fork(void);
/* The kernel's. A program may have a function write of its own, which the loader gives to us, too,
 * and which may not be usable before main: cgit's calls by a pointer that main sets. */
ssize_t real_write(int fd, const void* bytes, size_t size);

#endif

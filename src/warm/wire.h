/* What keeper, workers and zygotes say to each other. For C and C++.
 *
 * A zygote is a program that was started once, brought to the point where it would begin to look at
 * its request, and kept there. Each request gets a process forked from it. Three take part:
 *
 *   keeper   boots zygotes and retires them
 *   worker   has requests; sends them, and is told what became of them
 *   zygote   the shim, preloaded into the program (src/warm/shim); and its children
 *
 *   keeper  <- control ---  zygote    ready | refused, once
 *   worker  -- control -->  zygote    request
 *   worker  <- reply -----  child     begun
 *   worker  <- reply -----  zygote    ended | failed
 *
 * Both channels are pairs of SOCK_SEQPACKET sockets, a message is one packet, and starts with
 * struct cgisrv_warm_header. Sender and receiver are of one build: nothing is converted.
 *
 *   control  one for each zygote. The zygote has one end, the keeper and all workers share the
 *            other. When the last of them has closed it, the zygote takes what is still in it,
 *            waits for the children it has, and exits: that is how it is retired.
 *   reply    one for each worker, which keeps one end and sends the other with each request. When
 *            the worker has closed its end, or died, the zygote kills (SIGKILL) the process groups
 *            of the children that it has for it.
 *   claim    one for each request: an eventfd(1, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC) of the
 *            worker's. Who reads the 1 has the request. The child reads it last before it runs
 *            anything of the program; the worker reads it to take the request back, and may then
 *            start the program plainly. So no request runs twice, whoever is killed or stopped at
 *            whatever moment.
 *
 * A worker hears of each request that was read and that it has not taken back: `failed`, or
 * `begun`; then `ended`, where there was a child. Each comes at most once, in this order. `ended`
 * without `begun` says that nothing of the program has run. Answers to what it has taken back are
 * to be ignored. Nothing comes for what the zygote had not read when it died: the worker sees
 * EPOLLHUP on the control socket. Children live on without their zygote; then there is no `ended`,
 * but the pidfd becomes readable.
 */
#ifndef CGISRV_WARM_WIRE_H
#define CGISRV_WARM_WIRE_H

#include <stdint.h>
#include <sys/resource.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- How a zygote is started: by execve(2) of the program, with these in the environment, beside
 * all variables that are the same for each of its requests, and no others. The shim removes them
 * before the program sees them. LD_PRELOAD names the shim, first, where there are several; after
 * the first ':' it is the program's own. LD_BIND_NOW, in mode main only, is removed too.
 *
 *   CGISRV_WARM=fork       for interpreters; the command line has the bootstrap (src/warm/perl,
 *                          src/warm/python: their first lines say how it is called)
 *   CGISRV_WARM=main       for native programs: stops before main(). Static ones, and those for
 *                          which LD_PRELOAD has no effect, would run for real: they are for the
 *                          keeper to find out
 *   CGISRV_WARM_CONTROL=N  the zygote's end of the control socket
 *   CGISRV_WARM_SLATE=N    an empty memfd, see below; the keeper keeps a copy
 *   CGISRV_WARM_WAITING=N  so many children wait for requests; none unless given
 *   CGISRV_WARM_KEEPER=N   the parent's process id: in any other process the shim does nothing
 *
 * Descriptors 0, 1, 2, and the two above, at CGISRV_WARM_FD_MIN or higher, so that what the program
 * opens has the numbers that it would have otherwise; none of them close-on-exec, and no others:
 *
 *   0     the reading end of a pipe with one byte in it and no writer: a program that reads its
 *         standard input before the fork point is seen to have done so
 *   1, 2  a memfd each, opened for reading and writing. What is written to 1 before the fork point
 *         is a reason to refuse; what is written to 2 is what each run would begin with, and is
 *         written to the standard error of each child (up to CGISRV_WARM_PROLOGUE_MAX). The keeper
 *         keeps a copy of 2, and finds there what a program said that died on its way.
 *
 * Signals: default dispositions, empty mask. The user, umask (022), working directory and hard
 * limits are the requests'; it is in a session without a terminal. What the program changes on its
 * way (handlers, mask, umask, directory, environment) holds for its children, as in a plain run. */
#define CGISRV_WARM_FD_MIN 200
#define CGISRV_WARM_PROLOGUE_MAX 16384

enum cgisrv_warm_type {
  CGISRV_WARM_READY = 1,   /* to the keeper: the fork point is reached */
  CGISRV_WARM_REFUSED = 2, /* to the keeper: why this program cannot be a zygote; it has exited */
  CGISRV_WARM_REQUEST = 3, /* to the zygote */
  CGISRV_WARM_BEGUN = 4,   /* from the child: the claim is its, the program runs now */
  CGISRV_WARM_ENDED = 5,   /* from the zygote: the child has been reaped */
  CGISRV_WARM_FAILED = 6   /* the request could not be begun; the claim is untouched */
};

#define CGISRV_WARM_MAGIC 0x31574743u /* "CGW1" */

struct cgisrv_warm_header {
  uint32_t magic;
  uint32_t type;
  uint64_t id; /* of a request, the worker's choice; 0 in ready and refused */
};

/* ready: a header, nothing more. The slate then holds the files that the zygote is made of, as
 * absolute paths, each ended by NUL: what is mapped into it, and the modules that the bootstrap
 * names; a file may be named twice. When one of them changes, the zygote is out of date. (The
 * script itself is known to the keeper.)
 *
 * refused: a header, then a whole sentence for the log, without NUL, such as
 * "It starts a thread while it loads." */
#define CGISRV_WARM_REASON_MAX 1024

/* ---- request: this, then the packed part; or, where that is larger than CGISRV_WARM_INLINE_MAX, a
 * memfd that holds the packed part and nothing else, its offset 0. The packed part, in this order:
 *
 *   limits       limit_count times struct cgisrv_warm_limit
 *   argv         argument_count strings, each ended by NUL. The first is the program's name as it
 *                sees it ($0, sys.argv[0], argv[0]), interpreters keep that of their boot; its last
 *                part becomes the name of the process.
 *   environment  variable_count strings NAME=value, each ended by NUL, no name twice: all of the
 *                program's environment, including what the boot had too
 *   directory    one string ended by NUL; empty where a descriptor is sent
 *
 * Descriptors by SCM_RIGHTS, in this order, all the sender's own, copies of which the zygote gets:
 * stdin, stdout, stderr, reply, claim, then those that `flags` name, lowest bit first. */
#define CGISRV_WARM_INLINE_MAX 65536
#define CGISRV_WARM_PACKED_MAX (16u << 20)

enum cgisrv_warm_flag {
  CGISRV_WARM_WITH_DIRECTORY = 1, /* the working directory, opened (O_PATH will do) */
  CGISRV_WARM_WITH_CGROUP = 2,    /* cgroup.procs of the cgroup to be in, open for writing */
  CGISRV_WARM_WITH_MEMFD = 4      /* the packed part; otherwise it is in the message */
};

enum cgisrv_warm_descriptor {
  CGISRV_WARM_STDIN,
  CGISRV_WARM_STDOUT,
  CGISRV_WARM_STDERR,
  CGISRV_WARM_REPLY,
  CGISRV_WARM_CLAIM,
  CGISRV_WARM_OPTIONAL, /* the first of the optional ones */
  CGISRV_WARM_DESCRIPTORS_MAX = CGISRV_WARM_OPTIONAL + 3
};

struct cgisrv_warm_request {
  struct cgisrv_warm_header header;
  uint32_t flags;
  uint32_t packed_bytes;
  uint32_t limit_count;
  uint32_t argument_count; /* at least 1 */
  uint32_t variable_count;
  uint32_t reserved; /* 0 */
};

struct cgisrv_warm_limit {
  uint32_t resource; /* RLIMIT_* */
  uint32_t reserved; /* 0 */
  uint64_t soft;
  uint64_t hard;
};

/* begun: with a pidfd of the child by SCM_RIGHTS (the receiver's to close). The child leads a
 * process group of its own. */
struct cgisrv_warm_begun {
  struct cgisrv_warm_header header;
  int32_t pid;
  int32_t reserved;
};

struct cgisrv_warm_ended {
  struct cgisrv_warm_header header;
  int32_t status; /* as of wait4(2) */
  int32_t reserved;
  struct rusage usage; /* ru_maxrss has a floor: what the child shares with its zygote counts */
};

/* What could not be done. The request may be run plainly; its claim is taken first, as ever. */
enum cgisrv_warm_step {
  CGISRV_WARM_STEP_MESSAGE = 1, /* the request is malformed, or its descriptors were cut off */
  CGISRV_WARM_STEP_FORK = 2,
  CGISRV_WARM_STEP_CGROUP = 3,
  CGISRV_WARM_STEP_DIRECTORY = 4,
  CGISRV_WARM_STEP_LIMITS = 5,
  CGISRV_WARM_STEP_DESCRIPTORS = 6, /* the program's own, or 0, 1 and 2 */
  CGISRV_WARM_STEP_MEMORY = 7
};

/* From the zygote, or from a child, of which `ended` tells then, too. */
struct cgisrv_warm_failed {
  struct cgisrv_warm_header header;
  int32_t step;
  int32_t error; /* errno */
};

/* How many children a zygote has at most, and 256 less than it may have files open (hard limit,
 * RLIMIT_NOFILE). What comes beyond stays unread in the control socket,
 * where the kernel's limit for it holds (SO_SNDBUF of the workers' end). */
#define CGISRV_WARM_CHILDREN_MAX 4096

#ifdef __cplusplus
}
#endif

#endif

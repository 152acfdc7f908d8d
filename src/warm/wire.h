/* Messages between manager, workers and zygotes. For C and C++.
 *
 * A zygote is a program that was started once, brought to the point where it would begin to read
 * its request, and kept there. Each request gets a process forked from it. Three take part:
 *
 *   manager  boots zygotes and retires them
 *   worker   has requests; sends them, and hears their outcome
 *   zygote   the shim, preloaded into the program (src/warm/shim); and its children
 *
 *   manager <- channel ---  zygote    ready | refused, once
 *   worker  -- control -->  zygote    request
 *   worker  <- reply -----  child     begun
 *   worker  <- reply -----  zygote    ended | failed
 *
 * All three are pairs of SOCK_SEQPACKET sockets. A message is one packet, and starts with struct
 * cgisrv_warm_header. Sender and receiver are of one build: nothing is converted. But a zygote and
 * its children are a program: their packets are foreign input to manager and workers, and any
 * packet not described below ends the zygote.
 *
 *   channel  one for each boot. The program has it while it loads. Only the zygote's own process is
 *            believed there, and nothing is ever sent to it.
 *   control  one for each zygote. The zygote makes it at the fork point, when it is undumpable, and
 *            sends one end with `ready`; the manager takes it from the zygote's own process alone
 *            (SCM_CREDENTIALS). The zygote has the other end, manager and all workers share the
 *            first. When the last of them has closed it, the zygote takes what is still in it,
 *            waits for the children it has, and exits: that is how it is retired.
 *   reply    one for each zygote that a worker knows. The worker keeps one end and sends the other
 *            with each request. When the worker has closed its end, or died, the zygote kills
 *            (SIGKILL) the process groups of the children that it has for this worker.
 *   claim    one for each request: an eventfd(1, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC) of the
 *            worker's. The process that reads the 1 has the request. The child reads it last before
 *            it runs anything of the program; the worker reads it to take the request back, and may
 *            then start the program cold. So no request runs twice, whichever process is killed or
 *            stopped at any moment.
 *
 * A worker gets messages for each request that was read and that it has not taken back: `failed`,
 * or `begun`; then `ended`, if there was a child. Each comes at most once, in this order. `ended`
 * without `begun` means that nothing of the program has run. The worker ignores answers to requests
 * that it has taken back. No message comes for requests that the zygote had not read when it died:
 * the worker sees EPOLLHUP on the control socket. Children outlive their zygote; then there is no
 * `ended`, but the pidfd becomes readable. The manager reaps them then, and is asked how they
 * ended. */
#ifndef CGISRV_WARM_WIRE_H
#define CGISRV_WARM_WIRE_H

#include <stdint.h>
#include <sys/resource.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- How a zygote is started: by execve(2) of the program. Its environment has the variables
 * below and those that are the same for all its requests, and no others. The shim removes its own
 * before the program sees them. LD_PRELOAD names the shim first; after the first ':' it is the
 * program's own. LD_BIND_NOW, in mode main only, is removed too.
 *
 *   CGISRV_WARM=fork       for interpreters; the command line has the bootstrap (src/warm/perl,
 *                          src/warm/python: their first lines describe the call)
 *   CGISRV_WARM=main       for native programs: stops before main(). Static ones, and those for
 *                          which LD_PRELOAD has no effect, would run for real: the manager must
 *                          find them out
 *   CGISRV_WARM_CHANNEL=N  the zygote's end of the channel
 *   CGISRV_WARM_SLATE=N    an empty memfd, see below; the manager keeps a copy
 *   CGISRV_WARM_WAITING=N  this many children wait for requests; none unless given
 *   CGISRV_WARM_LEARN=F    for bootstraps: record in file F which modules are loaded when
 *   CGISRV_WARM_MANAGER=N  the parent's process id: in any other process the shim does nothing
 *
 * Descriptors: 0, 1, 2, and the two above, at CGISRV_WARM_FD_MIN or higher, so that the program's
 * own get the numbers that they would have otherwise; none of them close-on-exec, and no others:
 *
 *   0     the reading end of a pipe with one byte in it and no writer: shows whether a program has
 *         read its standard input before the fork point
 *   1, 2  a memfd each, opened for reading and writing. Output to 1 before the fork point is a
 * reason to refuse. Output to 2 belongs to the start of each run, and is written to the standard
 *         error of each child (up to CGISRV_WARM_PROLOGUE_MAX). The manager keeps a copy of 2, and
 *         finds there the messages of a program that died on its way.
 *
 * Signals: default dispositions, empty mask. The user, umask, working directory and hard limits are
 * those of requests; the zygote is in a session without a terminal. What the program changes on its
 * way (handlers, mask, umask, directory, environment) also holds for its children, as in a cold
 * run. */
#define CGISRV_WARM_FD_MIN 200
#define CGISRV_WARM_PROLOGUE_MAX 16384

enum cgisrv_warm_type {
  CGISRV_WARM_READY = 1,   /* to the manager: the fork point is reached */
  CGISRV_WARM_REFUSED = 2, /* to the manager: why this program cannot be a zygote; it has exited */
  CGISRV_WARM_REQUEST = 3, /* to the zygote */
  CGISRV_WARM_BEGUN = 4,   /* from the child: it has the claim, the program runs now */
  CGISRV_WARM_ENDED = 5,   /* from the zygote: the child has been reaped */
  CGISRV_WARM_FAILED = 6   /* the request could not be begun; the claim is untouched */
};

#define CGISRV_WARM_MAGIC 0x31574743u /* "CGW1" */

struct cgisrv_warm_header {
  uint32_t magic;
  uint32_t type;
  uint64_t id; /* of a request, chosen by the worker; 0 in ready and refused */
};

/* ready: only a header, with the workers' end of the control socket by SCM_RIGHTS. The slate then
 * lists the zygote's files as absolute paths, each ended by NUL: the mapped ones, and the modules
 * that the bootstrap names; a file may be named twice. When one of them changes, the zygote is out
 * of date. (The manager knows the script itself.)
 *
 * refused: a header, then a whole sentence for the log, without NUL, such as "It starts a thread
 * while it loads." */
#define CGISRV_WARM_REASON_MAX 1024

/* ---- request: this, then the packed part; or, if that is larger than CGISRV_WARM_INLINE_MAX, a
 * memfd that holds only the packed part, its offset 0. The packed part, in this order:
 *
 *   limits       limit_count times struct cgisrv_warm_limit
 *   argv         argument_count strings, each ended by NUL. The first is the program's name as it
 *                sees it ($0, sys.argv[0], argv[0]), interpreters keep that of their boot; its last
 *                part becomes the name of the process.
 *   environment  variable_count strings NAME=value, each ended by NUL, no name twice: all of the
 *                program's environment, including what the boot had too
 *   directory    one string ended by NUL; empty if a descriptor is sent
 *
 * Descriptors by SCM_RIGHTS, in this order. The sender keeps its own; the zygote gets copies:
 * stdin, stdout, stderr, reply, claim, then those that `flags` name, lowest bit first. */
#define CGISRV_WARM_INLINE_MAX 65536
#define CGISRV_WARM_PACKED_MAX (16u << 20)

enum cgisrv_warm_flag {
  CGISRV_WARM_WITH_DIRECTORY = 1, /* the working directory, opened (O_PATH suffices) */
  CGISRV_WARM_WITH_CGROUP = 2,    /* cgroup.procs of its cgroup, open for writing */
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

/* begun: with a pidfd of the child by SCM_RIGHTS (the receiver closes it). The child leads a
 * process group of its own, and is the sender (SCM_CREDENTIALS). */
struct cgisrv_warm_begun {
  struct cgisrv_warm_header header;
  int32_t pid;
  int32_t reserved;
};

struct cgisrv_warm_ended {
  struct cgisrv_warm_header header;
  int32_t status; /* as of wait4(2) */
  int32_t reserved;
  struct rusage usage; /* ru_maxrss has a floor: memory shared with the zygote counts */
};

/* The step that failed. The request may be run cold; the worker takes its claim first. */
enum cgisrv_warm_step {
  CGISRV_WARM_STEP_MESSAGE = 1, /* the request is malformed, or its descriptors were cut off */
  CGISRV_WARM_STEP_FORK = 2,
  CGISRV_WARM_STEP_CGROUP = 3,
  CGISRV_WARM_STEP_DIRECTORY = 4,
  CGISRV_WARM_STEP_LIMITS = 5,
  CGISRV_WARM_STEP_DESCRIPTORS = 6, /* the program's own, or 0, 1 and 2 */
  CGISRV_WARM_STEP_MEMORY = 7
};

/* From the zygote, or from a child, for which `ended` follows. */
struct cgisrv_warm_failed {
  struct cgisrv_warm_header header;
  int32_t step;
  int32_t error; /* errno */
};

/* The most children of a zygote; also at most 256 fewer than its limit of open files (hard limit,
 * RLIMIT_NOFILE). Further requests stay unread in the control socket, up to the kernel's limit for
 * it (SO_SNDBUF of the workers' end). */
#define CGISRV_WARM_CHILDREN_MAX 4096

#ifdef __cplusplus
}
#endif

#endif

#include "admission/messages.h"
#include "admission/table.h"
#include "config/parameters.h"
#include "config/ranges.h"
#include "config/value_check.h"

namespace cgisrv::config {

namespace {

// clang-format off
struct CgiTables {
  SectionOf<QueueOptions> queue{
      "[cgi.queue]",
      "Requests for a program of which enough run already, first come, first served. Mostly "
      "written as `queue = { size = 256, timeout = \"30s\" }`.", {
      {"size", &QueueOptions::size, integer({0, admission::queue_size_max}, "requests"),
       "How many requests wait for one program; answers 503 past it."},
      {"per_client", &QueueOptions::per_client,
       integer({1, admission::queue_size_max}, "requests", automatic),
       "How many of them may be one client's; answers 503 past it. `\"auto\"`: a quarter of "
       "`size` where `max_running_per_client` is set, else all."},
      {"timeout", &QueueOptions::timeout, duration({0, hour}),
       "How long a request waits; answers 503 past it."},
      {"retry_after", &QueueOptions::retry_after_s, whole_seconds({second, day}), unset("`\"5s\"`"),
       "What a request that finds no place, here or at its backend, is told in `Retry-After`, in whole "
       "seconds: when to come again. Any other 503 says 5 seconds."},
  }};

  SectionOf<WarmOptions> warm{
      "[cgi.warm]",
      "With `start = \"warm\"` a program is started once, brought to the point where it would "
      "look at its request, and kept there: that is its zygote, from which a process is forked "
      "for each request. [Warm start](warm-start.md) says what a program must hold to. Mostly "
      "written as `warm = { idle = \"1h\" }`.", {
      {"zygotes", &WarmOptions::zygotes, integer({1, 64}, "processes", automatic),
       "How many zygotes a program has, each for a share of the workers; `\"auto\"`: one for "
       "each four. One is enough as long as it can fork as often as is asked."},
      {"waiting", &WarmOptions::waiting, integer({0, 64}, "processes", automatic_waiting),
       "How many processes each zygote has forked before there is a request for them, so "
       "that no request waits for that unless more come at once; `\"auto\"`: one of a Perl "
       "or Python program, none of a native one, which forks as fast as another is woken."},
      {"max_requests", &WarmOptions::max_requests, integer({1, any_count.max}, "requests"),
       "After so many, a new zygote takes the place of the old one, for what is forked from "
       "one shares its secrets: the layout of memory, the seed of hashes."},
      {"max_age", &WarmOptions::max_age, duration({second, 30 * day}),
       "At this age, too, a new zygote takes the place of the old one."},
      {"idle", &WarmOptions::idle, duration({second, 30 * day}),
       "Without a request for so long a zygote is ended, and its memory is free; the next "
       "request is a cold start."},
      {"max_memory", &WarmOptions::max_memory, size({mib, any_size.max}),
       "A zygote that has more memory than this (resident) is not kept: the program is "
       "started cold."},
      {"preload", &WarmOptions::preload, preload(),
       "What a Python program's zygote has imported, of all that the program imports at its "
       "top level: what comes with Python; all, its own modules among them, which then must "
       "not open connections or look at the request when they are imported; or nothing. A "
       "list, as in `[\"json\", \"mylib.models\"]` or `[\"POSIX\", \"Data::Dumper\"]`, names "
       "modules of Python or Perl that are loaded, too, beside what is standard."},
      {"finalize", &WarmOptions::finalize, choice({"quick", "full"}),
       "How a Python process ends: its files are written and what the request has made is "
       "taken apart; or the whole interpreter is, which takes longer, for programs that "
       "count on every destructor."},
  }};

  SectionOf<ResourceLimits> rlimits{
      "[cgi.rlimits]",
      "The resource limits of programs, setrlimit(2). Mostly written as `rlimits = { cpu = "
      "\"60s\", as = \"1g\" }`.", {
      {"cpu", &ResourceLimits::cpu_seconds,
       whole_seconds({second, 365 * day}, unlimited), unset("inherited"),
       "Processor time, in whole seconds (`RLIMIT_CPU`)."},
      {"as", &ResourceLimits::address_space,
       size({mib, any_size.max}, unlimited), unset("inherited"),
       "Address space of each process (`RLIMIT_AS`)."},
      {"nofile", &ResourceLimits::open_files,
       integer({3, any_count.max}, "descriptors", unlimited), unset("inherited"),
       "Open descriptors of each process (`RLIMIT_NOFILE`)."},
      {"nproc", &ResourceLimits::processes,
       integer(any_count, "processes", unlimited), unset("inherited"),
       "Processes of the user, counted over the whole machine (`RLIMIT_NPROC`)."},
      {"fsize", &ResourceLimits::file_size, size(any_size, unlimited), unset("inherited"),
       "Size of a file that is written (`RLIMIT_FSIZE`)."},
      {"core", &ResourceLimits::core, size(any_size, unlimited), unset("inherited"),
       "Size of a core dump (`RLIMIT_CORE`)."},
  }};

  SectionOf<CgiOptions> cgi{
      "[cgi]",
      "How programs are run. Every key can be set again in a `[[site.location]]`.", {
      {"max_running", &CgiOptions::max_running, max_running({1, admission::running_max}),
       "How many processes of one program run at a time, over all workers; further requests "
       "wait in its queue. `\"auto\"` is found from what the program does: about as many as there "
       "are processors if it computes, more if it sleeps, up to 256, or up to the number that is "
       "said."},
      {"max_running_per_client", &CgiOptions::max_running_per_client,
       integer({1, admission::running_max}, "processes", unlimited_count),
       "How many of them run for one client (an IPv4 address, or the /64 of an IPv6 one), so "
       "that no client takes all. Behind a proxy all are one, unless it is in `trusted_proxies`."},
      {"queue", &CgiOptions::queue, table(queue), unset("see below"),
       "Requests that wait, see `[cgi.queue]`."},
      {"header_timeout", &CgiOptions::header_timeout, duration(a_timeout, unlimited),
       "How long a program may take to print its header, from its last input; answers 504."},
      {"idle_timeout", &CgiOptions::idle_timeout, duration(a_timeout, unlimited),
       "How long a program may pause between two writes, while nothing waits for the client."},
      {"timeout", &CgiOptions::timeout, duration({100 * ms, 30 * day}, unlimited),
       "How long it may run in all, while nothing waits for the client; then it is ended."},
      {"grace", &CgiOptions::grace, duration({0, hour}),
       "The time between SIGTERM and SIGKILL when a program is ended."},
      {"on_disconnect", &CgiOptions::on_disconnect, choice({"term", "finish"}),
       "When the client leaves: the program is ended, or it runs on to its end within its "
       "limits, its output dropped, if it has its whole input."},
      {"env", &CgiOptions::env, variables(), unset("none"),
       "Variables for programs; those of a location are added to those of `[cgi]`, and win "
       "where the name is the same."},
      {"umask", &CgiOptions::umask, text(check_umask), unset("the server's own"),
       "The umask of programs, in octal digits: `\"027\"`."},
      {"rlimits", &CgiOptions::rlimits, table(rlimits), unset("inherited"),
       "Resource limits of programs, see `[cgi.rlimits]`; those of a location change single "
       "limits of `[cgi]`."},
      {"start", [](auto& cgi) -> auto& { return cgi.warm.enabled; }, choice({"cold", "warm"}),
       "`\"warm\"` is for programs that take long to load, in Perl, Python, or native with "
       "many libraries: each is loaded once, and every request gets a fresh process that is "
       "forked from there. What a program does while it loads must not depend on the "
       "request, hold a connection or print. One that cannot be kept warm is started cold, "
       "and the log says why."},
      {"warm", &CgiOptions::warm, table(warm), unset("see below"),
       "How programs are kept warm, see `[cgi.warm]`."},
      {"chunked", &CgiOptions::chunked, choice({"spool", "stream"}),
       "A body of unknown length: spooled so that CONTENT_LENGTH can be set, or streamed "
       "without it."},
      {"spool_memory", &CgiOptions::spool_memory, size({0, gib}),
       "So much of a body is collected before its request takes a place to run in, or joins "
       "the queue for one; what is beyond it is passed on as it comes. A spooled chunked "
       "body is collected whole, and goes to a temporary file past this size. 0: a place is "
       "taken at once, and the program has the body as it comes."},
      {"response_header_size", &CgiOptions::response_header_size, size({kib, 16 * mib}),
       "The header that a program prints; answers 502 past it."},
      {"response_header_fields", &CgiOptions::response_header_fields,
       integer({10, 100'000}, "fields"),
       "How many fields it has at most; answers 502 past it."},
      {"headerless", &CgiOptions::headerless,
       text(check_media_type), unset("none: answers 502"),
       "The Content-Type of programs that print no CGI header, or one without a type."},
      {"sendfile_roots", &CgiOptions::sendfile_roots, directories(), unset("none"),
       "Below these a program may name a file in `X-Sendfile`, which the server then sends."},
      {"server_timing", &CgiOptions::server_timing, boolean(),
       "Whether answers have a Server-Timing field: how long a request waited for a place, "
       "the program took to start, and to print its header; browsers show it."},
      {"authorization", &CgiOptions::authorization, boolean(),
       "Whether programs are given the Authorization field, and with it passwords."},
      {"remote_user", &CgiOptions::remote_user, text(check_field_name), unset("none"),
       "The field in which a proxy says who has logged in there, such as "
       "`\"X-Remote-User\"`: programs have it as REMOTE_USER. Only where nobody but the "
       "proxy can connect, and where it never passes on such a field of a client's."},
  }};
};
// clang-format on

}  // namespace

const SectionOf<CgiOptions>& cgi_section() {
  static const CgiTables tables;
  return tables.cgi;
}

}  // namespace cgisrv::config

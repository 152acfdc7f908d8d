#include "server/parameters.h"

#include "admission/messages.h"
#include "admission/table.h"
#include "server/access_format.h"
#include "server/value_check.h"

namespace cgisrv::server {

namespace {

template <typename T>
struct Owner;
template <typename Class, typename Member>
struct Owner<Member Class::*> {
  using type = Class;
};

template <auto member>
Slot in(Part part) {
  return &(std::get<typename Owner<decltype(member)>::type*>(part)->*member);
}

template <typename T>
Slot whole(Part part) {
  return std::get<T*>(part);
}

template <typename T>
Part defaults() {
  static T value;
  return &value;
}

constexpr std::uint64_t kib = 1024, mib = 1024 * kib, gib = 1024 * mib, tib = 1024 * gib;
constexpr std::uint64_t ms = 1, second = 1000, hour = 3600 * second, day = 24 * hour;
constexpr Range any_size{0, 1024 * tib};
constexpr Range any_count{0, 1'000'000'000};
constexpr Range a_timeout{100 * ms, day};
constexpr Range a_rate{1, gib};
constexpr Word automatic{"auto", 0};
constexpr Word automatic_waiting{"auto", warm::Options::waiting_automatic};
constexpr Word off{"off", 0};
constexpr Word unlimited{"unlimited", bytes_unlimited};
constexpr Word unlimited_count{"unlimited", 0};

// In the order of the enumerators.
constexpr std::string_view dispatches[] = {"round-robin", "least-busy", "kernel"};
constexpr std::string_view chunked_bodies[] = {"spool", "stream"};
constexpr std::string_view on_disconnect[] = {"term", "finish"};
constexpr std::string_view starts[] = {"cold", "warm"};
constexpr std::string_view preloaded[] = {"standard", "all", "none"};
constexpr std::string_view finalized[] = {"quick", "full"};
constexpr std::string_view links_followed[] = {"follow", "owner", "never"};
constexpr std::string_view log_levels[] = {"debug", "info", "notice", "warn", "error", "fatal"};
constexpr std::string_view access_words[] = {"stderr", "off"};
constexpr std::string_view error_words[] = {"stderr"};

using enum Type;

// clang-format off
constexpr Range a_percentage{1, 99};
constexpr Parameter pressure_rows[] = {
    {.key = "memory", .type = integer, .slot = in<&PressureLimits::memory>, .range = a_percentage,
     .unit = "percent", .word = off, .about = "Some process waited for memory."},
    {.key = "cpu", .type = integer, .slot = in<&PressureLimits::cpu>, .range = a_percentage,
     .unit = "percent", .word = off, .about = "Some process waited for a processor."},
    {.key = "io", .type = integer, .slot = in<&PressureLimits::io>, .range = a_percentage,
     .unit = "percent", .word = off, .about = "Some process waited for a disk."},
};
constexpr Section pressure_section{"[server.pressure]", pressure_rows, defaults<PressureLimits>,
    "The share of the last ten seconds past which the machine counts as short (`/proc/pressure`): "
    "then fewer programs run at a time, and requests for more wait. Mostly written as "
    "`pressure = { memory = 20 }`."};

constexpr Parameter server_rows[] = {
    {.key = "user", .type = text, .slot = in<&ServerOptions::user>, .check = check_user,
     .unset = "who starts it",
     .about = "The user that workers and programs run as. Only root may name another than itself, "
              "and must name one: `\"root\"` too has to be said."},
    {.key = "group", .type = text, .slot = in<&ServerOptions::group>, .check = check_group,
     .unset = "the user's",
     .about = "The group that workers and programs run as, beside the user's supplementary ones."},
    {.key = "workers", .type = integer, .slot = in<&ServerOptions::workers>, .range = {1, 256},
     .unit = "processes", .word = automatic,
     .about = "How many worker processes serve; `\"auto\"` is one per core."},
    {.key = "worker_connections", .type = integer,
     .slot = in<&ServerOptions::worker_connections>, .range = {1, 1'000'000},
     .unit = "connections",
     .about = "How many connections one worker holds at most; more wait to be accepted."},
    {.key = "worker_events", .type = integer, .slot = in<&ServerOptions::worker_events>,
     .range = {1, 1'000'000}, .unit = "events",
     .about = "How many events one worker takes from the kernel at a time."},
    {.key = "max_requests_per_worker", .type = integer,
     .slot = in<&ServerOptions::max_requests_per_worker>, .range = {0, 1'000'000'000},
     .unit = "requests", .about = "After how many, or a few less, a worker is replaced, without a gap; 0: never."},
    {.key = "max_running", .type = integer, .slot = in<&ServerOptions::max_running>,
     .range = {1, admission::total_max}, .unit = "programs",
     .about = "How many programs run at a time, all together; more requests wait."},
    {.key = "pressure", .type = table, .slot = in<&ServerOptions::pressure>,
     .inside = &pressure_section, .unset = "off",
     .about = "When fewer run, since the machine is short of something: see `[server.pressure]`."},
    {.key = "dispatch", .type = choice, .slot = in<&ServerOptions::dispatch>,
     .choices = dispatches,
     .about = "Who gives connections to workers: the master in turn, the master to the one with "
              "the least to do, or the kernel."},
    {.key = "shutdown_timeout", .type = duration, .slot = in<&ServerOptions::shutdown_timeout>,
     .range = {0, day}, .word = unlimited,
     .about = "How long open requests may take to finish on a graceful stop or reload."},
    {.key = "heartbeat_timeout", .type = duration,
     .slot = in<&ServerOptions::heartbeat_timeout>, .range = {second, hour}, .word = unlimited,
     .about = "A worker that shows no sign of life for this long is killed and replaced."},
    {.key = "runtime_dir", .type = path, .slot = in<&ServerOptions::runtime_dir>,
     .unset = "see the guide",
     .about = "Directory of the control socket, by which `cgisrv status`, `quit` and the others "
              "reach this server. It is made if need be, and must be this user's alone."},
    {.key = "cgroups", .type = boolean, .slot = in<&ServerOptions::cgroups>,
     .about = "Whether each program has a cgroup (version 2) of its own, so that what it started "
              "and sent into the background is ended with it, when it is ended. Needs root, or a "
              "delegated cgroup (systemd: `Delegate=yes`); a start takes 0.1 ms more."},
    {.key = "cpu_affinity", .type = boolean, .slot = in<&ServerOptions::cpu_affinity>,
     .about = "Whether each worker keeps to a processor of its own, where there are at least as many "
              "workers as processors: small programs start quicker so. The "
              "programs may always use all processors."},
    {.key = "pid_file", .type = path, .slot = in<&ServerOptions::pid_file>,
     .unset = "none", .about = "File that holds the process id of the master while it runs."},
};
constexpr Section server_section{"[server]", server_rows, defaults<ServerOptions>,
    "The processes."};

constexpr Parameter listen_rows[] = {
    {.key = "address", .type = text, .slot = in<&Listen::address>, .check = check_address,
     .about = "`\"ADDR:PORT\"`, `\":PORT\"` (every interface), `\"[v6]:PORT\"`, "
              "`\"unix:/path\"`, or `\"fd:NAME\"`: the sockets of that name that a service manager "
              "hands over."},
};
constexpr Section listen_section{"[[listen]]", listen_rows, defaults<Listen>,
    "Where connections come in; may stand several times. Without any, the default address is "
    "used."};

constexpr Parameter admin_rows[] = {
    {.key = "listen", .type = text, .slot = in<&AdminOptions::listen>, .check = check_address,
     .unset = "none",
     .about = "Where the status page and the metrics are: `\"127.0.0.1:9180\"`, "
              "`\"unix:/run/cgisrv/admin.sock\"`. There is no password: whoever reaches it sees all "
              "that the server does."},
    {.key = "server_name", .type = list, .slot = in<&AdminOptions::server_name>,
     .check = check_server_name, .unset = "none",
     .about = "The hosts that it answers for, besides `localhost` and IP addresses, so that a page "
              "of another site cannot have a browser read it."},
};
constexpr Section admin_section{"[admin]", admin_rows, defaults<AdminOptions>,
    "The status page (`/status`), its figures (`/status.json`), Prometheus metrics (`/metrics`), "
    "and what a load balancer asks (`/livez`, `/readyz`)."};

constexpr Parameter limits_rows[] = {
    {.key = "header_size", .type = size, .slot = in<&Limits::header_size>,
     .range = {kib, mib},
     .about = "The request line and all fields together; answers 431 past it."},
    {.key = "target_size", .type = size, .slot = in<&Limits::target_size>,
     .range = {256, mib}, .about = "The request's target (path and query); answers 414 past it."},
    {.key = "header_fields", .type = integer, .slot = in<&Limits::header_fields>,
     .range = {10, 10'000}, .unit = "fields",
     .about = "How many fields a request has at most; answers 431 past it."},
    {.key = "body_size", .type = size, .slot = in<&Limits::body_size>, .range = any_size,
     .word = unlimited, .about = "The body of a request; answers 413 past it."},
    {.key = "header_timeout", .type = duration, .slot = in<&Limits::header_timeout>,
     .range = a_timeout,
     .about = "How long a client may take to send a request's header; answers 408."},
    {.key = "body_timeout", .type = duration, .slot = in<&Limits::body_timeout>,
     .range = a_timeout,
     .about = "How long a client may keep the server waiting for a body; what it sends earns it "
              "more time, at `body_rate`. Answers 408."},
    {.key = "body_rate", .type = size, .slot = in<&Limits::body_rate>, .range = a_rate,
     .word = off,
     .about = "Bytes of a body for which a client is given one more second, up to `body_timeout`: "
              "slower ones are cut off in the end. `\"off\"`: any byte earns all of it."},
    {.key = "send_timeout", .type = duration, .slot = in<&Limits::send_timeout>,
     .range = a_timeout,
     .about = "How long a client may keep a response waiting; what it takes earns it more time, "
              "at `send_rate`. Then the connection is closed."},
    {.key = "send_rate", .type = size, .slot = in<&Limits::send_rate>, .range = a_rate,
     .word = off,
     .about = "Bytes of a response for which a client is given one more second, up to "
              "`send_timeout`. `\"off\"`: any byte earns all of it."},
    {.key = "keepalive_timeout", .type = duration, .slot = in<&Limits::keepalive_timeout>,
     .range = {0, day}, .about = "How long an idle connection is kept for a further request."},
    {.key = "half_close_timeout", .type = duration, .slot = in<&Limits::half_close_timeout>,
     .range = {0, hour},
     .about = "How long a client that has shut its sending side is still answered."},
    {.key = "keepalive_requests", .type = integer, .slot = in<&Limits::keepalive_requests>,
     .range = {1, 1'000'000'000}, .unit = "requests",
     .about = "How many requests one connection carries; 1 turns keep-alive off."},
};
constexpr Section limits_section{"[limits]", limits_rows, defaults<Limits>,
    "What a client may ask of the server."};

constexpr Parameter rlimits_rows[] = {
    {.key = "cpu", .type = duration, .slot = in<&ResourceLimits::cpu_seconds>,
     .range = {second, 365 * day}, .word = unlimited, .unset = "inherited",
     .about = "Processor time, in whole seconds (`RLIMIT_CPU`)."},
    {.key = "as", .type = size, .slot = in<&ResourceLimits::address_space>,
     .range = {mib, any_size.max}, .word = unlimited, .unset = "inherited",
     .about = "Address space of each process (`RLIMIT_AS`)."},
    {.key = "nofile", .type = integer, .slot = in<&ResourceLimits::open_files>,
     .range = {3, any_count.max}, .unit = "descriptors", .word = unlimited,
     .unset = "inherited", .about = "Open descriptors of each process (`RLIMIT_NOFILE`)."},
    {.key = "nproc", .type = integer, .slot = in<&ResourceLimits::processes>,
     .range = any_count, .unit = "processes", .word = unlimited, .unset = "inherited",
     .about = "Processes of the user, counted over the whole machine (`RLIMIT_NPROC`)."},
    {.key = "fsize", .type = size, .slot = in<&ResourceLimits::file_size>, .range = any_size,
     .word = unlimited, .unset = "inherited",
     .about = "Size of a file that is written (`RLIMIT_FSIZE`)."},
    {.key = "core", .type = size, .slot = in<&ResourceLimits::core>, .range = any_size,
     .word = unlimited, .unset = "inherited", .about = "Size of a core dump (`RLIMIT_CORE`)."},
};
constexpr Section rlimits_section{"[cgi.rlimits]", rlimits_rows, defaults<ResourceLimits>,
    "The resource limits of programs, setrlimit(2). Mostly written as "
    "`rlimits = { cpu = \"60s\", as = \"1g\" }`."};

constexpr Parameter queue_rows[] = {
    {.key = "size", .type = integer, .slot = in<&QueueOptions::size>, .range = {0, admission::queue_size_max},
     .unit = "requests", .about = "How many requests wait for one program; answers 503 past it."},
    {.key = "timeout", .type = duration, .slot = in<&QueueOptions::timeout>,
     .range = {0, hour}, .about = "How long a request waits; answers 503 past it."},
};
constexpr Section queue_section{"[cgi.queue]", queue_rows, defaults<QueueOptions>,
    "Requests for a program of which enough run already, first come, first served. Mostly written "
    "as `queue = { size = 256, timeout = \"5s\" }`."};

constexpr Parameter warm_rows[] = {
    {.key = "zygotes", .type = integer, .slot = in<&WarmOptions::zygotes>, .range = {1, 64},
     .unit = "processes", .word = automatic,
     .about = "How many zygotes a program has, each for a share of the workers; `\"auto\"`: one for "
              "each four. One is enough as long as it can fork as often as is asked."},
    {.key = "waiting", .type = integer, .slot = in<&WarmOptions::waiting>, .range = {0, 64},
     .unit = "processes", .word = automatic_waiting,
     .about = "How many processes each zygote has forked before there is a request for them, so that "
              "no request waits for that unless more come at once; `\"auto\"`: one of a Perl or "
              "Python program, none of a native one, which forks as fast as another is woken."},
    {.key = "max_requests", .type = integer, .slot = in<&WarmOptions::max_requests>,
     .range = {1, any_count.max}, .unit = "requests",
     .about = "After so many, a new zygote takes the place of the old one, for what is forked from "
              "one shares its secrets: the layout of memory, the seed of hashes."},
    {.key = "max_age", .type = duration, .slot = in<&WarmOptions::max_age>,
     .range = {second, 30 * day},
     .about = "At this age, too, a new zygote takes the place of the old one."},
    {.key = "idle", .type = duration, .slot = in<&WarmOptions::idle>, .range = {second, 30 * day},
     .about = "Without a request for so long a zygote is ended, and its memory is free; the next "
              "request is a cold start."},
    {.key = "max_memory", .type = size, .slot = in<&WarmOptions::max_memory>,
     .range = {mib, any_size.max},
     .about = "A zygote that has more memory than this (resident) is not kept: the program is "
              "started cold."},
    {.key = "preload", .type = modules, .slot = in<&WarmOptions::preload>, .choices = preloaded,
     .check = check_module,
     .about = "What a Python program's zygote has imported, of all that the program imports at its "
              "top level: what comes with Python; all, its own modules among them, which then must "
              "not open connections or look at the request when they are imported; or nothing. A "
              "list, as in `[\"json\", \"mylib.models\"]` or `[\"POSIX\", \"Data::Dumper\"]`, names "
              "modules of Python or Perl that are loaded, too, beside what is standard."},
    {.key = "finalize", .type = choice, .slot = in<&WarmOptions::finalize>, .choices = finalized,
     .about = "How a Python process ends: its files are written and what the request has made is "
              "taken apart; or the whole interpreter is, which takes longer, for programs that count "
              "on every destructor."},
};
constexpr Section warm_section{"[cgi.warm]", warm_rows, defaults<WarmOptions>,
    "With `start = \"warm\"` a program is started once, brought to the point where it would look at "
    "its request, and kept there: that is its zygote, from which a process is forked for each "
    "request. [Warm start](warm-start.md) says what a program must hold to. Mostly written as "
    "`warm = { idle = \"1h\" }`."};

constexpr Parameter cgi_rows[] = {
    {.key = "max_running", .type = integer, .slot = in<&CgiOptions::max_running>,
     .range = {1, admission::running_max}, .unit = "processes",
     .about = "How many processes of one program run at a time, over all workers; further requests "
              "wait in its queue."},
    {.key = "max_running_per_client", .type = integer,
     .slot = in<&CgiOptions::max_running_per_client>, .range = {1, admission::running_max},
     .unit = "processes", .word = unlimited_count,
     .about = "How many of them run for one client (an IPv4 address, or the /64 of an IPv6 one), so "
              "that no client takes all. Not for servers behind a proxy, whose clients are one."},
    {.key = "queue", .type = table, .slot = in<&CgiOptions::queue>, .inside = &queue_section,
     .unset = "see below", .about = "Requests that wait, see `[cgi.queue]`."},
    {.key = "header_timeout", .type = duration, .slot = in<&CgiOptions::header_timeout>,
     .range = a_timeout, .word = unlimited,
     .about = "How long a program may take to print its header; answers 504."},
    {.key = "idle_timeout", .type = duration, .slot = in<&CgiOptions::idle_timeout>,
     .range = a_timeout, .word = unlimited,
     .about = "How long a program may pause between two writes."},
    {.key = "timeout", .type = duration, .slot = in<&CgiOptions::timeout>,
     .range = {100 * ms, 30 * day}, .word = unlimited,
     .about = "How long a program may run in all; then its process group is ended."},
    {.key = "grace", .type = duration, .slot = in<&CgiOptions::grace>, .range = {0, hour},
     .about = "The time between SIGTERM and SIGKILL when a program is ended."},
    {.key = "on_disconnect", .type = choice, .slot = in<&CgiOptions::on_disconnect>,
     .choices = on_disconnect,
     .about = "When the client leaves: the program is ended, or it runs on to its end within its "
              "limits, its output dropped, if it has its whole input."},
    {.key = "env", .type = variables, .slot = in<&CgiOptions::env>, .unset = "none",
     .about = "Variables for programs; those of a location are added to those of `[cgi]`, and win "
              "where the name is the same."},
    {.key = "rlimits", .type = table, .slot = in<&CgiOptions::rlimits>,
     .inside = &rlimits_section, .unset = "inherited",
     .about = "Resource limits of programs, see `[cgi.rlimits]`; those of a location change single "
              "limits of `[cgi]`."},
    {.key = "start", .type = choice,
     .slot = [](Part part) -> Slot { return &std::get<CgiOptions*>(part)->warm.enabled; },
     .choices = starts,
     .about = "`\"warm\"` is for programs that take long to load, in Perl, Python, or native with "
              "many libraries: each is loaded once, and every request gets a fresh process that is "
              "forked from there. What a program does while it loads must not depend on the request, "
              "hold a connection or print. One that cannot be kept warm is started cold, and the log "
              "says why."},
    {.key = "warm", .type = table, .slot = in<&CgiOptions::warm>, .inside = &warm_section,
     .unset = "see below", .about = "How programs are kept warm, see `[cgi.warm]`."},
    {.key = "chunked", .type = choice, .slot = in<&CgiOptions::chunked>,
     .choices = chunked_bodies,
     .about = "A body of unknown length: spooled so that CONTENT_LENGTH can be set, or streamed "
              "without it."},
    {.key = "spool_memory", .type = size, .slot = in<&CgiOptions::spool_memory>,
     .range = {0, gib}, .about = "A spooled body larger than this goes to a temporary file."},
    {.key = "headerless", .type = text, .slot = in<&CgiOptions::headerless>,
     .check = check_media_type, .unset = "none: answers 502",
     .about = "The Content-Type of programs that print no CGI header."},
    {.key = "server_timing", .type = boolean, .slot = in<&CgiOptions::server_timing>,
     .about = "Whether answers have a Server-Timing field: how long a request waited for a place, "
              "the program took to start, and to print its header; browsers show it."},
    {.key = "authorization", .type = boolean, .slot = in<&CgiOptions::authorization>,
     .about = "Whether programs are given the Authorization field, and with it passwords."},
    {.key = "remote_user", .type = text, .slot = in<&CgiOptions::remote_user>,
     .check = check_field_name, .unset = "none",
     .about = "The field in which a proxy says who has logged in there, such as `\"X-Remote-User\"`: "
              "programs have it as REMOTE_USER. Only where nobody but the proxy can connect, and "
              "where it never passes on such a field of a client's."},
};
constexpr Section cgi_section{"[cgi]", cgi_rows, defaults<CgiOptions>,
    "How programs are run. Every key can be set again in a `[[site.location]]`."};

constexpr Parameter location_rows[] = {
    {.key = "match", .type = text, .slot = in<&Location::match>, .required = true,
     .about = "`\"/prefix/\"` and all below it, `\"=/exact\"`, or the ending `\"*.ext\"`."},
    {.key = "cgi", .type = program, .slot = whole<Location>, .unset = "`false`",
     .about = "`true`: executable files that match are programs. A directory: the executables in "
              "it are. A file: it is the one program for everything below. `false`: files are "
              "sent."},
    {.key = "interpreter", .type = text, .slot = in<&Location::interpreter>,
     .check = check_executable, .unset = "none",
     .about = "Absolute path of a program that runs the files that match; they need not be "
              "executable."},
    {.key = "symlinks", .type = choice, .slot = in<&Location::links>, .choices = links_followed,
     .unset = "as in `[[site]]`",
     .about = "Symbolic links below the root, or below a directory of programs: followed wherever "
              "they lead, followed where their owner owns what they lead to, or never; else 403."},
    {.key = "body_size", .type = size, .slot = in<&Location::body_size>, .range = any_size,
     .word = unlimited, .unset = "as in `[limits]`",
     .about = "The body of a request; answers 413 past it."},
    {.key = "allow_setuid", .type = boolean,
     .slot = [](Part part) -> Slot { return &std::get<Location*>(part)->cgi.allow_setuid; },
     .about = "Whether setuid and setgid programs and those with file capabilities get what their "
              "mode grants, also when the program itself starts them (as `sendmail` does)."},
    {.type = merged, .slot = in<&Location::cgi>, .inside = &cgi_section},
};
constexpr Section location_section{"[[site.location]]", location_rows, defaults<Location>,
    "What answers for a part of a site. An exact match goes first, then the longest prefix that "
    "runs programs, then an ending, then the longest other prefix. Every key of `[cgi]` may stand "
    "here too, for this location alone."};

constexpr Parameter site_rows[] = {
    {.key = "server_name", .type = list, .slot = in<&Site::server_name>,
     .check = check_server_name, .unset = "any",
     .about = "The hosts it answers for; `\"*.example.org\"` is every host below."},
    {.key = "root", .type = path, .slot = in<&Site::root>, .check = check_directory,
     .required = true, .about = "The directory that is served."},
    {.key = "index", .type = list, .slot = in<&Site::index>, .check = check_index,
     .about = "What answers for a directory: the first of these files that is there."},
    {.key = "listing", .type = boolean, .slot = in<&Site::listing>,
     .about = "Whether a directory without an index is listed."},
    {.key = "symlinks", .type = choice, .slot = in<&Site::links>, .choices = links_followed,
     .about = "What locations begin with, and what holds outside them."},
    {.key = "location", .type = tables, .slot = in<&Site::locations>,
     .inside = &location_section, .unset = "none", .about = "See `[[site.location]]`."},
};
constexpr Section site_section{"[[site]]", site_rows, defaults<Site>,
    "What is served; at least one. The first answers for hosts that no site names."};

constexpr Parameter access_rows[] = {
    {.key = "path", .type = path, .slot = in<&LogTarget::path>, .choices = access_words,
     .check = check_written_file, .about = "A file, a FIFO, `\"stderr\"` or `\"off\"`."},
    {.key = "format", .type = text, .slot = in<&LogTarget::format>, .check = check_access_format,
     .about = "How a line is written: `\"combined\"`, `\"common\"`, `\"json\"`, or a text such as "
              "`\"{remote_address} {status} {cpu_user_ms}\"` with the fields listed at the end."},
};
constexpr Section access_section{"[log.access]", access_rows, defaults<LogTarget>,
    "A line for every request. `access = \"/path\"` sets the path alone."};

constexpr Parameter error_rows[] = {
    {.key = "path", .type = path, .slot = in<&Config::error_log>, .choices = error_words,
     .check = check_written_file, .about = "A file, a FIFO or `\"stderr\"`."},
    {.key = "level", .type = choice, .slot = in<&Config::log_level>, .choices = log_levels,
     .about = "The least severe messages that are written."},
};
constexpr Section error_section{"[log.error]", error_rows, defaults<Config>,
    "What the server has to say, and what programs write to their standard error. "
    "`error = \"/path\"` sets the path alone."};

constexpr Parameter log_rows[] = {
    {.key = "access", .type = table, .slot = in<&Config::access_log>,
     .inside = &access_section, .unset = "see below", .about = "A path or `[log.access]`."},
    {.key = "error", .type = table, .slot = whole<Config>, .inside = &error_section,
     .unset = "see below", .about = "A path or `[log.error]`."},
};
constexpr Section log_section{"[log]", log_rows, defaults<Config>, "Where logs go."};

// Read in this order: [limits] and [cgi] are what locations begin with.
constexpr Parameter root_rows[] = {
    {.key = "server", .type = table, .slot = in<&Config::server>, .inside = &server_section},
    {.key = "listen", .type = tables, .slot = in<&Config::listen>, .inside = &listen_section},
    {.key = "admin", .type = table, .slot = in<&Config::admin>, .inside = &admin_section},
    {.key = "limits", .type = table, .slot = in<&Config::limits>, .inside = &limits_section},
    {.key = "cgi", .type = table, .slot = in<&Config::cgi>, .inside = &cgi_section},
    {.key = "site", .type = tables, .slot = in<&Config::sites>, .inside = &site_section},
    {.key = "log", .type = table, .slot = whole<Config>, .inside = &log_section},
};
constexpr Section root{"the file", root_rows, defaults<Config>, ""};
// clang-format on

constexpr const Section* all_sections[] = {
    &server_section,   &pressure_section, &listen_section,  &admin_section, &limits_section,
    &cgi_section,      &queue_section,    &rlimits_section, &warm_section,  &site_section,
    &location_section, &log_section,      &access_section,  &error_section};

}  // namespace

const Section& root_section() {
  return root;
}
std::span<const Section* const> sections() {
  return all_sections;
}

}  // namespace cgisrv::server

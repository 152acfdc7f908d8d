#include "config/parameters.h"

#include <functional>

#include "accesslog/access_format.h"
#include "admission/messages.h"
#include "admission/table.h"
#include "config/answer_codecs.h"
#include "config/answer_section.h"
#include "config/auth_parameters.h"
#include "config/ranges.h"
#include "config/rlimits_section.h"
#include "config/value_check.h"

namespace cgisrv::config {

namespace {

Choice symlinks() {
  return choice({"follow", "owner", "never"});
}

// Initial values of an element.
Listen new_listen(const Config&) {
  return {};
}
Location new_fallback(const Config& config) {
  Location location;
  location.body_size = config.limits.body_size;
  location.cgi = config.cgi;
  return location;
}
Site new_site(const Config& config) {
  Site site;
  site.fallback = new_fallback(config);
  return site;
}
Location new_location(const Config& config) {
  Location location = new_fallback(config);
  location.links = config.sites.back().links;
  location.answers = config.sites.back().fallback.answers;
  return location;
}

// clang-format off
struct Tables {
  SectionOf<PressureLimits> pressure{
      "[server.pressure]",
      "The share of the last ten seconds past which the machine counts as short "
      "(`/proc/pressure`): then fewer programs run at a time, and requests for more wait. Mostly "
      "written as `pressure = { memory = 20 }`.", {
      {"memory", &PressureLimits::memory, integer(a_percentage, "percent", off),
       "Some process waited for memory."},
      {"cpu", &PressureLimits::cpu, integer(a_percentage, "percent", off),
       "Some process waited for a processor."},
      {"io", &PressureLimits::io, integer(a_percentage, "percent", off),
       "Some process waited for a disk."},
  }};

  SectionOf<ServerOptions> server{"[server]", "The processes.", {
      {"user", &ServerOptions::user, text(check_user), unset("who starts it"),
       "The user that workers and programs run as; only root may name another than itself. "
       "Started by root without it: `www-data`, else `nobody`. `\"root\"` has to be said."},
      {"group", &ServerOptions::group, text(check_group), unset("the user's"),
       "The group that workers and programs run as, beside the user's supplementary ones."},
      {"workers", &ServerOptions::workers, integer({1, 256}, "processes", automatic),
       "How many worker processes serve; `\"auto\"` is one per core."},
      {"worker_connections", &ServerOptions::worker_connections,
       integer({1, 1'000'000}, "connections", automatic),
       "How many connections one worker holds at most; `\"auto\"` is as many as there are "
       "descriptors for, up to 65535. When all are taken, those that have been idle for "
       "longest are closed; where none is idle, more wait to be accepted."},
      {"worker_events", &ServerOptions::worker_events, integer({1, 1'000'000}, "events"),
       "How many events one worker takes from the kernel at a time."},
      {"worker_body_memory", &ServerOptions::worker_body_memory, size({0, tib}),
       "Memory in which one worker collects bodies, all together; what is beyond it goes to "
       "temporary files."},
      {"max_requests_per_worker", &ServerOptions::max_requests_per_worker,
       integer({0, 1'000'000'000}, "requests"),
       "After how many, or a few less, a worker is replaced, without a gap; 0: never."},
      {"max_running", &ServerOptions::max_running,
       integer({1, admission::total_max}, "programs"),
       "How many programs run at a time, all together; more requests wait."},
      {"pressure", &ServerOptions::pressure, table(pressure), unset("off"),
       "When fewer run, since the machine is short of something: see `[server.pressure]`."},
      {"dispatch", &ServerOptions::dispatch, choice({"round-robin", "least-busy", "kernel"}),
       "Who gives connections to workers: the master in turn, the master to the one with the "
       "least to do, or the kernel."},
      {"quit_delay", &ServerOptions::quit_delay, duration({0, hour}),
       "How long a graceful stop serves on while `/readyz` says 503: balancers have to "
       "notice."},
      {"shutdown_timeout", &ServerOptions::shutdown_timeout, duration({0, day}, unlimited),
       "How long open requests may take to finish on a graceful stop or reload."},
      {"heartbeat_timeout", &ServerOptions::heartbeat_timeout,
       duration({second, hour}, unlimited),
       "A worker, the zygote manager or the admin process that shows no sign of "
       "life for this long is killed and replaced."},
      {"trusted_proxies", &ServerOptions::trusted_proxies, proxies(),
       "As in `allow`, without `\"all\"`: whose Forwarded, X-Forwarded-For, -Proto, -Host, -Port "
       "are believed, and who may speak the PROXY protocol. The last address from the right that "
       "is not listed is the client: in REMOTE_ADDR, logs, limits, `allow`. Programs see of these "
       "fields what was believed. Name proxies alone, never clients."},
      {"runtime_dir", &ServerOptions::runtime_dir, path(), unset("see the guide"),
       "Directory of the control socket, by which `cgisrv status`, `quit` and the others "
       "reach this server. It is made if need be, and must be this user's alone."},
      {"cgroups", &ServerOptions::cgroups, boolean(),
       "Whether each program has a cgroup (version 2) of its own, so that what it started "
       "and sent into the background is ended with it, when it is ended. Needs root, or a "
       "delegated cgroup (systemd: `Delegate=yes`); a start takes 0.1 ms more."},
      {"cpu_affinity", &ServerOptions::cpu_affinity, boolean(),
       "Whether each worker keeps to a processor of its own, where there are at least as "
       "many workers as processors: small programs start quicker so. The programs may always "
       "use all processors."},
      {"pid_file", &ServerOptions::pid_file, path(), unset("none"),
       "File that holds the process id of the master while it runs."},
  }};

  SectionOf<Listen> listen{
      "[[listen]]",
      "Where connections come in; may stand several times. Without any, the default address is "
      "used.", {
      {"address", &Listen::address, text(check_address),
       "`\"ADDR:PORT\"`, `\":PORT\"` (every interface), `\"[v6]:PORT\"`, `\"unix:/path\"`, "
       "or `\"fd:NAME\"`: the sockets of that name that a service manager hands over."},
      {"proxy_protocol", &Listen::proxy_protocol, boolean(),
       "Whether each connection begins with a header of the PROXY protocol, version 1 or 2, that "
       "names the client. Only `trusted_proxies` may connect then."},
  }};

  SectionOf<AdminOptions> admin{
      "[admin]",
      "The status page (`/status`), its figures (`/status.json`), Prometheus metrics "
      "(`/metrics`), and what a load balancer asks (`/livez`, `/readyz`).", {
      {"listen", &AdminOptions::listen, text(check_address), unset("none"),
       "Where the status page and the metrics are: `\"127.0.0.1:9180\"`, "
       "`\"unix:/run/cgisrv/admin.sock\"`. There is no password: whoever reaches it sees all "
       "that the server does."},
      {"server_name", &AdminOptions::server_name, list(check_server_name), unset("none"),
       "The hosts that it answers for, besides `localhost` and IP addresses, so that a page "
       "of another site cannot have a browser read it."},
  }};

  SectionOf<Limits> limits{"[limits]", "What a client may ask of the server.", {
      {"header_size", &Limits::header_size, size({kib, mib}),
       "The request line and all fields together; answers 431 past it."},
      {"target_size", &Limits::target_size, size({256, mib}),
       "The request's target (path and query); answers 414 past it."},
      {"header_fields", &Limits::header_fields, integer({10, 10'000}, "fields"),
       "How many fields a request has at most; answers 431 past it."},
      {"body_size", &Limits::body_size, size(any_size, unlimited),
       "The body of a request; answers 413 past it."},
      {"header_timeout", &Limits::header_timeout, duration(a_timeout),
       "How long a client may take to send a request's header; answers 408."},
      {"body_timeout", &Limits::body_timeout, duration(a_timeout),
       "How long a client may keep the server waiting for a body; what it sends earns it "
       "more time, at `body_rate`. Answers 408."},
      {"body_rate", &Limits::body_rate, size(a_rate, off),
       "Bytes of a body for which a client is given one more second, up to `body_timeout`: "
       "slower ones are cut off in the end. `\"off\"`: any byte earns all of it."},
      {"send_timeout", &Limits::send_timeout, duration(a_timeout),
       "How long a client may keep a response waiting; what it takes earns it more time, at "
       "`send_rate`. Then the connection is closed."},
      {"send_rate", &Limits::send_rate, size(a_rate, off),
       "Bytes of a response for which a client is given one more second, up to "
       "`send_timeout`. `\"off\"`: any byte earns all of it."},
      {"keepalive_timeout", &Limits::keepalive_timeout, duration({0, day}),
       "How long an idle connection is kept for a further request."},
      {"half_close_timeout", &Limits::half_close_timeout, duration({0, hour}),
       "How long a client that has shut its sending side is still answered."},
      {"keepalive_requests", &Limits::keepalive_requests,
       integer({1, 1'000'000'000}, "requests"),
       "How many requests one connection carries; 1 turns keep-alive off."},
  }};

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
      {"rlimits", &CgiOptions::rlimits, table(rlimits_section()), unset("inherited"),
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
      {"server_timing", &CgiOptions::server_timing, boolean(),
       "Whether answers have a Server-Timing field: how long a request waited for a place, "
       "the program took to start, and to print its header; browsers show it."},
      {"authorization", &CgiOptions::authorization, boolean(),
       "Whether programs are given the Authorization field, and with it passwords."},
      {"sendfile_roots", &CgiOptions::sendfile_roots, directories(), unset("none"),
       "Below these a program may name a file in `X-Sendfile`, which the server then sends."},
      {"remote_user", &CgiOptions::remote_user, text(check_field_name), unset("none"),
       "The field in which a proxy says who has logged in there, such as "
       "`\"X-Remote-User\"`: programs have it as REMOTE_USER. Only where nobody but the "
       "proxy can connect, and where it never passes on such a field of a client's."},
  }};

  SectionOf<Location> location{
      "[[site.location]]",
      "What answers for a part of a site. An exact match goes first, then the longest prefix that "
      "runs programs or says `cgi = false`, then an ending, then the longest other prefix. Every "
      "key of `[cgi]` may stand here too, for this location alone.", {
      {"match", &Location::match, match(), required,
       "`\"/prefix/\"` and all below it, `\"=/exact\"`, or the ending `\"*.ext\"`."},
      {"cgi", std::identity{}, program(), unset("`false`"),
       "`true`: executable files that match are programs. A directory: the executables in it "
       "are. A file: it is the one program for the prefix and everything below. `false`: "
       "files are sent, and below a prefix no ending makes programs of them."},
      {"interpreter", &Location::interpreter, text(check_executable), unset("none"),
       "Absolute path of a program that runs the files that match; they need not be "
       "executable."},
      {"symlinks", &Location::links, symlinks(), unset("as in `[[site]]`"),
       "Symbolic links below the root, or below a directory of programs: followed wherever "
       "they lead, followed where their owner owns what they lead to, or never; else 403."},
      {"allow", [](auto& location) -> auto& { return location.access.allow; }, addresses(),
       unset("as in `[[site]]`"),
       "As in `[[site]]`, for all below; a longer prefix goes before; an ending's counts too."},
      {"auth", [](auto& location) -> auto& { return location.access.auth; },
       described_before(table_or_false(auth_section())), unset("as in `[[site]]`"),
       "Who is let in by password, see `[site.auth]`; `false`: nobody is asked."},
      {"body_size", &Location::body_size, size(any_size, unlimited), unset("as in `[limits]`"),
       "The body of a request; answers 413 past it."},
      {"allow_setuid", [](auto& location) -> auto& { return location.cgi.allow_setuid; },
       boolean(),
       "Whether setuid and setgid programs and those with file capabilities get what their "
       "mode grants, also when the program itself starts them (as `sendmail` does)."},
      {"", &Location::answers, merged(answer_section()), ""},
      {"", &Location::cgi, merged(cgi), ""},
  }};

  SectionOf<Site> site{
      "[[site]]",
      "What is served; at least one. The first answers for hosts that no site names.", {
      {"server_name", &Site::server_name, list(check_server_name), unset("any"),
       "The hosts it answers for; `\"*.example.org\"` is every host below."},
      {"root", &Site::root, path(check_directory), required, "The directory that is served."},
      {"index", &Site::index, list(check_index),
       "What answers for a directory: the first of these files that is there."},
      {"listing", &Site::listing, boolean(), "Whether a directory without an index is listed."},
      {"symlinks", &Site::links, symlinks(),
       "What locations begin with, and what holds outside them."},
      {"public_url", &Site::public_url, public_url(), unset("none"),
       "Where clients find this site: programs are told so by SERVER_NAME, SERVER_PORT and HTTPS, "
       "as far as no trusted proxy says otherwise. `\"https://example.org/\"`, without a path."},
      {"allow", [](auto& site) -> auto& { return site.access.allow; }, addresses(),
       unset("`[\"all\"]`"),
       "Who is let in; all others get 403. Addresses, networks (`\"192.0.2.0/24\"`), and words: "
       "`\"local\"`: by a loopback address or a unix socket, without a proxy's field (`Forwarded`, "
       "`X-Forwarded-*`, `X-Real-IP`, `Via`). `\"unix\"`: on a unix socket. `\"all\"`: everybody."},
      {"auth", [](auto& site) -> auto& { return site.access.auth; }, table_or_false(auth_section()),
       unset("nobody is asked"), "Who is let in by password, see `[site.auth]`."},
      {"include", &Site::include, list(check_include), unset("none"),
       "Files, or patterns such as `\"conf.d/*.toml\"`, whose keys and `[[location]]`s belong to "
       "this site as if they stood in it."},
      {"", [](auto& site) -> auto& { return site.fallback.answers; }, merged(answer_section()), ""},
      {"location", &Site::locations, tables(location, new_location), unset("none"),
       "See `[[site.location]]`."},
  }};

  SectionOf<accesslog::LogTarget> access{
      "[log.access]",
      "A line for every request. `access = \"/path\"` sets the path alone.", {
      {"path", &accesslog::LogTarget::path, path(check_written_file, {"stderr", "off"}),
       "A file, a FIFO, `\"stderr\"` or `\"off\"`."},
      {"format", &accesslog::LogTarget::format, text(accesslog::check_access_format),
       "How a line is written: `\"combined\"`, `\"common\"`, `\"json\"`, or a text such as "
       "`\"{remote_address} {status} {cpu_user_ms}\"` with the fields listed at the end."},
  }};

  SectionOf<Config> error{
      "[log.error]",
      "What the server has to say, and what programs write to their standard error. `error = "
      "\"/path\"` sets the path alone.", {
      {"path", &Config::error_log, path(check_written_file, {"stderr"}),
       "A file, a FIFO or `\"stderr\"`."},
      {"level", &Config::log_level,
       choice({"debug", "info", "notice", "warn", "error", "fatal"}),
       "The least severe messages that are written."},
  }};

  SectionOf<Config> log{"[log]", "Where logs go.", {
      {"access", &Config::access_log, table_or_path(access), unset("see below"),
       "A path or `[log.access]`."},
      {"error", std::identity{}, table_or_path(error), unset("see below"),
       "A path or `[log.error]`."},
  }};

  // Read in this order: [limits] and [cgi] are the initial values of locations.
  SectionOf<Config> root{"the file", "", {
      {"include", &Config::include, list(check_include), unset("none"), ""},
      {"server", &Config::server, table(server), ""},
      {"listen", &Config::listen, tables(listen, new_listen), ""},
      {"admin", &Config::admin, table(admin), ""}, {"limits", &Config::limits, table(limits), ""},
      {"auth", &Config::auth, table(auth_limits_section()), ""},
      {"cgi", &Config::cgi, table(cgi), ""}, {"site", &Config::sites, tables(site, new_site), ""},
      {"log", std::identity{}, table(log), ""},
  }};
};
// clang-format on

const Tables& tables_of_file() {
  static const Tables tables;
  return tables;
}

void append_sections(const Section& section, std::vector<const Section*>& sections) {
  for (const Parameter& row : section.parameters) {
    if (row.kind.inside == nullptr || row.key.empty()) continue;
    sections.push_back(row.kind.inside);
    append_sections(*row.kind.inside, sections);
  }
}

}  // namespace

const SectionOf<Config>& root_section() {
  return tables_of_file().root;
}

const std::vector<const Section*>& sections() {
  static const auto all = [] {
    std::vector<const Section*> sections;
    append_sections(root_section(), sections);
    return sections;
  }();
  return all;
}

Config read_config(const Value& root, const std::string& folder, Faults& faults) {
  Config config;
  root_section().parse({folder, faults, config}, root, &config);
  for (Site& site : config.sites)
    site.fallback.links = site.links;
  return config;
}

}  // namespace cgisrv::config

#include "config/parameters.h"

#include <functional>

#include "accesslog/access_format.h"
#include "admission/table.h"
#include "config/answer_codecs.h"
#include "config/habits.h"
#include "config/location_codecs.h"
#include "config/ranges.h"
#include "config/tls_codec.h"
#include "config/value_check.h"

namespace cgisrv::config {

namespace {

Choice symlinks() {
  return choice({"follow", "owner", "never"});
}

Codec<access::AddressSet> proxies() {
  return addresses_but_all("a list of addresses, such as [\"127.0.0.1\", \"unix\"]",
                           "everybody could say that somebody else asks; name proxies");
}

// Initial values of an element.
ListenerOptions new_listen(const Config&) {
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
  location.index = config.sites.back().index;
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
      {"drain_delay", &ServerOptions::drain_delay, duration({0, hour}),
       "How long a graceful stop serves on while `/readyz` says 503: balancers have to "
       "notice."},
      {"on_term", &ServerOptions::on_term, choice({"auto", "stop", "quit"}),
       "What SIGTERM does, as `cgisrv stop` or as `cgisrv quit`. `\"auto\"`: quit as process 1, as "
       "in a container, whose runtime sends TERM unless told otherwise; else stop. A second one "
       "stops."},
      {"shutdown_timeout", &ServerOptions::shutdown_timeout, duration({0, day}, unlimited),
       "How long open requests may take to finish on a graceful stop or reload."},
      {"heartbeat_timeout", &ServerOptions::heartbeat_timeout,
       duration({second, hour}, unlimited),
       "A worker, the zygote manager or the admin process that shows no sign of "
       "life for this long is killed and replaced."},
      {"trusted_proxies", &ServerOptions::trusted_proxies, proxies(),
       "As in `allow`, without `\"all\"`: whose Forwarded, X-Forwarded-For, -Proto, -Host, -Port "
       "are believed, whose X-Request-ID or traceparent names a request in logs and for programs, "
       "and who may speak the PROXY protocol. The last address from the right that "
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

  SectionOf<ListenerOptions> listen{
      "[[listen]]",
      "Where connections come in; may stand several times. Without any, the default address is "
      "used.", {
      {"address", &ListenerOptions::address, text(check_address),
       "`\"ADDR:PORT\"`, `\":PORT\"` or `\"PORT\"` (every interface), `\"[v6]:PORT\"`, `\"unix:/path\"`, "
       "or `\"fd:NAME\"`: the sockets of that name that a service manager hands over."},
      {"tls", &ListenerOptions::tls, boolean(),
       "Whether clients speak TLS here (https). The certificates are those of the sites: "
       "`tls` in `[[site]]`."},
      {"http2", &ListenerOptions::http2, if_said(boolean()), unset("with `tls`"),
       "Whether clients may speak HTTP/2 here besides HTTP/1.1. With TLS they choose in the "
       "handshake (ALPN); in the clear only those do that know of it before (\"prior knowledge\")."},
      {"proxy_protocol", &ListenerOptions::proxy_protocol, boolean(),
       "Whether each connection begins with a header of the PROXY protocol, version 1 or 2, that "
       "names the client. Only `trusted_proxies` may connect then."},
      {"request_ids", &ListenerOptions::request_ids, boolean(),
       "With `proxy_protocol`: whether the proxy speaks HTTP itself, and sets X-Request-ID or "
       "traceparent in each request, or removes both. The id is taken then, though all other fields "
       "count as the client's own."},
      {"protocol", &ListenerOptions::protocol, choice({"http", "fastcgi", "scgi"}, advice_on_protocol),
       "What is spoken here: HTTP, or FastCGI or SCGI by a web server that passes requests on, as to "
       "fcgiwrap. Whoever reaches such a listener says which program is meant, who its client is, "
       "and who has logged in."},
      {"programs", &ListenerOptions::programs, program_places(), unset("what a location runs"),
       "With FastCGI and SCGI: the programs, and folders of them, that the web server may name by "
       "SCRIPT_FILENAME, or by DOCUMENT_ROOT and SCRIPT_NAME. With this key, of what locations run "
       "it may also name what stands in a location as `cgi = \"file\"` or `cgi = \"dir/\"`; without "
       "it, whatever a location runs."},
      {"allow", &ListenerOptions::allow, addresses(), unset("everybody"),
       "Who may connect: as in a location's `allow`, and by the address of the connection alone. The "
       "connections of all others are closed before a byte is read. A proxy counts as itself, also with "
       "`proxy_protocol`. A unix socket has `mode`, `owner` and `group` instead."},
      {"mode", &ListenerOptions::mode, text(check_socket_mode), unset("`\"0666\"`; with FastCGI and SCGI `\"0660\"`"),
       "The permissions of a unix socket that the server makes itself, in octal digits. Who may write "
       "to it may connect."},
      {"owner", &ListenerOptions::owner, text(check_user), unset("who starts the server"),
       "The user who gets such a socket. Only root can name another one."},
      {"group", &ListenerOptions::group, text(check_group),
       unset("of a socket that is not for everybody: that of the server's `user`"),
       "The group that gets such a socket, such as the web server's. Who is not root has to belong to it."},
      {"errors_to_web_server", &ListenerOptions::errors_to_web_server, boolean(),
       "With FastCGI: whether the web server's own error log is to have what programs write to standard "
       "error, as by `fcgiwrap -f`, and why a request has failed. What the web server does not take at "
       "once is left out there."},
  }};

  SectionOf<AdminOptions> admin{
      "[admin]",
      "The status page (`/status`), its figures (`/status.json`), Prometheus metrics "
      "(`/metrics`), and what a load balancer asks (`/livez`, `/readyz`).", {
      {"listen", &AdminOptions::listen, text(check_address), unset("none"),
       "Where the status page and the metrics are: `\"127.0.0.1:9180\"`, "
       "`\"unix:/run/cgisrv/admin.sock\"`. There is no password: whoever reaches it sees all "
       "that the server does."},
      {"agent", &AdminOptions::agent, text(check_address), unset("none"),
       "Where HAProxy's `agent-check` is answered, by one line for each connection: how much of its "
       "weight this server should have, or that it is drained. An address as in `listen`, which "
       "must be there too. `cgisrv haproxy-config` prints what HAProxy needs."},
      {"server_name", &AdminOptions::server_name, list(check_server_name), unset("none"),
       "The hosts that it answers for, besides `localhost` and IP addresses, so that a page "
       "of another site cannot have a browser read it."},
      {"tls", &AdminOptions::tls, certificates_again(), unset("none"),
       "Its certificate, if it is to speak https alone: a table as in `[site.tls]`, or a list of "
       "them."},
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
      {"max_streams", &Limits::max_streams, integer({1, 10'000}, "requests"),
       "How many requests a connection of HTTP/2 carries at a time."},
  }};

  SectionOf<Redirect> redirect{
      "[site.location.redirect]",
      "Sends the client elsewhere. `redirect = \"/new/\"` sets `to` alone; else mostly written as "
      "`redirect = { to = \"/new/\", status = 301 }`.", {
      {"to", &Redirect::to, replacement(), required,
       "A path of this site, or a whole URL. For a prefix, the rest of the path follows. In "
       "braces: `{path}`, which is that rest, or a group of a regular expression, by name or "
       "number; then nothing else follows. The query is kept, unless `to` has one."},
      {"status", &Redirect::status, integer({301, 308}, ""),
       "301 and 308 are for good, 302, 303 and 307 for now; 307 and 308 keep the method."},
  }};

  SectionOf<Location> location{
      "[[site.location]]",
      "What answers for a part of a site. An exact match goes first, then the longest prefix that "
      "says what answers (by running programs, or by `cgi = false`, `deny` or the like), then an "
      "ending, then a regular expression, then the longest other prefix; [the "
      "guide](guide.md#which-location-wins) has the whole list. Every key of `[cgi]` may stand here too, for this location alone.", {
      {"match", &Location::match, match(), required,
       "`\"/prefix/\"` and all below it, `\"/prefix/*.ext\"`, `\"=/exact\"`, the ending "
       "`\"*.ext\"`, or a regular expression behind a tilde, `\"~^/rev/(?<id>[0-9a-f]+)$\"` (PCRE2)."},
      {"deny", &Location::deny, deny(), unset("`false`"),
       "Nothing is answered here: 403, or 404 with `\"hide\"`. An ending that is denied is "
       "denied below every prefix. It holds for the path; `allow = []` for the files too, by "
       "whatever path, link or site."},
      {"redirect", &Location::redirect,
       table_or_path(redirect, "a path in quotes, or a table such as { to = \"/new/\", status = 301 }"),
       unset("none"),
       "Where the client is sent: a path, a URL, or `[site.location.redirect]`."},
      {"try", &Location::attempts, attempts(), unset("none"),
       "What answers, in this order: `\"file\"`, the file or program of that path; "
       "`\"directory\"`, its index or listing; or another path of this site, such as "
       "`\"/index.php\"`, which then has the rest of the path behind the prefix as PATH_INFO. If "
       "nothing is there: 404."},
      {"files", &Location::files, path(), unset("below `root`"),
       "The directory that stands for the prefix in place of the same name below `root`; or the "
       "file for an exact path; or for a regular expression, with its groups in braces. Other "
       "locations say what is run in it, as below `root`."},
      {"index", &Location::index, list(check_index), unset("as in `[[site]]`"),
       "What answers for a directory here: the first of these files that is there."},
      {"listing", &Location::listing, if_said(boolean()), unset("as in `[[site]]`"),
       "Whether a directory here is listed, if it has no index."},
      {"cgi", std::identity{}, program(), unset("`false`"),
       "`true`: executable files that match are programs. A directory: the executables in it "
       "are. A file: it is the one program for the prefix and everything below. `false`: "
       "files are sent, and below a prefix no ending makes programs of them."},
      {"interpreter", &Location::interpreter, text(check_executable), unset("none"),
       "Absolute path of a program that runs the files that match; they need not be "
       "executable."},
      {"fastcgi", &Location::backend, backend_of(backend::Protocol::fastcgi), unset("none"),
       "The FastCGI server, such as php-fpm, that runs the files that match, in place of this one: "
       "`\"unix:/run/php/php8.2-fpm.sock\"` or `\"127.0.0.1:9000\"`. The name of a host, as in "
       "`\"php:9000\"`, is looked up at start and at a reload. For a prefix or an exact path without "
       "`cgi`, all of it is passed there, whatever files there are."},
      {"scgi", &Location::backend, backend_of(backend::Protocol::scgi), unset("none"),
       "The same for a server that speaks SCGI."},
      {"keep_connections", [](auto& location) -> auto& { return location.backend.keep_connections; },
       integer({0, 64}, "connections"),
       "How many idle connections to its FastCGI server each worker keeps for the next request, for "
       "a few seconds. php-fpm serves nobody else by the process at the other end of one: with 0 "
       "none of its processes is held idle."},
      {"symlinks", &Location::links, symlinks(), unset("as in `[[site]]`"),
       "Symbolic links below the root, or below a directory of programs: followed wherever "
       "they lead, followed where their owner owns what they lead to, or never; else 403."},
      {"allow", [](auto& location) -> auto& { return location.access.allow; }, addresses(),
       unset("as in `[[site]]`"),
       "As in `[[site]]`, for all below; a longer prefix goes before; an ending's counts too."},
      {"auth", [](auto& location) -> auto& { return location.access.auth; },
       described_before(auth_rule()), unset("as in `[[site]]`"),
       "Who is let in by password or certificate, see `[site.auth]`; `false`: nobody is asked."},
      {"body_size", &Location::body_size, size(any_size, unlimited), unset("as in `[limits]`"),
       "The body of a request; answers 413 past it."},
      {"allow_setuid", [](auto& location) -> auto& { return location.cgi.allow_setuid; },
       boolean(),
       "Whether setuid and setgid programs and those with file capabilities get what their "
       "mode grants, also when the program itself starts them (as `sendmail` does)."},
      {"", &Location::answers, merged(answer_section()), ""},
      {"", &Location::cgi, merged(cgi_section()), ""},
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
      {"tls", &Site::tls, certificates(), unset("none"),
       "Its certificate for listeners with `tls`, see `[site.tls]`; or a list of such tables, one "
       "for RSA and one for ECDSA. A site without any is shown by those of the first that has some."},
      {"client_ca", &Site::client_ca, path(), unset("no client is asked"),
       "A PEM file with the certificates of those who sign the clients' certificates. Clients are "
       "then asked for theirs; who must have one is said by `auth`, see `[site.auth]`. Stands "
       "beside `tls`."},
      {"redirect_to_https", &Site::redirect_to_https, boolean(),
       "Whether requests in the clear are sent to the same address with https: by 301, or 308 "
       "where the method has to be kept. All but those below `/.well-known/acme-challenge/`, "
       "by which certificates are renewed."},
      {"allow", [](auto& site) -> auto& { return site.access.allow; }, addresses(),
       unset("`[\"all\"]`"),
       "Who is let in; all others get 403. Addresses, networks (`\"192.0.2.0/24\"`), and words: "
       "`\"local\"`: by a loopback address or a unix socket, without a proxy's field (`Forwarded`, "
       "`X-Forwarded-*`, `X-Real-IP`, `Via`). `\"unix\"`: on a unix socket. `\"all\"`: everybody."},
      {"auth", [](auto& site) -> auto& { return site.access.auth; }, auth_rule(),
       unset("nobody is asked"), "Who is let in by password or certificate, see `[site.auth]`."},
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
      {"format", &Config::error_log_format, choice({"text", "json"}),
       "How a line is written: for people, and for the journal with its priorities; or as an object with "
       "`time`, `level`, `pid`, `request_id` and `message`."},
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
      {"cgi", &Config::cgi, table(cgi_section()), ""}, {"site", &Config::sites, tables(site, new_site), ""},
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
  for (Site& site : config.sites) {
    site.fallback.links = site.links;
    site.fallback.index = site.index;
  }
  return config;
}

}  // namespace cgisrv::config

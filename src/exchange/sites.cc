#include "exchange/sites.h"

#include <sys/stat.h>

#include "backend/pass.h"
#include "base/log.h"
#include "base/shortage.h"
#include "base/text.h"
#include "cgi/run.h"
#include "cgi/sent_file.h"
#include "config/config.h"
#include "exchange/beside.h"
#include "exchange/certificate_rules.h"
#include "exchange/exchange.h"
#include "exchange/file_answer.h"
#include "exchange/gateway.h"
#include "exchange/https_rules.h"
#include "exchange/listing_handler.h"
#include "exchange/password_handler.h"
#include "handler/handlers.h"
#include "http/host.h"
#include "http/method.h"
#include "http/redirect.h"
#include "http/target.h"
#include "page/pages.h"
#include "pattern/budget.h"
#include "site/access_rules.h"
#include "site/error_page.h"
#include "site/locate.h"
#include "site/own_names.h"
#include "site/router.h"

namespace cgisrv::exchange {

using handler::FailureHandler;
using handler::HandlerPtr;
using handler::PageHandler;
using handler::refuse;
using site::Located;

namespace {

constexpr std::string_view file_methods = "GET, HEAD, OPTIONS";
// Programs get every method but two; these are the common ones.
constexpr std::string_view program_methods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

// Else a stranger's name could point at this machine, and its pages could read what is served.
HandlerPtr refuse_host(Exchange& exchange) {
  const auto host = http::canonical_host(exchange.request().host);
  return std::make_unique<FailureHandler>(
      exchange,
      exchange.clients_fault(
          421, fmt::format("this server answers for this machine's names and addresses, not for "
                           "{0}; if it should, start it with --server-name {0}",
                           host)));
}

// `reason`: for the author, if any.
HandlerPtr method_not_allowed(Exchange& exchange, std::string_view allowed,
                              const std::string& reason = {}) {
  handler::Failure failure{.status = 405, .reason = reason};
  failure.fields.push_back({"Allow", std::string(allowed)});
  return std::make_unique<FailureHandler>(exchange, std::move(failure));
}

HandlerPtr allowed_methods(Exchange& exchange, std::string_view allowed) {
  http::Response response;
  response.status = 204;
  response.add("Allow", allowed);
  return std::make_unique<PageHandler>(exchange, std::move(response), "");
}

// For everything except programs: refuses methods other than reading. Null: go on.
HandlerPtr check_file_method(Exchange& exchange, const std::string& reason = {}) {
  const std::string_view method = exchange.request().method;
  if (method == "OPTIONS") return allowed_methods(exchange, file_methods);
  if (method == "GET" || method == "HEAD") return nullptr;
  if (http::is_known_method(method)) return method_not_allowed(exchange, file_methods, reason);
  return refuse(exchange, 501, {});
}

HandlerPtr redirect_to(Exchange& exchange, int status, std::string url, std::string_view sentence) {
  std::string body;
  body.reserve(sentence.size() + url.size() + 3);
  body.append(sentence).append(": ").append(url).append("\n");
  http::Response response;
  response.status = status;
  response.add("Location", std::move(url));
  response.add("Content-Type", "text/plain; charset=utf-8");
  return std::make_unique<PageHandler>(exchange, std::move(response), std::move(body));
}

// The request's query goes along, unless the URL has one of its own.
std::string with_query(const http::Request& request, std::string url) {
  if (!request.target.has_query) return url;
  return http::with_query(std::move(url), request.target.query);
}

// With the trailing slash. 308 if the method must be kept.
HandlerPtr redirect_to_slash(Exchange& exchange, int status, std::string path) {
  return redirect_to(exchange, status, with_query(exchange.request(), std::move(path)),
                     "The address ends in a slash");
}

HandlerPtr cannot_open(Exchange& exchange, const std::string& path, int code) {
  switch (code) {
    case ENOENT:
    case ENOTDIR:
      return refuse(exchange, 404, path + " does not exist");
    case EACCES:
    case EPERM:
      return refuse(exchange, 403, path + " may not be read by the server's user");
    case ELOOP:
      return refuse(exchange, 403, path + " has become a link that may not be followed");
    default:
      return refuse(exchange, failure_status(code),
                    fmt::format("{} cannot be opened: {}", path, errno_text(code)));
  }
}

// The status of a failure stays, whatever page is to tell of it. Null: go on.
HandlerPtr refuse_as_error_page(Exchange& exchange, const Routing& routing) {
  const Located& located = routing.located;
  if (!exchange.is_error_page() || located.kind == Located::Kind::error) return nullptr;
  const std::string problem = site::why_no_error_page(located);
  if (problem.empty()) return nullptr;
  return refuse(exchange, 500,
                fmt::format("the page {} for {} cannot answer: {}", text::escape(routing.path.text),
                            exchange.redirected().status, problem));
}

bool is_of_the_server(const http::Request& request) {
  return request.target.form == http::TargetForm::asterisk;
}

// For "*", which has no path.
HandlerPtr answer_for_the_server(Exchange& exchange) {
  return exchange.request().method == "TRACE" ? method_not_allowed(exchange, file_methods)
                                              : allowed_methods(exchange, program_methods);
}

}  // namespace

// ---- routing -----------------------------------------------------------------------------------

// Whether no outsider can have pointed the host's name here.
bool Sites::is_safe(const Exchange& exchange) const {
  const std::string_view host = exchange.request().host;
  return !config().checks_host || host.empty() || exchange.reach().unix_socket ||
         site::is_safe_host(config().own_names, config().hosts, host);
}

namespace {

// Of a path that is well-formed. By itself, so that what it returns is moved nowhere.
Routing routed(const config::Config& config, const config::Site& site, const Exchange& exchange,
               http::Path path) {
  const pattern::Budget budget;
  const http::Request& request = exchange.request();
  const access::Peer& visitor = exchange.visitor();
  LookBeside look(request);
  // Whatever it leads to after that is ours to find.
  const Gateway* const gateway = exchange.redirect_url().empty() ? exchange.gateway() : nullptr;
  Routing routing{.site = &site,
                  .located = gateway != nullptr && gateway->program
                                 ? site::locate_named(config, site, path, *gateway->program,
                                                      gateway->programs, visitor)
                                 : site::locate(config, site, path, visitor, nullptr, &look)};
  routing.beside = look.take(routing.located);
  // An address that is not let in has no password to try.
  if (!routing.located.is_kept_out)
    routing.password_rules = site::password_rules_for(config, site, path, routing.located);
  routing.has_password_rules = !routing.password_rules.empty();
  std::erase_if(routing.password_rules,
                [&](const auth::Options* rule) { return !rule->asks(visitor, request.method); });
  routing.path = std::move(path);
  routing.body_bytes_max = routing.located.location->body_size;
  return routing;
}

}  // namespace

Routing Sites::route(Exchange& exchange) {
  const http::Request& request = exchange.request();
  if (request.method == "CONNECT") return {.refusal = method_not_allowed(exchange, file_methods)};
  if (is_of_the_server(request)) return {.body_bytes_max = config().limits.body_size};
  if (text::equals_ignoring_case(request.target.scheme, "https") && !exchange.is_https())
    return {.refusal =
                refuse(exchange, 421, "the target is an https one, but the connection has no TLS")};
  auto path = http::decode_path(request.target.path);
  if (!path)
    return {.refusal = refuse(exchange, exchange.redirect_url().empty() ? 400 : 502,
                              fmt::format("the path {} is broken or leads out of the site",
                                          text::escape(request.target.path, 200)))};
  if (!is_safe(exchange)) return {.refusal = refuse_host(exchange)};
  const config::Site& site = site::find_site(config(), request.host);
  if (has_tls_)
    if (auto other = refuse_misdirected(exchange, config(), site))
      return {.refusal = std::move(other)};
  if (site.redirect_to_https && https_port_ != 0 && exchange.redirect_url().empty())
    if (auto other = redirect_to_https(exchange, site, *path, https_port_))
      return {.refusal = std::move(other)};
  return routed(config(), site, exchange, std::move(*path));
}

HandlerPtr Sites::admit(Exchange& exchange, const Routing& routing) {
  if (routing.password_rules.empty()) return nullptr;
  if (skips_passwords_) {
    if (const auto given = credentials_of(exchange.request())) exchange.set_user(given->user);
    return nullptr;
  }
  auto rules = routing.password_rules;
  if (auto refused = admit_by_certificate(exchange, rules)) return refused;
  if (rules.empty()) return nullptr;
  if (verifier_ == nullptr) return refuse(exchange, 500, "nobody can check passwords here");
  return std::make_unique<PasswordHandler>(exchange, *verifier_, std::move(rules));
}

HandlerPtr Sites::answer(Exchange& exchange, Routing& routing) {
  if (routing.site == nullptr) return answer_for_the_server(exchange);
  Located& located = routing.located;
  if (auto refused = refuse_as_error_page(exchange, routing)) return refused;
  const bool runs = located.kind == Located::Kind::program;
  if (exchange.request().method == "TRACE")
    return method_not_allowed(exchange, runs ? program_methods : file_methods);
  switch (located.kind) {
    case Located::Kind::program:
      if (const Gateway* const gateway = exchange.gateway(); gateway != nullptr)
        located.script.added = gateway->added;
      return run(exchange, located);
    case Located::Kind::file:
      return send_file(exchange, routing);
    case Located::Kind::listing:
      return list(exchange, routing);
    case Located::Kind::slash:
      return add_slash(exchange, routing);
    case Located::Kind::redirect:
      return redirect_to(exchange, located.status,
                         with_query(exchange.request(), std::move(located.redirect)),
                         "The address has moved");
    case Located::Kind::error:
      break;
  }
  return refuse(exchange, located.status, std::move(located.problem));
}

// A program, here or by a server that runs it.
HandlerPtr Sites::run(Exchange& exchange, Located& located) {
  const config::Location& location = *located.location;
  cgi::Answerer answerer{.script = std::move(located.script),
                         .endpoints = exchange.endpoints(),
                         .options = location.cgi,
                         .redirected = exchange.redirected()};
  if (!location.backend) return std::make_unique<cgi::Run>(runs_, exchange, std::move(answerer));
  return backend::pass(runs_, backend_connections_, exchange,
                       {.target = location.backend,
                        .answerer = std::move(answerer),
                        .names_a_file = !location.is_all_passed()});
}

// ---- files and folders --------------------------------------------------------------------------

// A program that is sent as a file: logs it once, and each request that a program would have taken.
// Returns the logged text.
std::string Sites::note_program(const http::Request& request, const Routing& routing, int fd,
                                mode_t mode) {
  const Located& located = routing.located;
  const bool is_read = request.method == "GET" || request.method == "HEAD";
  if (is_read && !sent_programs_.is_new(located.file)) return {};
  auto sentence =
      site::sent_program(config(), *routing.site, *located.location, located.file, fd, mode);
  if (is_read && !sentence.empty()) sent_programs_.tell(located.file, sentence);
  return sentence;
}

// By the rules that found it: what was examined is what is sent.
HandlerPtr Sites::send_file(Exchange& exchange, Routing& routing) {
  const std::string& path = routing.located.file;
  const config::Location& location = *routing.located.location;
  const Tree tree{routing.located.tree, location.links};
  OpenFile file{.seen = std::move(routing.located.seen)};
  const bool was_open = take_beside(config(), exchange, routing, file) || file.seen.fd;
  const int error = was_open ? 0 : tree.look_inside(path, file.seen);
  const mode_t mode = file.seen.status.st_mode;
  std::string note;
  if (error == 0 && (mode & 0111) != 0 && !file.coding)
    note = note_program(exchange.request(), routing, file.seen.fd.get(), mode);
  if (auto other = check_file_method(exchange, note)) return other;
  if (error != 0) return cannot_open(exchange, path, error);
  if (!S_ISREG(mode)) return refuse(exchange, 403, path + " is not a regular file");
  if (!was_open)
    if (auto why = why_not_sent(config(), exchange, routing, file.seen); !why.empty())
      return refuse(exchange, 404, std::move(why));
  auto answer = answer_for(config(), exchange, routing, tree, file);
  return std::make_unique<handler::FileHandler>(exchange, std::move(file.seen.fd),
                                                std::move(answer));
}

// What a program names is below its location's roots: cgi::why_not_sent() has said so.
HandlerPtr Sites::send_named_file(Exchange& exchange, const Routing& routing, http::Response head,
                                  std::string path) {
  const config::Location& location = *routing.located.location;
  const std::string root(cgi::root_of(path, location.cgi.sendfile_roots));
  OpenFile file;
  const int error = Tree{root, location.links}.look_inside(path, file.seen);
  if (error != 0) return cannot_open(exchange, path, error);
  if (!S_ISREG(file.seen.status.st_mode))
    return refuse(exchange, 403, path + " is not a regular file");
  if (site::is_password_file(config(), path, file.seen))
    return refuse(exchange, 404, path + " is a password or group file, which is never sent");
  auto answer = answer_under(exchange, location.answers, path, file, std::move(head));
  return std::make_unique<handler::FileHandler>(exchange, std::move(file.seen.fd),
                                                std::move(answer));
}

HandlerPtr Sites::list(Exchange& exchange, const Routing& routing) {
  if (auto other = check_file_method(exchange)) return other;
  const Located& located = routing.located;
  const Tree tree{located.tree, located.location->links};
  Seen folder;
  const int error = tree.look_inside(located.file, folder);
  if (error == 0)
    if (auto why = why_not_sent(config(), exchange, routing, folder); !why.empty())
      return refuse(exchange, 404, std::move(why));
  auto reader = error == 0 ? files::DirectoryReader::of(std::move(folder.fd), tree, located.file)
                           : fail_errno(error, "cannot list {}", located.file);
  if (!reader) {
    const auto& [code, what] = reader.error();
    return refuse(exchange, code == EACCES ? 403 : failure_status(code), what);
  }
  return std::make_unique<ListingHandler>(exchange, routing, std::move(*reader), runs_.loop);
}

// A form may be sent to a directory whose index is a program.
HandlerPtr Sites::add_slash(Exchange& exchange, Routing& routing) {
  std::string& redirect = routing.located.redirect;
  const std::string_view method = exchange.request().method;
  if (method == "GET" || method == "HEAD")
    return redirect_to_slash(exchange, 301, std::move(redirect));
  const http::Path with_slash = http::plain_path(routing.path.text + '/');
  if (site::locate(config(), *routing.site, with_slash, exchange.visitor()).kind ==
      Located::Kind::program)
    return redirect_to_slash(exchange, 308, std::move(redirect));
  return check_file_method(exchange);
}

}  // namespace cgisrv::exchange

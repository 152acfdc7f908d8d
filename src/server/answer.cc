#include "server/answer.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <ctime>

#include "base/memory.h"
#include "base/shortage.h"
#include "base/text.h"
#include "cgi/run.h"
#include "files/listing.h"
#include "files/mime.h"
#include "files/static_file.h"
#include "http/target.h"
#include "server/connection.h"
#include "server/handlers.h"
#include "server/locate.h"
#include "server/pages.h"
#include "server/router.h"
#include "server/service.h"

namespace cgisrv::server {

namespace {

using HandlerPtr = std::unique_ptr<http::Handler>;

constexpr std::string_view file_methods = "GET, HEAD, OPTIONS";
// Programs get every method that is registered but two: these are the ones that are asked for.
constexpr std::string_view program_methods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

HandlerPtr refuse(Connection& connection, int status, std::string reason) {
  return std::make_unique<FailureHandler>(
      connection, http::Failure{.status = status, .reason = std::move(reason)});
}

HandlerPtr page(Connection& connection, int status, Page page) {
  return std::make_unique<PageHandler>(connection, page_response(status, page),
                                       std::move(page.body));
}

HandlerPtr method_not_allowed(Connection& connection, std::string_view allowed) {
  Page body = error_page(405, connection.request_id(), wants_html(connection.request()));
  http::Response response = page_response(405, body);
  response.add("Allow", allowed);
  return std::make_unique<PageHandler>(connection, std::move(response), std::move(body.body));
}

HandlerPtr allowed_methods(Connection& connection, std::string_view allowed) {
  http::Response response;
  response.status = 204;
  response.add("Allow", allowed);
  return std::make_unique<PageHandler>(connection, std::move(response), "");
}

// What only a thing that is no program knows: nothing but to be read. None: go on.
HandlerPtr check_file_method(Connection& connection) {
  const std::string_view method = connection.request().method;
  if (method == "OPTIONS") return allowed_methods(connection, file_methods);
  if (method != "GET" && method != "HEAD") return method_not_allowed(connection, file_methods);
  return nullptr;
}

HandlerPtr redirect_to(Connection& connection, std::string path) {
  const http::Target& target = connection.request().target;
  if (target.has_query) path.append("?").append(target.query);
  http::Response response;
  response.status = 301;
  response.add("Location", path);
  response.add("Content-Type", "text/plain; charset=utf-8");
  return std::make_unique<PageHandler>(connection, std::move(response),
                                       fmt::format("This directory is at {}\n", path));
}

HandlerPtr run_program(Service& service, Connection& connection, Located located,
                       const std::string& redirect_url) {
  const http::Request& request = connection.request();
  const std::uint64_t body_max = located.location->body_size;
  connection.set_script(located.script.name, located.script.filename);
  connection.limit_body(body_max);
  if (request.framing == http::Framing::length && request.content_length > body_max)
    return refuse(connection, 413,
                  fmt::format("a body of {} bytes is more than body_size allows ({})",
                              request.content_length, body_max));
  return std::make_unique<cgi::Run>(service.run_context(), connection, std::move(located.script),
                                    connection.endpoints(), located.location->cgi, redirect_url);
}

HandlerPtr cannot_open(Connection& connection, const std::string& path, int code) {
  switch (code) {
    case ENOENT:
    case ENOTDIR:
      return refuse(connection, 404, path + " does not exist");
    case EACCES:
    case EPERM:
      return refuse(connection, 403, path + " may not be read by the server's user");
    case ELOOP:
      return refuse(connection, 403, path + " has become a link that may not be followed");
    default:
      return refuse(connection, failure_status(code),
                    fmt::format("{} cannot be opened: {}", path, errno_text(code)));
  }
}

// Opened by the same rules that it was found by: what was checked is what is sent.
HandlerPtr send_file(Connection& connection, const Tree& tree, const std::string& path) {
  if (auto other = check_file_method(connection)) return other;
  auto file = tree.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!file) return cannot_open(connection, path, file.error().code);
  struct stat status {};
  if (::fstat(file->get(), &status) != 0)
    return refuse(connection, failure_status(errno),
                  fmt::format("{} cannot be looked at: {}", path, errno_text(errno)));
  if (!S_ISREG(status.st_mode)) return refuse(connection, 403, path + " is not a regular file");
  auto answer =
      files::answer_file(connection.request(), status, files::mime_type(path), std::time(nullptr));
  return std::make_unique<FileHandler>(connection, std::move(*file), std::move(answer));
}

HandlerPtr list(Connection& connection, const Tree& tree, const std::string& directory,
                const http::Path& path) {
  if (auto other = check_file_method(connection)) return other;
  bool more = false;
  auto entries = files::list_directory(tree, directory, more);
  if (!entries)
    return refuse(connection,
                  entries.error().code == EACCES ? 403 : failure_status(entries.error().code),
                  entries.error().what);
  const http::Request& request = connection.request();
  return page(connection, 200,
              listing_page(path.text, std::move(*entries), more, request.target.query,
                           wants_html(request)));
}

}  // namespace

HandlerPtr choose_answer(Service& service, Connection& connection,
                         const std::string& redirect_url) {
  const http::Request& request = connection.request();
  if (!memory::sufficient()) return refuse(connection, 503, "memory is short");
  if (service.pages() != nullptr) return service.pages()->answer(connection);
  const bool of_the_server = request.target.form == http::TargetForm::asterisk;
  const bool traces = request.method == "TRACE";
  if (request.method == "CONNECT" || (traces && of_the_server))
    return method_not_allowed(connection, file_methods);
  if (of_the_server) return allowed_methods(connection, program_methods);
  if (text::equals_ignoring_case(request.target.scheme, "https"))
    return refuse(connection, 421, "the target is an https one, but the connection has no TLS");
  const auto path = http::decode_path(request.target.path);
  if (!path)
    return refuse(connection, redirect_url.empty() ? 400 : 502,
                  fmt::format("the path {} is broken or leads out of the site",
                              text::escape(request.target.path, 200)));
  const Site& site = find_site(service.config(), request.host);
  Located located = locate(site, *path);
  connection.set_location(*located.location);
  if (traces)
    return method_not_allowed(
        connection, located.kind == Located::Kind::program ? program_methods : file_methods);
  const Tree tree{site.root, located.location->links};
  switch (located.kind) {
    case Located::Kind::program:
      return run_program(service, connection, std::move(located), redirect_url);
    case Located::Kind::file:
      return send_file(connection, tree, located.file);
    case Located::Kind::listing:
      return list(connection, tree, located.file, *path);
    case Located::Kind::redirect:
      if (auto other = check_file_method(connection)) return other;
      return redirect_to(connection, std::move(located.redirect));
    case Located::Kind::error:
      break;
  }
  return refuse(connection, located.status, std::move(located.problem));
}

}  // namespace cgisrv::server

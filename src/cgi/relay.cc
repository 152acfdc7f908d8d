#include "cgi/relay.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/log.h"
#include "base/text.h"
#include "cgi/sent_file.h"
#include "http/target.h"

namespace cgisrv::cgi {

namespace {

// The times known when the head is sent; https://www.w3.org/TR/server-timing/
std::string server_timing(const account::Usage& usage) {
  const auto ms = [](std::optional<account::Duration> span) {
    return std::chrono::duration<double, std::milli>(span.value_or(account::Duration::zero()))
        .count();
  };
  return fmt::format("queue;dur={:.3f}, start;dur={:.3f}, header;dur={:.3f}", ms(usage.queue),
                     ms(usage.start), ms(usage.header));
}

constexpr std::size_t status_line_bytes_max = 1024;

// "HTTP/1.1 200 OK" as "Status: 200 OK"; else what it was. Without its LF.
std::string as_status(std::string_view line) {
  constexpr std::size_t version_size = 9;  // with the space
  if (!line.starts_with("HTTP/1.") || line.substr(0, version_size).back() != ' ')
    return std::string(line);
  return fmt::format("Status: {}", line.substr(version_size));
}

bool has(const http::Response& response, std::string_view name) {
  return std::ranges::any_of(response.fields, [name](const http::Field& field) {
    return text::equals_ignoring_case(field.name, name);
  });
}

// For a response with a body of its own.
bool lacks_type(const http::Response& response) {
  return response.status != 204 && response.status != 304 && !has(response, "Content-Type") &&
         !has(response, "Location");
}

}  // namespace

void Relay::take(std::string_view output) {
  if (phase_ == Phase::head) return take_head(output);
  if (phase_ == Phase::broken) rest_ += output.substr(0, rest_bytes_max - rest_.size());
  if (phase_ == Phase::body && !hands_on()) exchange_.write(output);
}

void Relay::take_head(std::string_view output) {
  if (script_.nph && exchange_.takes_raw()) {
    phase_ = Phase::body;
    usage_.header = usage_.since_start();
    exchange_.respond_raw(raw_status(output));
    return take(output);
  }
  if (script_.nph && !has_status_line_) return take_status_line(output);
  const std::size_t taken = parser_.feed(output);
  if (parser_.looks_headerless() && !options_.headerless.empty()) {
    take_without_head();
    return take(output.substr(taken));
  }
  if (parser_.state() == ResponseParser::State::malformed) {
    phase_ = Phase::broken;
    return take(output.substr(taken));
  }
  if (parser_.state() != ResponseParser::State::complete) return;
  if (is_in_chunks()) {
    phase_ = Phase::broken;
    return;
  }
  phase_ = Phase::body;
  respond(parser_.head().response);
  if (taken < output.size()) take(output.substr(taken));
}

// The first line of a whole response of HTTP/1.x, for a client of another version: it becomes the
// Status of a CGI response, and the fields follow.
void Relay::take_status_line(std::string_view output) {
  const std::size_t end = output.find('\n');
  status_line_ += output.substr(0, end);
  if (end == output.npos && status_line_.size() <= status_line_bytes_max) return;
  has_status_line_ = true;
  parser_.feed(as_status(status_line_));
  take_head(end == output.npos ? std::string_view() : output.substr(end));
}

void Relay::end() {
  if (phase_ != Phase::head) return;
  if (!status_line_.empty() && !has_status_line_) parser_.feed(status_line_);
  const bool printed = !parser_.collected().empty();
  parser_.end();
  if (parser_.state() == ResponseParser::State::complete) {
    phase_ = Phase::body;
    respond(parser_.head().response);
  } else if (printed && !options_.headerless.empty()) {
    take_without_head();
  } else {
    phase_ = Phase::broken;
  }
}

void Relay::take_without_head() {
  http::Response response;
  response.add("Content-Type", options_.headerless);
  respond(std::move(response));
  phase_ = Phase::body;
  exchange_.write(parser_.collected());
}

void Relay::respond(http::Response response) {
  usage_.header = usage_.since_start();
  if (hands_on()) return;
  if (is_for_web_server_)
    leave_to_web_server(response);
  else if (!parser_.head().send_file.empty())
    log::write(
        log::Level::notice, exchange_.request_id(),
        fmt::format("{}: its X-Sendfile is not followed; set sendfile_roots for its location",
                    script_.filename));
  if (lacks_type(response) && !options_.headerless.empty())
    response.add("Content-Type", options_.headerless);
  if (options_.server_timing) response.add("Server-Timing", server_timing(usage_));
  exchange_.respond(std::move(response));
}

// The web server is the server of RFC 3875: it has rules of access that we do not know, and paths
// of its own. Apache and Caddy take no Location without a Status for a redirect.
void Relay::leave_to_web_server(http::Response& response) const {
  const ResponseHead& head = parser_.head();
  if (asks_for_path()) {
    response.status = 302;
    response.add("Location", head.location);
  }
  if (!head.send_file.empty()) response.add("X-Sendfile", head.send_file);
  // A length is that of the page or file, of which the program prints nothing.
  if (asks_for_path() || has(response, "X-Sendfile") || has(response, "X-Accel-Redirect"))
    response.content_length.reset();
}

bool Relay::asks_for_path() const {
  return parser_.state() == ResponseParser::State::complete &&
         parser_.head().kind == ResponseKind::local_redirect;
}

bool Relay::redirects() const {
  return !is_for_web_server_ && asks_for_path();
}

bool Relay::sends_file() const {
  return parser_.state() == ResponseParser::State::complete && !asks_for_path() && !script_.nph &&
         !parser_.head().send_file.empty() && !options_.sendfile_roots.empty();
}

// Cookies of a redirect are for the client, whatever answers in the end.
void Relay::hand_on() {
  if (sends_file())
    return exchange_.send_instead(std::move(parser_.head().response),
                                  plain_path(parser_.head().send_file));
  std::vector<http::Field> cookies;
  for (http::Field& field : parser_.head().response.fields)
    if (text::equals_ignoring_case(field.name, "Set-Cookie")) cookies.push_back(std::move(field));
  exchange_.redirect(parser_.head().location, std::move(cookies));
}

std::string Relay::why_not_handed_on() const {
  if (redirects()) return why_no_redirect();
  return why_not_sent(parser_.head().send_file, options_.sendfile_roots);
}

std::string Relay::why_no_redirect() const {
  const std::string& location = parser_.head().location;
  const auto target = http::parse_target("GET", location);
  if (!target || target->form != http::TargetForm::origin)
    return fmt::format("its Location is no path: \"{}\"", text::escape(location, 200));
  if (!http::decode_path(target->path))
    return fmt::format("its Location is a path that is broken or leads out of the site: \"{}\"",
                       text::escape(location, 200));
  if (!exchange_.may_redirect()) return "more than 10 local redirects in a row; is it a loop?";
  return {};
}

// Its chunks would have to be taken apart.
bool Relay::is_in_chunks() const {
  return script_.nph && parser_.state() == ResponseParser::State::complete &&
         parser_.head().has_transfer_coding;
}

namespace {

// "Content Type: text/html"; not a time of day, nor the path of a file.
bool is_field_gone_wrong(std::string_view line) {
  const auto colon = line.find(':');
  return colon != line.npos && std::ranges::all_of(line.substr(0, colon), [](char c) {
           return text::is_alpha(c) || c == '-' || c == '_' || c == ' ' || c == '\t';
         });
}

}  // namespace

std::string Relay::problem() const {
  if (is_in_chunks())
    return "the program prints its response in chunks (Transfer-Encoding), which only a client of "
           "HTTP/1.1 can be sent; print it without, or do not name the file nph-...";
  auto telling = parser_.offending_line();
  const std::string printed = fmt::format("{}{}", parser_.collected(), rest_);
  if (const auto error = error_in(printed); !error.empty()) telling = error;
  std::string problem(parser_.problem());
  if (parser_.lacks_header() && !is_field_gone_wrong(telling) && has_late_header(printed))
    problem =
        "the program's output does not begin with a CGI header, but one comes later in it: let it "
        "flush its own output before it starts other programs, or print the header first";
  else if (parser_.lacks_header())
    problem += fmt::format(", or {} headerless = \"text/html; charset=utf-8\" for its location",
                           options_.by_file ? "set" : "serve by a configuration with");
  if (telling.empty()) return problem;
  return fmt::format("{}: \"{}\"", problem, text::escape(telling, 200));
}

std::string Relay::excerpt() const {
  constexpr std::size_t part = 1024;
  std::string all = fmt::format("{}{}", parser_.collected(), rest_);
  if (all.size() > 2 * part) all.replace(part, all.size() - 2 * part, "\n[...]\n");
  return all;
}

}  // namespace cgisrv::cgi

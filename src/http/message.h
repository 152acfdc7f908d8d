// Requests and responses as values, the same for every protocol that will carry them.
#pragma once

#include <cstdint>
#include <ctime>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cgisrv::http {

enum class Version : std::uint8_t { http10, http11, http2 };

// "HTTP/1.1", as programs and logs have it.
std::string_view text_of(Version version);

struct FieldView {
  std::string_view name;   // as sent
  std::string_view value;  // without the white space around it
};

// How the end of a request's body is found, RFC 9112 section 6.3. In HTTP/2 a body that announces
// no length counts as chunked.
enum class Framing : std::uint8_t { none, length, chunked };

enum class TargetForm : std::uint8_t { origin, absolute, authority, asterisk };

// The parts of a request target, RFC 9112 section 3.2. Views into the parsed text.
struct Target {
  TargetForm form = TargetForm::origin;
  std::string_view scheme;  // absolute form only, as sent
  std::string_view host;    // absolute and authority form; brackets of an IPv6 literal kept
  std::optional<std::uint16_t> port;
  std::string_view path;   // raw, still percent-encoded; "/" where the absolute form had none
  std::string_view query;  // raw, without the question mark
  bool has_query = false;
};

// A request's head. Its views point into storage_, so it neither moves nor copies. A connection
// reuses one, with its memory, for every request.
class Request {
 public:
  Request() = default;
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  std::string_view method;  // case kept, RFC 9110 section 9.1
  std::string_view raw_target;
  Target target;
  Version version = Version::http11;
  std::vector<FieldView> fields;  // in order of arrival

  // The host of the request, from the absolute form or Host; empty in HTTP/1.0 without either.
  std::string_view host;  // without the port
  std::optional<std::uint16_t> port;

  Framing framing = Framing::none;
  std::uint64_t content_length = 0;  // when framing is length
  bool keep_alive = false;           // what the client asked for, RFC 9112 section 9.3
  bool expects_continue = false;     // 1.1 with a body only, RFC 9110 section 10.1.1

  // The first field of that name, or nothing.
  std::optional<std::string_view> field(std::string_view name) const;
  // All fields of that name joined with ", "; nothing when there is none.
  std::optional<std::string> joined(std::string_view name) const;

  // Empties the request. `head` is copied into storage that later views may point to.
  std::string_view reset(std::string_view head);

 private:
  std::string storage_;
};

struct Field {
  std::string name;
  std::string value;
  bool operator==(const Field&) const = default;
};

// Whether a response's content depends on the codings that its client takes, RFC 9110 section 12.1.
enum class Negotiation : std::uint8_t {
  open,  // it may still be given one
  done,  // it has been chosen already: another client may get other content
  none,  // every client gets this
};

// A response's head. The exchange adds Date and Server, the protocol adds its framing fields;
// handlers never set Transfer-Encoding or Connection.
struct Response {
  static constexpr std::size_t usual_fields = 12;

  int status = 200;
  std::string reason;                           // empty: the registered phrase
  std::vector<Field> fields;                    // without Content-Length, which is:
  std::optional<std::uint64_t> content_length;  // nothing: unknown until its end
  // Set by add_origin_fields(); empty where `fields` have them. Written after `fields`.
  std::string_view date;
  std::string_view server;
  Negotiation negotiation = Negotiation::open;

  // The first field of that name; empty: none.
  std::string_view field(std::string_view name) const;
  // Keeps a string that is given away, and copies any other text.
  template <typename Text>
  void add(std::string_view name, Text&& value) {
    if (fields.capacity() == 0) fields.reserve(usual_fields);
    fields.push_back({std::string(name), std::string(std::forward<Text>(value))});
  }
};

// The number in a Content-Length, RFC 9110 section 8.6. An error is a clause for the client, and in
// static storage.
std::expected<std::uint64_t, std::string_view> parse_content_length(std::string_view value);

// What follows a response's head, RFC 9110 section 6.4.1.
enum class Content : std::uint8_t {
  none,     // to HEAD, of 1xx, 204 and 304
  sized,    // as many bytes as the head announces
  unsized,  // until it ends
};
Content content_of(std::string_view request_method, const Response& response);

// Retry-After of a 503, unless its handler or the administrator (queue.retry_after) says when. A
// server by itself does not know better: a place in a queue is free as soon as one run or check
// ends, but who gets it depends on who asks by then. If all waited until a queue should be empty,
// they would all come back at once, to a server that has nothing to do.
inline constexpr std::string_view retry_after_s = "5";

// 1xx: another response follows.
constexpr bool is_informational(int status) {
  return status < 200;
}

// Adds the fields of every final response, RFC 9110 sections 6.6.1 and 10.2.4: Date and Server
// ("cgisrv/VERSION"), unless present. Valid until the next call with a later `now`.
void add_origin_fields(Response& response, std::time_t now);

// The registered phrase ("Not Found"), or "Unknown" for an unregistered code.
std::string_view reason_phrase(int status);

}  // namespace cgisrv::http

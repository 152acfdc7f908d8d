// Requests and responses as values, the same for every protocol that will carry them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cgisrv::http {

enum class Version : std::uint8_t { http10, http11 };

struct FieldView {
  std::string_view name;   // as sent
  std::string_view value;  // without the white space around it
};

// How the end of a request's body is found, RFC 9112 section 6.3.
enum class Framing : std::uint8_t { none, length, chunked };

enum class TargetForm : std::uint8_t { origin, absolute, authority, asterisk };

// A request target taken apart, RFC 9112 section 3.2. Views into the text it was parsed from.
struct Target {
  TargetForm form = TargetForm::origin;
  std::string_view scheme;  // absolute form only, as sent
  std::string_view host;    // absolute and authority form; brackets of an IPv6 literal kept
  std::optional<std::uint16_t> port;
  std::string_view path;   // raw, still percent-encoded; "/" where the absolute form had none
  std::string_view query;  // raw, without the question mark
  bool has_query = false;
};

// A request's head. Its views point into storage_, so it neither moves nor copies; a connection
// has one and reuses it, and its memory, for every request.
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

  // The host that the request is for, from the absolute form or Host; empty in HTTP/1.0 without.
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

  // Back to an empty request; `head` is copied into storage that later views may point to.
  std::string_view reset(std::string_view head);

 private:
  std::string storage_;
};

struct Field {
  std::string name;
  std::string value;
};

// A response's head. The writer adds Date, Connection, and the framing fields; handlers never set
// Transfer-Encoding or Connection themselves.
struct Response {
  int status = 200;
  std::string reason;                           // empty: the registered phrase
  std::vector<Field> fields;                    // without Content-Length, which is:
  std::optional<std::uint64_t> content_length;  // nothing: not known; chunked or ended by close

  void add(std::string_view name, std::string_view value) {
    fields.push_back({std::string(name), std::string(value)});
  }
};

// The registered phrase ("Not Found"), or "Unknown" for an unregistered code.
std::string_view reason_phrase(int status);

}  // namespace cgisrv::http

// The head of a CGI response, RFC 3875 section 6: pure, bytes in and values out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/message.h"

namespace cgisrv::cgi {

enum class ResponseKind : std::uint8_t {
  document,           // also a Location together with a Status or a Content-Type and body
  absolute_redirect,  // Location: URI, and nothing else: 302
  local_redirect,     // Location: /path?query: the server starts again with that path and GET
};

struct ResponseHead {
  ResponseKind kind = ResponseKind::document;
  http::Response response;  // status, reason, fields to forward, content_length where given
  std::string location;     // local_redirect: path and query; the other fields may go along
};

// Collects a program's output until its head is whole. Lines end in LF or CRLF. At least one of
// Content-Type, Location and Status is needed; a Location without a Status is 302. X-CGI-*, the
// fields that concern a connection (RFC 9110 section 7.6.1), Date and Server are dropped.
class ResponseParser {
 public:
  static constexpr std::size_t head_bytes_max = 64 * 1024;
  static constexpr std::size_t fields_max = 200;

  enum class State : std::uint8_t { incomplete, complete, malformed };

  // Takes bytes up to and including the blank line, no further; returns how many it took.
  // complete: head() may be taken; the rest of the bytes is the body.
  // malformed: problem() says why, offending_line() which line (both without trust in the bytes:
  // escape before printing).
  std::size_t feed(std::string_view bytes);
  // The output ended: malformed unless complete ("printed no header", "ended within its header").
  void end();

  State state() const { return state_; }
  ResponseHead& head() { return head_; }
  const ResponseHead& head() const { return head_; }
  std::string_view problem() const { return problem_; }
  std::string_view offending_line() const { return line_; }
  // What was fed so far, while incomplete or malformed: for headerless programs and diagnosis.
  std::string_view collected() const { return collected_; }
  // Whether the output so far cannot be a CGI head (its first line is no field): what `headerless`
  // locations ask, RFC 3875 says nothing of it. Once true, collected() is the start of the body.
  bool looks_headerless() const { return headerless_; }

 private:
  void take_line(std::string_view line);
  void take_field(std::string_view line);
  void take_status(std::string_view value, std::string_view line);
  void finish();
  void refuse(std::string problem, std::string_view line);

  State state_ = State::incomplete;
  bool headerless_ = false;
  std::string collected_;
  std::size_t line_start_ = 0;  // of the line now being collected, in collected_
  std::size_t fields_ = 0;
  std::string problem_;
  std::string line_;
  ResponseHead head_;
  bool has_status_ = false;
  bool has_content_type_ = false;
  bool has_location_ = false;
};

// The status of what an nph- program prints first, "HTTP/1.1 418 ..."; 200 when it prints something
// else.
int raw_status(std::string_view head);

}  // namespace cgisrv::cgi

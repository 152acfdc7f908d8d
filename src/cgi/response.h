// The head of a CGI response, RFC 3875 section 6. Pure: bytes in, values out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/message.h"

namespace cgisrv::cgi {

enum class ResponseKind : std::uint8_t {
  document,           // also Location with a Status, or with a Content-Type and body
  absolute_redirect,  // Location: URI, alone: 302
  local_redirect,     // Location: /path?query: the server restarts with GET for that path
};

struct ResponseHead {
  ResponseKind kind = ResponseKind::document;
  http::Response response;  // status, reason, fields to forward, content_length where given
  std::string location;     // local_redirect: path and query; the other fields may go along
  std::string send_file;    // X-Sendfile, which never reaches the client; empty: none
  bool has_transfer_coding = false;  // a field says so, and was dropped
};

// A larger head is refused: response_header_size and response_header_fields.
struct ResponseLimits {
  std::size_t head_bytes_max = 256 * 1024;
  std::size_t fields_max = 2000;
};

// Collects a program's output until its head is whole. Lines end in LF or CRLF. Any field makes a
// head, even without the Content-Type that RFC 3875 requires, as in other servers. A Location
// without a Status is 302. X-CGI-*, fields that concern a connection (RFC 9110 section 7.6.1), Date
// and Server are dropped; X-Sendfile is the server's to follow.
class ResponseParser {
 public:
  explicit ResponseParser(ResponseLimits limits = {}) : limits_(limits) {}

  enum class State : std::uint8_t { incomplete, complete, malformed };

  // Takes bytes up to and including the blank line; returns how many it took. complete: head() may
  // be taken; the remaining bytes are the body. malformed: problem() says why, offending_line()
  // which line. Both hold untrusted bytes: escape them before printing.
  std::size_t feed(std::string_view bytes);
  // The output ended: malformed unless complete ("printed no header", "ended within its header").
  void end();

  State state() const { return state_; }
  ResponseHead& head() { return head_; }
  const ResponseHead& head() const { return head_; }
  std::string_view problem() const { return problem_; }
  std::string_view offending_line() const { return line_; }
  // Whether it begins with a line that is no field and carries no other message.
  bool lacks_header() const { return lacks_header_; }
  // All input so far, while incomplete or malformed: for headerless programs and diagnosis.
  std::string_view collected() const { return collected_; }
  // Whether the output so far cannot be a CGI head (its first line is no field). For locations with
  // `headerless`; RFC 3875 is silent on this. Once true, collected() is the start of the body.
  bool looks_headerless() const { return headerless_; }

 private:
  void take_line(std::string_view line);
  void refuse_line(std::string_view fault, std::string_view line, bool is_first);
  void take_field(std::string_view line);
  void take_status(std::string_view value, std::string_view line);
  void finish();
  void refuse(std::string problem, std::string_view line);

  ResponseLimits limits_;
  State state_ = State::incomplete;
  bool headerless_ = false;
  bool lacks_header_ = false;
  std::string collected_;
  std::size_t line_start_ = 0;  // of the current line, in collected_
  std::size_t fields_ = 0;
  std::string problem_;
  std::string line_;
  ResponseHead head_;
  bool has_status_ = false;
  bool has_content_type_ = false;
  bool has_location_ = false;
  bool has_send_file_ = false;
};

// Whether a line of a program's output looks like a CGI header field.
bool has_late_header(std::string_view output);

// The error message in output that is no CGI response: the last line of a Python traceback, plain
// or by cgitb. Empty: none.
std::string_view error_in(std::string_view output);

// The status in the first output of an nph- program, "HTTP/1.1 418 ..."; else 200.
int raw_status(std::string_view head);

}  // namespace cgisrv::cgi

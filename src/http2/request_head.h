// The head of a request in HTTP/2: from its fields to a Request, or to the status that refuses it
// (RFC 9113 section 8). Pure. Everything that HTTP/1.1 refuses is refused here too, and with the
// same words.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"

namespace cgisrv::http2 {

struct HeadLimits {
  std::size_t head_bytes_max = 16 * 1024;   // 431 beyond it
  std::size_t target_bytes_max = 8 * 1024;  // 414 beyond it
  std::size_t fields_max = 100;             // 431 beyond it; all parts of a cookie count as one
};

struct Refusal {
  int status = 0;           // 0: none; 400, 414, 417, 431, 501
  std::string_view reason;  // a sentence for the client and the log; static storage
  // The request is malformed (RFC 9113 section 8.1.1): its stream ends by a reset.
  bool is_malformed() const { return status == 400; }
  explicit operator bool() const { return status != 0; }
};

class RequestHead {
 public:
  explicit RequestHead(const HeadLimits& limits) : limits_(limits) {}

  // In their order of arrival. What passes a limit is counted and not kept.
  void add(std::string_view name, std::string_view value);
  // After all of them: fills `request` in, or leaves it unspecified. `has_body`: the stream goes on
  // after the head.
  Refusal read(http::Request& request, bool has_body);

  // As if it had come by HTTP/1.1; kept or not.
  std::size_t bytes() const { return bytes_; }
  // A head that may be refused, for the logs: "GET /path HTTP/2.0".
  std::string line() const;
  // As sent; empty: none.
  std::string_view scheme() const { return view(scheme_); }
  bool is_https() const { return scheme().size() == std::string_view("https").size(); }
  // The response has no content.
  bool asks_for_no_content() const { return view(method_) == "HEAD"; }

 private:
  // A part of text_.
  struct Part {
    std::size_t begin = 0;
    std::size_t size = 0;
    bool is_there = false;
  };
  struct FieldParts {
    Part name;
    Part value;
  };

  Refusal take(std::string_view name, std::string_view value);
  Refusal take_pseudo(std::string_view name, std::string_view value);
  Refusal take_field(std::string_view name, std::string_view value);
  Part keep(std::string_view text);
  std::string_view view(const Part& part) const {
    return std::string_view(text_).substr(part.begin, part.size);
  }
  Refusal read_target(http::Request& request) const;

  HeadLimits limits_;
  std::size_t bytes_ = 0;
  std::string text_;
  Part method_;
  Part scheme_;
  Part authority_;
  Part path_;
  std::vector<FieldParts> fields_;
  bool has_fields_ = false;  // or has had a field that was refused
  std::string cookies_;
  Refusal refusal_;  // the first
};

// Whether a field may stand behind a body.
bool may_be_trailer(std::string_view name, std::string_view value);

}  // namespace cgisrv::http2

// The head of a response in HTTP/2: from a Response to the fields that nghttp2 sends. Pure.
#pragma once

#include <nghttp2/nghttp2.h>

#include <array>
#include <string_view>
#include <vector>

#include "http/message.h"

namespace cgisrv::http2 {

// Refers to the response, which outlives it.
class ResponseHead {
 public:
  ResponseHead(const http::Response& response, http::Content content);
  ResponseHead(const ResponseHead&) = delete;
  ResponseHead& operator=(const ResponseHead&) = delete;

  // Names still have their capitals, which nghttp2 lowers.
  const std::vector<nghttp2_nv>& fields() const { return fields_; }

 private:
  void add(std::string_view name, std::string_view value);

  std::array<char, 24> status_;
  std::array<char, 24> length_;
  std::vector<nghttp2_nv> fields_;
};

}  // namespace cgisrv::http2

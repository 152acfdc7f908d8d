#include "http2/response_head.h"

#include <charconv>
#include <cstdint>

#include "base/text.h"
#include "http/octets.h"

namespace cgisrv::http2 {

namespace {

// Fields whose makers have checked them; an oversight there must not make a head that clients
// refuse. RFC 9113 sections 8.2.1 and 8.2.2.
bool may_be_sent(std::string_view name, std::string_view value) {
  const auto is = [name](std::string_view other) {
    return text::equals_ignoring_case(name, other);
  };
  return http::is_token(name) && http::field_bytes.has_all(value) && !is("Connection") &&
         !is("Keep-Alive") && !is("Proxy-Connection") && !is("Transfer-Encoding") &&
         !is("Upgrade") && !is("Content-Length");
}

std::string_view write_number(std::array<char, 24>& into, std::uint64_t number) {
  const auto end = std::to_chars(into.data(), into.data() + into.size(), number).ptr;
  return {into.data(), static_cast<std::size_t>(end - into.data())};
}

// The interface of nghttp2 is not const; it copies what it is given.
std::uint8_t* bytes_of(std::string_view text) {
  return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
}

}  // namespace

ResponseHead::ResponseHead(const http::Response& response, http::Content content) {
  fields_.reserve(response.fields.size() + 4);
  add(":status", write_number(status_, static_cast<std::uint64_t>(response.status)));
  for (const auto& [name, value] : response.fields)
    if (may_be_sent(name, value)) add(name, text::trim(value));
  if (!response.date.empty()) add("date", response.date);
  if (!response.server.empty()) add("server", response.server);
  const bool may_have_length = content != http::Content::unsized &&
                               !http::is_informational(response.status) && response.status != 204;
  if (response.content_length && may_have_length)
    add("content-length", write_number(length_, *response.content_length));
}

void ResponseHead::add(std::string_view name, std::string_view value) {
  fields_.push_back(
      {bytes_of(name), bytes_of(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
}

}  // namespace cgisrv::http2

// Boost.Beast's opinion. Alone in its file, for it is slow to compile.
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <limits>

#include "base/text.h"
#include "opinion.h"

namespace cgisrv::differential {

Opinion ask_beast(std::string_view input) {
  namespace beast = boost::beast;
  beast::http::request_parser<beast::http::empty_body> parser;
  parser.header_limit(head_bytes_max);
  parser.body_limit(std::numeric_limits<std::uint64_t>::max());  // "none" refuses every length
  beast::error_code error;
  const auto bytes = parser.put(boost::asio::buffer(input.data(), input.size()), error);
  if (error == beast::http::error::need_more) return {};
  if (error) return {.verdict = Opinion::Verdict::refused, .why = error.message()};
  if (!parser.is_header_done()) return {};
  const auto& request = parser.get();
  Opinion opinion{.verdict = Opinion::Verdict::accepted,
                  .bytes = bytes,
                  .method = std::string(request.method_string()),
                  .target = std::string(request.target()),
                  .version = request.version(),
                  .chunked = parser.chunked(),
                  .keep_alive = parser.keep_alive()};
  if (const auto length = parser.content_length()) opinion.length = *length;
  for (const auto& field : request) {
    const std::string_view value(field.value().data(), field.value().size());
    opinion.fields.emplace_back(std::string(field.name_string()), text::trim(value));
  }
  return opinion;
}

}  // namespace cgisrv::differential

// What a web server says, by SCGI or as pairs of FastCGI: the request that is made of it holds
// nothing that one of HTTP/1.1 could not, and its variables steer nothing.
#include <algorithm>
#include <string>

#include "fastcgi/record.h"
#include "fuzz.h"
#include "gateway/cgi_head.h"
#include "gateway/params.h"
#include "gateway/scgi_head.h"
#include "http/octets.h"
#include "http/target.h"

namespace cgisrv::fuzz {

namespace {

void check(std::span<const gateway::Param> params) {
  http::Request request;
  exchange::Gateway said;
  if (const auto refusal = gateway::read_params(params, {}, request, said)) {
    CGISRV_CHECK(refusal.status >= 400 && !refusal.reason.empty());
    return;
  }
  CGISRV_CHECK(http::is_token(request.method));
  CGISRV_CHECK(http::parse_target(request.method, request.raw_target).has_value());
  for (const auto& [name, value] : request.fields)
    CGISRV_CHECK(http::is_token(name) && http::field_bytes.has_all(value));
  CGISRV_CHECK(said.added != nullptr);
  for (const auto& [name, value] : said.added->variables)
    CGISRV_CHECK(!name.starts_with("LD_") && !name.starts_with("HTTP_") && name != "PATH" &&
                 !name.contains('=') && !value.contains('\0'));
}

}  // namespace

CGISRV_FUZZ_TARGET(gateway) {
  using State = gateway::ScgiHead::State;
  const auto head = gateway::read_scgi_head(input, 1000);
  CGISRV_CHECK((head.state == State::malformed) == !head.problem.empty());
  if (head.state == State::complete) {
    for (std::size_t size = 0; size < head.consumed; ++size)
      CGISRV_CHECK(gateway::read_scgi_head(input.substr(0, size), 1000).state == State::incomplete);
    check(head.params);
  }
  if (const auto pairs = fastcgi::read_pairs(input)) check(*pairs);
  std::string text;
  http::Response response{.reason = std::string(input)};
  response.add(input, input);
  gateway::write_cgi_head(text, response, http::Content::unsized);
  CGISRV_CHECK(text.ends_with("\r\n\r\n") && text.find("\r\n\r\n") == text.size() - 4);
}

}  // namespace cgisrv::fuzz

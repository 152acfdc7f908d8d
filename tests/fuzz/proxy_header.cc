// The PROXY protocol's header: what is read of it does not depend on how it arrives, and no byte
// after it counts.
#include "proxy/proxy_header.h"

#include "fuzz.h"

namespace cgisrv::fuzz {
using State = proxy::ProxyHeader::State;

CGISRV_FUZZ_TARGET(proxy_header) {
  const auto whole = proxy::parse_proxy_header(input);
  if (whole.state == State::malformed) CGISRV_CHECK(!whole.problem.empty() && !whole.ends);
  if (whole.state == State::incomplete) CGISRV_CHECK(whole.bytes > input.size());
  CGISRV_CHECK(whole.bytes <= proxy::header_bytes_max);
  if (whole.state != State::complete) return;
  CGISRV_CHECK(whole.bytes <= input.size());
  for (std::size_t size = 0; size < whole.bytes; ++size)
    CGISRV_CHECK(proxy::parse_proxy_header(input.substr(0, size)).state == State::incomplete);
  const auto alone = proxy::parse_proxy_header(input.substr(0, whole.bytes));
  CGISRV_CHECK(alone.state == State::complete && alone.bytes == whole.bytes);
  CGISRV_CHECK(alone.ends.has_value() == whole.ends.has_value());
  if (whole.ends) CGISRV_CHECK(alone.ends->client.ip == whole.ends->client.ip);
}

}  // namespace cgisrv::fuzz

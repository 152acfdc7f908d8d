// Single values as people write them: what was read, written again, is read as the same.
#include "base/suggest.h"
#include "base/units.h"
#include "config/value_check.h"
#include "fuzz.h"
#include "net/address.h"

namespace cgisrv::fuzz {
namespace {

void check_address(std::string_view input) {
  const auto address = net::parse_address(input);
  if (!address) {
    CGISRV_CHECK(!address.error().what.empty());
    return;
  }
  const auto again = net::parse_address(address->text());
  CGISRV_CHECK(again && again->text() == address->text());
  CGISRV_CHECK(again->port() == address->port() && again->loopback() == address->loopback());
}

void check_match(const std::string& input) {
  const auto match = config::parse_match(input);
  if (match) CGISRV_CHECK(config::format_match(*match) == input);
}

void check_units(std::string_view input) {
  if (const auto bytes = parse_size(input)) CGISRV_CHECK(parse_size(format_size(*bytes)) == bytes);
  if (const auto time = parse_duration(input))
    CGISRV_CHECK(parse_duration(format_duration(*time)) == time);
}

}  // namespace

CGISRV_FUZZ_TARGET(values) {
  check_address(input);
  check_units(input);
  if (!input.contains('\0')) check_match(std::string(input));
  config::check_server_name(std::string(input));
  config::check_media_type(std::string(input));
  config::check_variable_name(std::string(input));

  const auto half = input.substr(0, std::min<std::size_t>(input.size() / 2, 40));
  const auto other = input.substr(half.size(), 40);
  const auto distance = edit_distance(half, other);
  CGISRV_CHECK(distance == edit_distance(other, half));
  CGISRV_CHECK((distance == 0) == (half == other));
  CGISRV_CHECK(distance <= std::max(half.size(), other.size()));
}

}  // namespace cgisrv::fuzz

// Request targets, authorities and paths: taken apart they can be put together again, and a decoded
// path climbs nowhere.
#include "http/target.h"

#include "base/text.h"
#include "fuzz.h"

namespace cgisrv::fuzz {
namespace {

void check_path(std::string_view raw) {
  const auto path = http::decode_path(raw);
  if (!path) return;
  const std::string_view text = path->text;
  CGISRV_CHECK(text.starts_with('/') && path->plain <= text.size());
  CGISRV_CHECK(path->plain == text.size() || text[path->plain - 1] == '/');
  CGISRV_CHECK(!text.contains('\0') && !text.substr(0, path->plain).contains("//"));
  for (auto rest = text; !rest.empty();) {
    const auto segment = text::take_until(rest, '/');
    CGISRV_CHECK(segment != "." && segment != "..");
  }
  const auto encoded = http::encode_path(text);
  const auto again = http::decode_path(encoded);
  CGISRV_CHECK(again);
  // Past a slash that was sent as %2F the two kinds are no longer told apart.
  if (path->plain == text.size()) CGISRV_CHECK(again->text == text && again->plain == path->plain);
}

void check_target(std::string_view method, std::string_view raw) {
  const auto target = http::parse_target(method, raw);
  if (!target) return;
  CGISRV_CHECK(!target->path.contains('\\') && !target->host.contains('\\'));
  const auto tail =
      std::string(target->path) + (target->has_query ? "?" : "") + std::string(target->query);
  switch (target->form) {
    case http::TargetForm::origin:
      CGISRV_CHECK(tail == raw && target->path.starts_with('/') && target->host.empty());
      break;
    case http::TargetForm::absolute:
      CGISRV_CHECK(!target->host.empty() && target->path.starts_with('/'));
      CGISRV_CHECK(raw.ends_with(tail) || raw.ends_with(tail.substr(1)));
      break;
    case http::TargetForm::authority:
      CGISRV_CHECK(method == "CONNECT" && !target->host.empty() && target->port);
      break;
    case http::TargetForm::asterisk:
      CGISRV_CHECK(method == "OPTIONS" && raw == "*");
      break;
  }
  check_path(target->path);
}

void check_authority(std::string_view raw) {
  const auto authority = http::parse_authority(raw);
  if (!authority) return;
  CGISRV_CHECK(raw.starts_with(authority->host));
  if (!authority->port) return;
  const auto written = std::string(authority->host) + ":" + std::to_string(*authority->port);
  const auto again = http::parse_authority(written);
  CGISRV_CHECK(again && again->host == authority->host && again->port == authority->port);
}

}  // namespace

CGISRV_FUZZ_TARGET(target) {
  for (const auto* method : {"GET", "OPTIONS", "CONNECT"})
    check_target(method, input);
  check_authority(input);

  const auto encoded = http::encode_path(input);
  CGISRV_CHECK(encoded.find_first_of(" \t\r\n\"<>#?\\") == std::string::npos);
  CGISRV_CHECK(!encoded.starts_with("//"));

  // A query that stands in a Location is the same to who reads it, and to us once more.
  const auto query = http::encode_query(input);
  CGISRV_CHECK(http::encode_query(query) == query);
  CGISRV_CHECK(http::parse_target("GET", "/?" + query));
}

}  // namespace cgisrv::fuzz

// What proxies say of a client. The first byte says which lines are which fields. Nothing to the
// left of the client is believed, and an untrusted peer is believed nothing.
#include "proxy/forwarded.h"

#include "base/text.h"
#include "fuzz.h"
#include "proxy/origin.h"

namespace cgisrv::fuzz {
namespace {

using access::Peer;

constexpr std::string_view names[] = {"Forwarded",
                                      "X-Forwarded-For",
                                      "X-Forwarded-Proto",
                                      "X-Forwarded-Host",
                                      "X-Forwarded-Port",
                                      "X-Real-IP",
                                      "Via",
                                      "X-Forwarded-Any"};

access::AddressSet make_trusted() {
  access::AddressSet trusted;
  for (const auto* each : {"127.0.0.1", "10.0.0.0/8", "2001:db8::/32", "unix"})
    CGISRV_CHECK(trusted.add(each).empty());
  return trusted;
}

void check_line(std::string_view line) {
  if (const auto node = proxy::parse_node(line); node && node->ip)
    CGISRV_CHECK(access::Ip::parse(node->ip->text()) == node->ip);
  CGISRV_CHECK(proxy::parse_list(line).size() <= proxy::elements_max);
  const auto elements = proxy::parse_forwarded(line);
  if (!elements) return;
  CGISRV_CHECK(elements->size() <= proxy::elements_max);
  for (const auto& each : *elements) {
    const auto again = proxy::parse_forwarded(each.text);
    CGISRV_CHECK(again && again->size() == 1 && again->front().node == each.node);
  }
}

// By a peer that is trusted, and by one that is not.
void check_origin(const std::vector<http::FieldView>& fields) {
  static const access::AddressSet trusted = make_trusted();
  const Peer stranger = Peer::of(*access::Ip::parse("192.0.2.1"));
  const auto by_stranger = proxy::find_origin(stranger, trusted, fields);
  CGISRV_CHECK(by_stranger && by_stranger->client.ip == stranger.ip && !by_stranger->https &&
               by_stranger->host.empty() && by_stranger->fields.empty());
  const Peer far = Peer::of(*access::Ip::parse("10.0.0.1"));
  const auto by_proxy = proxy::find_origin(far, trusted, fields);
  if (!by_proxy) {
    CGISRV_CHECK(!by_proxy.error().what.contains('\n'));
    return;
  }
  CGISRV_CHECK(!by_proxy->client.is_local);
  CGISRV_CHECK(by_proxy->client.kind != Peer::Kind::ip || !by_proxy->client.ip.is_loopback());
  // The same proxy once more in front of the right end changes nothing.
  std::vector<http::FieldView> more = fields;
  bool has_list = false;
  for (const auto& field : fields)
    has_list = has_list || (field.name == names[1] && !proxy::parse_list(field.value).empty());
  const bool has_other =
      std::ranges::any_of(fields, [](const auto& field) { return field.name != names[1]; });
  if (!has_list || has_other) return;
  more.push_back({names[1], "10.0.0.2"});
  const auto farther = proxy::find_origin(far, trusted, more);
  if (farther && by_proxy->client.kind == Peer::Kind::ip && by_proxy->client.ip != far.ip)
    CGISRV_CHECK(farther->client.ip == by_proxy->client.ip);
}

}  // namespace

CGISRV_FUZZ_TARGET(forwarded) {
  std::vector<http::FieldView> fields;
  while (!input.empty() && fields.size() < 20) {
    const auto name = names[static_cast<std::uint8_t>(input.front()) % std::size(names)];
    input.remove_prefix(1);
    const auto line = text::take_until(input, '\n');
    check_line(line);
    fields.push_back({name, text::trim(line)});
  }
  check_origin(fields);
}

}  // namespace cgisrv::fuzz

#include "proxy/origin.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "base/text.h"
#include "http/host.h"
#include "http/target.h"
#include "proxy/forwarded.h"

namespace cgisrv::proxy {

namespace {

constexpr std::string_view x_for = "X-Forwarded-For";
constexpr std::string_view x_proto = "X-Forwarded-Proto";
constexpr std::string_view x_host = "X-Forwarded-Host";
constexpr std::string_view x_port = "X-Forwarded-Port";
constexpr std::string_view x_real_ip = "X-Real-IP";
constexpr std::string_view forwarded = "Forwarded";

using Fields = std::span<const http::FieldView>;

bool is(std::string_view name, std::string_view other) {
  return text::equals_ignoring_case(name, other);
}

// The items of all lines of a list, in order.
std::vector<std::string_view> items_of(Fields fields, std::string_view name) {
  std::vector<std::string_view> all;
  for (const auto& field : fields)
    if (is(field.name, name))
      for (const auto item : parse_list(field.value))
        all.push_back(item);
  return all;
}

std::unexpected<Error> unreadable(std::string_view field, std::string_view value,
                                  std::string_view wanted) {
  return fail("a trusted proxy sent {}: {}, which is not {}; correct what the proxy sets", field,
              text::escape(value, 100), wanted);
}

// Who is at the beginning of what is trusted, and how far from the right that is said.
struct Walk {
  access::Peer client;
  std::string port;
  std::size_t from_right = 0;
};

// `nodes` is not empty. `field` is where they stand.
Result<Walk> walk(const access::Peer& peer, const access::AddressSet& trusted,
                  const std::vector<std::string_view>& nodes, std::string_view field) {
  Walk at{.client = peer};
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const std::string_view text = nodes[nodes.size() - 1 - i];
    const auto node = parse_node(text.empty() ? "unknown" : text);
    if (!node) return unreadable(field, text, "an address");
    at.from_right = i;
    at.port = node->port;
    if (!node->ip) {
      at.client = {};
      return at;
    }
    const bool is_of_this_machine = at.client.is_local;
    if (node->ip->is_loopback() && !is_of_this_machine) {
      at.port.clear();
      return at;
    }
    at.client = access::Peer::of(*node->ip, node->ip->is_loopback());
    if (!trusted.contains(at.client)) return at;
  }
  return at;
}

// What one family of fields says, Forwarded or X-Forwarded-*.
struct Said {
  std::optional<Walk> walk;
  std::string_view proto, host, port;
  std::string vouched;  // the list, from the client on
};

Result<Said> said_by_forwarded(const access::Peer& peer, const access::AddressSet& trusted,
                               Fields fields, std::vector<Element>& hops) {
  for (const auto& field : fields) {
    if (!is(field.name, forwarded)) continue;
    auto elements = parse_forwarded(field.value);
    if (!elements)
      return fail(
          "a trusted proxy sent Forwarded: {}, which cannot be read: {}; correct what the "
          "proxy sets",
          text::escape(field.value, 100), elements.error().what);
    std::ranges::move(*elements, std::back_inserter(hops));
  }
  Said said;
  if (hops.empty()) return said;
  std::vector<std::string_view> nodes;
  nodes.reserve(hops.size());
  for (const Element& hop : hops)
    nodes.push_back(hop.node);
  auto found = walk(peer, trusted, nodes, forwarded);
  if (!found) return std::unexpected(found.error());
  for (std::size_t i = hops.size() - 1 - found->from_right; i < hops.size(); ++i) {
    if (said.proto.empty()) said.proto = hops[i].proto;
    if (said.host.empty()) said.host = hops[i].host;
    said.vouched.append(said.vouched.empty() ? "" : ", ").append(hops[i].text);
  }
  said.walk = std::move(*found);
  return said;
}

// The item at the client's place of a list beside X-Forwarded-For.
std::string_view beside(const std::vector<std::string_view>& items, std::size_t from_right) {
  if (items.empty()) return {};
  return items[items.size() - 1 - std::min(from_right, items.size() - 1)];
}

Result<Said> said_by_x_forwarded(const access::Peer& peer, const access::AddressSet& trusted,
                                 Fields fields) {
  Said said;
  const auto nodes = items_of(fields, x_for);
  std::size_t from_right = 0;
  if (!nodes.empty()) {
    auto found = walk(peer, trusted, nodes, x_for);
    if (!found) return std::unexpected(found.error());
    from_right = found->from_right;
    for (const std::string_view node : std::span(nodes).last(from_right + 1))
      said.vouched.append(said.vouched.empty() ? "" : ", ").append(node);
    said.walk = std::move(*found);
  }
  said.proto = beside(items_of(fields, x_proto), from_right);
  said.host = beside(items_of(fields, x_host), from_right);
  said.port = beside(items_of(fields, x_port), from_right);
  return said;
}

// What both say, or the one that says something.
Result<std::string_view> agreed(std::string_view a, std::string_view b, std::string_view part) {
  if (a.empty() || b.empty()) return a.empty() ? b : a;
  if (http::canonical_host(a) == http::canonical_host(b)) return a;
  return fail(
      "Forwarded says {0} {1}, and X-Forwarded-{2} says {3}; one of them may be the client's own, "
      "so have the proxy remove the one that it does not set",
      part, text::escape(a, 100), is(part, "proto") ? "Proto" : "Host", text::escape(b, 100));
}

// One of them has a walk.
Result<Walk> agreed(const Said& a, const Said& b) {
  if (!a.walk) return b.walk.value_or(Walk{});
  if (!b.walk) return *a.walk;
  const access::Peer& one = a.walk->client;
  const access::Peer& other = b.walk->client;
  if (one.kind == other.kind && one.ip == other.ip) return *a.walk;
  return fail(
      "Forwarded says that {} asks, and X-Forwarded-For that {} does; one of them may be the "
      "client's own, so have the proxy remove the one that it does not set",
      one.text(), other.text());
}

Result<void> read_proto(std::string_view proto, Origin& origin) {
  if (proto.empty()) return {};
  origin.https = is(proto, "https") || is(proto, "wss");
  if (*origin.https || is(proto, "http") || is(proto, "ws")) return {};
  return unreadable(x_proto, proto, "http or https");
}

Result<void> read_host(std::string_view host, Origin& origin) {
  if (host.empty()) return {};
  const auto authority = http::parse_authority(host);
  if (!authority || authority->host.empty()) return unreadable(x_host, host, "a host");
  origin.authority = host;
  origin.host = authority->host;
  origin.port = authority->port;
  return {};
}

Result<void> read_port(std::string_view text, Origin& origin) {
  if (text.empty()) return {};
  const auto port = text::parse_number<std::uint16_t>(text);
  if (port.value_or(0) == 0) return unreadable(x_port, text, "a port");
  origin.port = port;
  return {};
}

// What programs see of it. `fields`: those that speak for others.
void keep_believed(Fields fields, const Said& rfc7239, const Said& x, Origin& origin) {
  const auto add = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) origin.fields.push_back({std::string(name), std::string(value)});
  };
  add(forwarded, rfc7239.vouched);
  add(x_for, x.vouched);
  add(x_proto, x.proto);
  add(x_host, x.host);
  add(x_port, x.port);
  for (const auto& field : fields) {
    const auto is_it = [&](std::string_view name) { return is(field.name, name); };
    if (std::ranges::any_of(std::array{forwarded, x_for, x_proto, x_host, x_port}, is_it)) continue;
    // It has no list to show who set it.
    if (!is_it(x_real_ip))
      add(field.name, field.value);
    else if (origin.client.kind == access::Peer::Kind::ip)
      add(x_real_ip, origin.client.ip.text());
  }
}

}  // namespace

bool speaks_for_others(std::string_view field_name) {
  if (field_name.empty() || !std::string_view("XxFf").contains(field_name.front())) return false;
  constexpr std::string_view prefix = "X-Forwarded-";
  return is(field_name.substr(0, prefix.size()), prefix) || is(field_name, forwarded) ||
         is(field_name, x_real_ip);
}

bool shows_proxy(Fields fields) {
  return std::ranges::any_of(fields, [](const http::FieldView& field) {
    return speaks_for_others(field.name) || is(field.name, "Via");
  });
}

Result<Origin> find_origin(const access::Peer& peer, const access::AddressSet& trusted,
                           Fields fields) {
  Origin origin{.client = peer};
  if (!trusted.contains(peer)) {
    origin.client.is_local = peer.is_local && !shows_proxy(fields);
    return origin;
  }
  std::vector<http::FieldView> spoken;
  std::ranges::copy_if(fields, std::back_inserter(spoken),
                       [](const http::FieldView& field) { return speaks_for_others(field.name); });
  if (spoken.empty() && !shows_proxy(fields)) return origin;
  fields = spoken;
  std::vector<Element> hops;
  const auto rfc7239 = said_by_forwarded(peer, trusted, fields, hops);
  if (!rfc7239) return std::unexpected(rfc7239.error());
  const auto x = said_by_x_forwarded(peer, trusted, fields);
  if (!x) return std::unexpected(x.error());
  origin.by_proxy = true;
  if (rfc7239->walk || x->walk) {
    auto found = agreed(*rfc7239, *x);
    if (!found) return std::unexpected(found.error());
    origin.client = found->client;
    origin.client_port = std::move(found->port);
  } else {
    origin.client = {};
  }
  const auto proto = agreed(rfc7239->proto, x->proto, "proto");
  const auto host = agreed(rfc7239->host, x->host, "host");
  for (const auto* const said : {&proto, &host})
    if (!*said) return std::unexpected(said->error());
  for (const auto& read :
       {read_proto(*proto, origin), read_host(*host, origin), read_port(x->port, origin)})
    if (!read) return std::unexpected(read.error());
  keep_believed(fields, *rfc7239, *x, origin);
  return origin;
}

}  // namespace cgisrv::proxy

#include "access/address_set.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/text.h"

namespace cgisrv::access {

namespace {

constexpr unsigned ip_bits = 128;
constexpr unsigned mapped_bits = 96;  // before an IPv4 address

// `ip` without its bits after the first `bits`.
Ip begin_of(const Ip& ip, unsigned bits) {
  Ip::Bytes bytes = ip.bytes();
  for (unsigned i = 0; i < bytes.size(); ++i) {
    const unsigned kept = std::clamp(bits, i * 8, i * 8 + 8) - i * 8;
    bytes[i] &= static_cast<std::uint8_t>(0xff << (8 - kept));
  }
  return Ip(bytes);
}

std::unexpected<Error> no_network(std::string_view text) {
  return fail(
      "\"{}\" is no address or network; write \"192.0.2.7\", \"192.0.2.0/24\" or "
      "\"2001:db8::/32\"; names are not looked up",
      text::escape(text, 100));
}

}  // namespace

Result<Network> Network::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto ip = Ip::parse(text.substr(0, slash));
  if (!ip) return no_network(text);
  Network made;
  made.first_ = *ip;
  made.bits_ = ip_bits;
  if (slash == text.npos) return made;
  // "::ffff:192.0.2.0/120" counts its bits as an IPv6 network does.
  const bool counts_32 = ip->is_v4() && !text.substr(0, slash).contains(':');
  const unsigned most = counts_32 ? ip_bits - mapped_bits : ip_bits;
  const auto bits = text::parse_number<unsigned>(text.substr(slash + 1));
  if (!bits || *bits > most)
    return fail(
        "\"{}\": write the length of the network as a number of bits from 0 to {}, as in {}",
        text::escape(text, 100), most, counts_32 ? "\"192.0.2.0/24\"" : "\"2001:db8::/32\"");
  made.bits_ = counts_32 ? *bits + mapped_bits : *bits;
  made.first_ = begin_of(*ip, made.bits_);
  if (made.first_ == *ip) return made;
  // Without the bits of "::ffff:", it would no longer be one of IPv4.
  if (made.bits_ < mapped_bits && ip->is_v4()) return no_network(text);
  return fail(
      "\"{}\" has bits beyond its first {}; write \"{}/{}\" for the network, or \"{}\" alone", text,
      *bits, made.first_.text(), ip->is_v4() ? made.bits_ - mapped_bits : made.bits_, ip->text());
}

bool Network::contains(const Ip& ip) const {
  const std::size_t whole = bits_ / 8;
  const unsigned rest = bits_ % 8;
  return std::equal(first_.bytes().begin(), first_.bytes().begin() + whole, ip.bytes().begin()) &&
         (rest == 0 || (ip.bytes()[whole] ^ first_.bytes()[whole]) >> (8 - rest) == 0) &&
         ip.is_v4() == first_.is_v4();
}

bool Network::covers(const Network& other) const {
  return bits_ <= other.bits_ && contains(other.first_);
}

std::string AddressSet::add(const std::string& text) {
  if (text == "local") {
    local_ = true;
  } else if (text == "unix") {
    unix_ = true;
  } else if (text == "all") {
    all_ = true;
  } else if (text == "localhost") {
    return "\"localhost\" is no address, and names are not looked up; did you mean \"local\"?";
  } else if (auto network = Network::parse(text)) {
    networks_.push_back(*network);
  } else {
    return network.error().what;
  }
  texts_.push_back(text);
  return {};
}

bool AddressSet::contains(const Peer& peer) const {
  if (all_ || (local_ && peer.is_local)) return true;
  if (peer.kind == Peer::Kind::unix_socket) return unix_;
  return peer.kind == Peer::Kind::ip && std::ranges::any_of(networks_, [&](const Network& each) {
           return each.contains(peer.ip);
         });
}

bool AddressSet::covers(const AddressSet& other) const {
  if (all_) return true;
  const auto is_covered = [&](const Network& network) {
    return std::ranges::any_of(networks_, [&](const Network& own) { return own.covers(network); });
  };
  return !other.all_ && (local_ || !other.local_) && (unix_ || !other.unix_) &&
         std::ranges::all_of(other.networks_, is_covered);
}

bool AddressSet::has(std::string_view text) const {
  return std::ranges::find(texts_, text) != texts_.end();
}

std::string AddressSet::text() const {
  return fmt::format("{}", texts_);
}

}  // namespace cgisrv::access

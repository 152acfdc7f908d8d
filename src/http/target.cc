#include "http/target.h"

#include <arpa/inet.h>

#include <algorithm>

#include "base/text.h"
#include "http/octets.h"

namespace cgisrv::http {
namespace {

using text::equals_ignoring_case;

// Sets path and query from `rest`, which begins with the path. False for a path that two readers
// may read differently.
bool split_query(std::string_view rest, Target& target) {
  target.has_query = rest.contains('?');
  target.path = text::take_until(rest, '?');
  target.query = rest;
  return !target.path.contains('\\');
}

bool set_authority(std::string_view raw, Target& target) {
  const auto authority = parse_authority(raw);
  if (!authority || authority->host.empty()) return false;
  target.host = authority->host;
  target.port = authority->port;
  return true;
}

std::optional<Target> parse_absolute(std::string_view raw) {
  Target target{.form = TargetForm::absolute};
  target.scheme = text::take_until(raw, ':');
  if (!equals_ignoring_case(target.scheme, "http") && !equals_ignoring_case(target.scheme, "https"))
    return {};
  if (!raw.starts_with("//")) return {};
  raw.remove_prefix(2);
  const auto end = std::min(raw.find_first_of("/?"), raw.size());
  if (!set_authority(raw.substr(0, end), target)) return {};
  if (!split_query(raw.substr(end), target)) return {};
  if (target.path.empty()) target.path = "/";
  return target;
}

bool is_ipv6(std::string_view s) {
  char terminated[INET6_ADDRSTRLEN] = {};
  in6_addr address;
  if (s.size() >= sizeof terminated) return false;
  std::ranges::copy(s, terminated);
  return inet_pton(AF_INET6, terminated, &address) == 1;
}

bool is_dot_segment(std::string_view s) {
  return s == "." || s == "..";
}

// Appends `segment`, decoded. False if an escape is broken or means NUL.
bool append_decoded(std::string& out, std::string_view segment) {
  while (true) {
    const auto percent = segment.find('%');
    out.append(segment.substr(0, percent));
    if (percent == std::string_view::npos) return true;
    segment.remove_prefix(percent + 1);
    if (segment.size() < 2) return false;
    const int high = text::hex_value(segment[0]);
    const int low = text::hex_value(segment[1]);
    if (high < 0 || low < 0 || high + low == 0) return false;
    out.push_back(static_cast<char>(high * 16 + low));
    segment.remove_prefix(2);
  }
}

bool has_dot_segment(std::string_view decoded) {
  while (!decoded.empty()) {
    if (is_dot_segment(text::take_until(decoded, '/'))) return true;
  }
  return false;
}

}  // namespace

std::optional<Target> parse_target(std::string_view method, std::string_view raw) {
  if (raw.empty() || !target_bytes.has_all(raw)) return {};
  if (method == "CONNECT") {
    Target target{.form = TargetForm::authority};
    return set_authority(raw, target) && target.port ? std::optional(target) : std::nullopt;
  }
  if (raw == "*") {
    return method == "OPTIONS" ? std::optional(Target{.form = TargetForm::asterisk}) : std::nullopt;
  }
  if (raw[0] != '/') return parse_absolute(raw);
  Target target;
  return split_query(raw, target) ? std::optional(target) : std::nullopt;
}

std::optional<Authority> parse_authority(std::string_view raw) {
  Authority authority;
  if (raw.starts_with('[')) {
    const auto close = raw.find(']');
    if (close == std::string_view::npos || !is_ipv6(raw.substr(1, close - 1))) return {};
    authority.host = raw.substr(0, close + 1);
  } else {
    authority.host = raw.substr(0, raw.find(':'));
    if (!host_bytes.has_all(authority.host)) return {};
  }
  raw.remove_prefix(authority.host.size());
  if (raw.empty()) return authority;
  if (authority.host.empty() || raw[0] != ':') return {};
  raw.remove_prefix(1);
  if (raw.empty()) return authority;  // RFC 3986 section 3.2.3 allows "host:"
  authority.port = text::parse_number<std::uint16_t>(raw);
  if (!authority.port) return {};
  return authority;
}

std::optional<Path> decode_path(std::string_view raw) {
  if (!raw.starts_with('/')) return {};
  raw.remove_prefix(1);
  std::string text = "/";  // ends in a slash at the start of each turn
  auto plain = std::string::npos;
  for (bool last = false; !last;) {
    last = !raw.contains('/');
    const auto segment = text::take_until(raw, '/');
    if (segment.empty() || segment == ".") continue;
    if (segment == "..") {
      // After a %2F it is unclear which segment it would remove.
      if (text.size() == 1 || plain != std::string::npos) return {};
      text.resize(text.rfind('/', text.size() - 2) + 1);
      continue;
    }
    const auto begin = text.size();
    if (!append_decoded(text, segment)) return {};
    const auto decoded = std::string_view(text).substr(begin);
    if (has_dot_segment(decoded)) return {};
    if (decoded.contains('/')) plain = std::min(plain, begin);
    if (!last) text.push_back('/');
  }
  plain = std::min(plain, text.size());
  return Path{std::move(text), plain};
}

Path plain_path(std::string text) {
  const std::size_t size = text.size();
  return {std::move(text), size};
}

Path with_all_slashes(const Path& path) {
  std::string text;
  for (const char c : path.text)
    if (c != '/' || !text.ends_with('/')) text.push_back(c);
  return plain_path(std::move(text));
}

std::string encode(std::string_view text, const ByteSet& plain) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (plain.has(c))
      out.push_back(c);
    else
      out.append({'%', digits[byte >> 4], digits[byte & 15]});
  }
  return out;
}

std::string encode_path(std::string_view path) {
  if (!path.starts_with("//")) return encode(path, path_bytes);
  return "/%2F" + encode(path.substr(2), path_bytes);
}

std::string encode_query(std::string_view query) {
  return encode(query, query_bytes);
}

}  // namespace cgisrv::http

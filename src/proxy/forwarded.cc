#include "proxy/forwarded.h"

#include <algorithm>

#include "base/text.h"

namespace cgisrv::proxy {

namespace {

bool is_token_char(char c) {
  constexpr std::string_view others = "!#$%&'*+-.^_`|~";
  return text::is_alpha(c) || text::is_digit(c) || others.contains(c);
}

bool is_port(std::string_view text) {
  const auto is_hidden_char = [](char c) {
    return text::is_alpha(c) || text::is_digit(c) || c == '.' || c == '_' || c == '-';
  };
  if (text.starts_with('_')) return text.size() > 1 && std::ranges::all_of(text, is_hidden_char);
  return !text.empty() && text.size() <= 5 && std::ranges::all_of(text, text::is_digit);
}

bool is_hidden(std::string_view text) {
  return text::equals_ignoring_case(text, "unknown") || (text.starts_with('_') && is_port(text));
}

// Reads one line of Forwarded from left to right.
class Reader {
 public:
  explicit Reader(std::string_view line) : rest_(line) {}

  Result<std::vector<Element>> elements() {
    std::vector<Element> found;
    for (skip_empty(); !rest_.empty(); skip_empty()) {
      if (found.size() == elements_max) return fail("it has more than {} elements", elements_max);
      const std::string_view begin = rest_;
      Element element;
      if (const auto read = read_element(element); !read) return std::unexpected(read.error());
      element.text = text::trim(begin.substr(0, begin.size() - rest_.size()));
      found.push_back(std::move(element));
      if (!rest_.empty() && rest_.front() != ',') return fail("a comma was expected after a value");
    }
    return found;
  }

 private:
  void skip_space() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t'))
      rest_.remove_prefix(1);
  }
  // RFC 9110 section 5.6.1: a list may have empty elements.
  void skip_empty() {
    for (skip_space(); !rest_.empty() && rest_.front() == ','; skip_space())
      rest_.remove_prefix(1);
  }

  Result<void> read_element(Element& element) {
    while (true) {
      if (const auto read = read_pair(element); !read) return read;
      skip_space();
      if (rest_.empty() || rest_.front() != ';') return {};
      rest_.remove_prefix(1);
      skip_space();
      if (rest_.empty() || rest_.front() == ',') return {};  // nothing after the semicolon
    }
  }

  Result<void> read_pair(Element& element) {
    const std::string_view name = read_token();
    if (name.empty() || rest_.empty() || rest_.front() != '=')
      return fail("name=value was expected");
    rest_.remove_prefix(1);
    std::string value;
    if (!rest_.empty() && rest_.front() == '"') {
      if (!read_quoted(value)) return fail("a quoted text does not end");
    } else {
      value = read_value();
      if (value.empty()) return fail("a value was expected after \"{}=\"", text::escape(name));
    }
    return keep(element, name, std::move(value));
  }

  // RFC 7239 section 4: each name at most once.
  static Result<void> keep(Element& element, std::string_view name, std::string value) {
    const auto is = [name](std::string_view other) {
      return text::equals_ignoring_case(name, other);
    };
    std::string* const target = is("for")     ? &element.node
                                : is("host")  ? &element.host
                                : is("proto") ? &element.proto
                                              : nullptr;
    if (target == nullptr) return {};
    if (!target->empty()) return fail("\"{}\" is said twice of one hop", text::escape(name));
    if (value.empty()) return fail("\"{}\" has no value", text::escape(name));
    *target = std::move(value);
    return {};
  }

  std::string_view read_token() {
    const auto end = std::ranges::find_if_not(rest_, is_token_char);
    const auto token = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
    rest_.remove_prefix(token.size());
    return token;
  }

  // A token by the RFC. Many proxies leave the quotes away where they have to be, as around
  // "192.0.2.1:4711"; what ends a value is clear all the same.
  std::string_view read_value() {
    const auto value = rest_.substr(0, std::min(rest_.find_first_of(" \t,;\""), rest_.size()));
    rest_.remove_prefix(value.size());
    return value;
  }

  bool read_quoted(std::string& value) {
    for (rest_.remove_prefix(1); !rest_.empty(); rest_.remove_prefix(1)) {
      if (rest_.front() == '"') {
        rest_.remove_prefix(1);
        return true;
      }
      if (rest_.front() == '\\') {
        rest_.remove_prefix(1);
        if (rest_.empty()) return false;
      }
      value.push_back(rest_.front());
    }
    return false;
  }

  std::string_view rest_;
};

}  // namespace

std::optional<Node> parse_node(std::string_view text) {
  if (const auto ip = access::Ip::parse(text)) return Node{.ip = ip, .port = {}};
  std::string_view name = text;
  std::string_view port;
  const auto bracket = text.starts_with('[') ? text.find(']') : text.npos;
  const auto colon = text.find(':', bracket == text.npos ? 0 : bracket);
  if (colon != text.npos) {
    name = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (!is_port(port)) return {};
  }
  if (is_hidden(name)) return Node{.ip = {}, .port = std::string(port)};
  if (bracket != text.npos && name.ends_with(']')) {
    name = name.substr(1, name.size() - 2);
    if (!name.contains(':')) return {};
  } else if (name.contains('[')) {
    return {};
  }
  const auto ip = access::Ip::parse(name);
  if (!ip) return {};
  return Node{.ip = ip, .port = std::string(port)};
}

Result<std::vector<Element>> parse_forwarded(std::string_view line) {
  return Reader(line).elements();
}

std::vector<std::string_view> parse_list(std::string_view line) {
  std::vector<std::string_view> items;
  while (!line.empty())
    if (const auto item = text::trim(text::take_until(line, ',')); !item.empty())
      items.push_back(item);
  if (items.size() > elements_max)
    items.erase(items.begin(), items.end() - static_cast<std::ptrdiff_t>(elements_max));
  return items;
}

}  // namespace cgisrv::proxy

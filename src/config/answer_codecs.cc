#include "config/answer_codecs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/text.h"
#include "base/units.h"
#include "config/value_check.h"
#include "http/octets.h"
#include "http/target.h"

namespace cgisrv::config {

namespace {

using namespace std::string_view_literals;

// What delimits a message or concerns one connection is the protocol's: RFC 9110 section 7.6.1.
// The date is the server's duty: section 6.6.1.
constexpr std::array protocol_fields = {
    "Connection"sv,
    "Content-Length"sv,
    "Content-Range"sv,
    "Date"sv,
    "Keep-Alive"sv,
    "TE"sv,
    "Trailer"sv,
    "Upgrade"sv,
    "Status"sv,
    "Proxy-Connection"sv,
    "Transfer-Encoding"sv,
    "X-Sendfile"sv,
};

std::string check_answer_field(const std::string& name) {
  if (!http::is_token(name))
    return fmt::format("\"{}\" is no name of a field; write one such as \"X-Frame-Options\"",
                       text::escape(name, 60));
  const auto is_it = [&](std::string_view field) {
    return text::equals_ignoring_case(field, name);
  };
  if (std::ranges::any_of(protocol_fields, is_it))
    return fmt::format("{} is the protocol's or the server's own; remove it", name);
  if (text::equals_ignoring_case(name, "Content-Type"))
    return "Content-Type is said by 'types' and 'charset' for files, and by programs themselves; "
           "remove it";
  return {};
}

void forget(std::vector<FieldRule>& rules, std::string_view name) {
  std::erase_if(rules,
                [&](const FieldRule& rule) { return text::equals_ignoring_case(rule.name, name); });
}

void parse_field_value(const Reading& reading, const Value& value, FieldRule rule,
                       std::vector<FieldRule>& rules) {
  const auto* found = reading.text(value);
  if (found == nullptr) return;
  if (found->empty())
    reading.fault(value.at, "a field with no value says nothing; to remove a field, write false");
  rule.value = *found;  // bytes from 0x80 too, as other servers send them
  rules.push_back(std::move(rule));
}

void parse_field(const Reading& reading, const KeyValue& entry, std::vector<FieldRule>& rules) {
  reading.fault(entry.at, check_answer_field(entry.key));
  using Kind = FieldRule::Kind;
  const Value* const added = entry.value.find("add");
  if (added != nullptr && entry.value.as<Value::Table>()->size() == 1)
    return parse_field_value(reading, *added, {Kind::add, entry.key, {}}, rules);
  forget(rules, entry.key);
  if (const auto* kept = entry.value.as<bool>(); kept != nullptr && !*kept)
    return rules.push_back({Kind::remove, entry.key, {}});
  if (entry.value.as<std::string>() != nullptr)
    return parse_field_value(reading, entry.value, {Kind::set, entry.key, {}}, rules);
  reading.faults.add(entry.value.at,
                     "'{}': {} must be a text, false to remove the field, or {{ add = \"text\" }}; "
                     "it is {}",
                     reading.key, entry.key, entry.value.describe());
}

}  // namespace

Codec<std::vector<FieldRule>> field_rules() {
  return {{"table", "", "a table such as { \"X-Frame-Options\" = \"DENY\" }"},
          [](const Reading& reading, const Value& value, std::vector<FieldRule>& target) {
            for (const KeyValue& entry : reading.entries(value))
              parse_field(reading, entry, target);
          }};
}

// ---- how long files may be kept

namespace {

constexpr std::uint64_t cache_ms_max = 3650ULL * 24 * 3600 * 1000;

std::optional<std::chrono::milliseconds> parse_age(const Reading& reading, const Value& value) {
  const auto* text = value.as<std::string>();
  if (text != nullptr && *text == "no-store") return CacheRule::no_store;
  const auto found = text == nullptr ? std::nullopt : parse_duration(*text);
  if (found && *found <= cache_ms_max && *found % 1000 == 0)
    return std::chrono::milliseconds(*found);
  reading.faults.add(value.at,
                     "'{}' must be a duration in whole seconds such as \"1h\", up to \"3650d\", or "
                     "\"no-store\", or a table of these by type; it is {}",
                     reading.key, value.describe());
  return std::nullopt;
}

// "text/css", "image/*" or "*".
std::string check_type_pattern(const std::string& pattern) {
  if (pattern == "*") return {};
  const auto slash = pattern.find('/');
  if (slash != pattern.npos && http::is_token(pattern.substr(0, slash)) &&
      http::is_token(pattern.substr(slash + 1)))
    return {};
  return fmt::format("\"{}\" is no type; write one such as \"text/css\", \"image/*\" or \"*\"",
                     text::escape(pattern, 60));
}

}  // namespace

Codec<std::vector<CacheRule>> cache_rules() {
  return {{"duration, or table of these", "`\"0s\"` to `\"3650d\"`, `\"no-store\"`",
           "a duration such as \"1h\", \"no-store\", or a table of these by type"},
          [](const Reading& reading, const Value& value, std::vector<CacheRule>& target) {
            target.clear();
            const auto* entries = value.as<Value::Table>();
            if (entries == nullptr) {
              if (const auto age = parse_age(reading, value)) target.push_back({"*", *age});
              return;
            }
            for (const KeyValue& entry : *entries) {
              reading.fault(entry.at, check_type_pattern(entry.key));
              if (const auto age = parse_age(reading, entry.value))
                target.push_back({entry.key, *age});
            }
          }};
}

// ---- pages for failures

namespace {

// "404" or "500-599".
std::optional<std::pair<int, int>> parse_statuses(std::string_view text) {
  const auto status = [](std::string_view digits) {
    const unsigned number = text::parse_number<unsigned>(digits).value_or(0);
    return digits.size() == 3 && number >= 400 && number <= 599 ? static_cast<int>(number) : 0;
  };
  const auto dash = text.find('-');
  const int first = status(text.substr(0, dash));
  const int last = dash == text.npos ? first : status(text.substr(dash + 1));
  if (first == 0 || last < first) return std::nullopt;
  return std::pair(first, last);
}

std::string check_error_path(const std::string& path) {
  const auto target = path.starts_with('/') ? http::parse_target("GET", path) : std::nullopt;
  if (target && http::decode_path(target->path)) return {};
  return fmt::format("\"{}\" is no path of this site; write one such as \"/errors/404.html\"",
                     text::escape(path, 60));
}

void parse_error_page(const Reading& reading, const KeyValue& entry,
                      std::vector<ErrorPage>& pages) {
  const auto statuses = parse_statuses(entry.key);
  if (!statuses)
    reading.faults.add(entry.at,
                       "'{}': \"{}\" is no failure's status; write one from 400 to 599, or a range "
                       "such as 500-599",
                       reading.key, text::escape(entry.key, 60));
  ErrorPage page;
  if (const auto* own = entry.value.as<bool>(); own == nullptr || *own) {
    const auto* path = reading.text(entry.value);
    if (path == nullptr) return;
    reading.fault(entry.value.at, check_error_path(*path));
    page.path = *path;
  }
  if (statuses) std::tie(page.first, page.last) = *statuses;
  pages.push_back(std::move(page));
}

}  // namespace

Codec<std::vector<ErrorPage>> error_pages() {
  return {{"table of paths", "400 to 599", "a path in quotes, or false for the server's own page"},
          [](const Reading& reading, const Value& value, std::vector<ErrorPage>& target) {
            const auto* entries = value.as<Value::Table>();
            if (entries == nullptr) {
              reading.faults.add(value.at,
                                 "'{}' must be a table such as {{ 404 = \"/missing.html\", 500-599 "
                                 "= \"/sorry.cgi\" }}; it is {}",
                                 reading.key, value.describe());
              return;
            }
            std::vector<ErrorPage> pages;
            for (const KeyValue& entry : *entries)
              parse_error_page(reading, entry, pages);
            // One status goes before the range that holds it; a location before its site.
            std::ranges::stable_sort(pages, {},
                                     [](const ErrorPage& page) { return page.last - page.first; });
            target.insert(target.begin(), pages.begin(), pages.end());
          }};
}

// ---- types

namespace {

std::string check_ending(const std::string& ending) {
  const bool is_one = ending.size() > 1 && ending.starts_with('.') && !ending.contains('/');
  if (is_one || ending == "*") return {};
  return fmt::format(
      "\"{}\" is no ending; write one such as \".log\", or \"*\" for those that "
      "nobody knows",
      text::escape(ending, 60));
}

}  // namespace

Codec<TypeRules> types() {
  return {{"table of texts", "", "a table of texts, such as { \".log\" = \"text/plain\" }"},
          [](const Reading& reading, const Value& value, TypeRules& target) {
            for (const KeyValue& entry : reading.entries(value)) {
              reading.fault(entry.at, check_ending(entry.key));
              const auto* type = reading.text(entry.value);
              if (type == nullptr) continue;
              reading.fault(entry.value.at, check_media_type(*type));
              if (entry.key == "*") {
                target.other = *type;
                continue;
              }
              std::string ending = entry.key;
              std::ranges::transform(ending, ending.begin(), text::lower);
              std::erase_if(target.by_ending,
                            [&](const auto& rule) { return rule.first == ending; });
              target.by_ending.emplace_back(ending, *type);
            }
          }};
}

}  // namespace cgisrv::config

#include "config/codec.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "base/suggest.h"
#include "base/text.h"
#include "base/units.h"
#include "cgi/environment.h"
#include "config/value_check.h"
#include "http/host.h"
#include "http/target.h"

namespace cgisrv::config {

namespace {

// "true" where true is meant, and "8" where 8 is.
bool is_quoted_by_mistake(std::string_view text, std::string_view expectation) {
  if (expectation.starts_with("a whole number"))
    return !text.empty() && std::ranges::all_of(text, text::is_digit);
  return (text == "true" || text == "false") && expectation.contains(text);
}

std::string in_quotes(std::string_view text) {
  return fmt::format("\"{}\"", text);
}

constexpr std::string_view automatic_text = "auto";
constexpr std::string_view bounded_text = "auto up to ";

std::string shown(const std::string& text) {
  return text.empty() ? "" : in_quotes(text);
}

}  // namespace

// ---- reading

void Reading::wrong(const Value& value, std::span<const std::string_view> words) const {
  const auto* text = value.as<std::string>();
  if (text != nullptr && is_quoted_by_mistake(*text, expectation))
    return faults.add(value.at, "'{}' must be {}; write {} without quotes", key, expectation,
                      *text);
  if (text != nullptr && expectation.starts_with("a list"))
    return wrong_but(value, fmt::format("; write [\"{}\"]", text::escape(*text, 60)));
  if (const auto* integer = value.as<std::int64_t>(); integer && expectation == "a text in quotes")
    return wrong_but(value, fmt::format("; write \"{}\"", *integer));
  const auto meant = text == nullptr ? std::nullopt : nearest(*text, words);
  wrong_but(value, meant ? fmt::format("; did you mean \"{}\"?", *meant) : "");
}

void Reading::wrong_but(const Value& value, std::string_view remedy) const {
  faults.add(value.at, "'{}' must be {}; it is {}{}", key, expectation, value.describe(), remedy);
}

void Reading::fault(const Position& at, const std::string& problem) const {
  if (!problem.empty()) faults.add(at, "'{}': {}", key, problem);
}

const std::string* Reading::text(const Value& value) const {
  const auto* text = value.as<std::string>();
  if (text == nullptr) {
    wrong(value);
  } else if (text::has_controls(*text)) {
    faults.add(value.at, "'{}' may not hold control characters such as a line break", key);
    return nullptr;
  }
  return text;
}

std::span<const KeyValue> Reading::entries(const Value& value) const {
  if (const auto* table = value.as<Value::Table>()) return *table;
  wrong(value);
  return {};
}

std::span<const Value> Reading::items(const Value& value) const {
  if (const auto* list = value.as<Value::List>()) return *list;
  wrong(value);
  return {};
}

// ---- true or false

Codec<bool> boolean() {
  return {{"true or false", "", "true or false"},
          [](const Reading& reading, const Value& value, bool& target) {
            if (const auto* found = value.as<bool>())
              target = *found;
            else
              reading.wrong_but(value, value.find("certificate") == nullptr
                                           ? ""
                                           : "; the certificate stands in the [[site]]");
          },
          [](bool value) { return value ? "true" : "false"; }};
}

// ---- numbers

std::optional<std::uint64_t> Number::parse(const Reading& reading, const Value& value) const {
  std::optional<std::uint64_t> number;
  if (const auto* text = value.as<std::string>()) {
    if (!text->empty() && *text == word.text) return word.value;
    if (parse_text != nullptr) number = parse_text(*text);
  } else if (const auto* integer = value.as<std::int64_t>()) {
    if (*integer >= 0 && is_plain) number = *integer;
  }
  if (number && *number >= range.min && *number <= range.max) return number;
  const std::string meant = meant_by(value);
  if (meant.empty())
    reading.wrong(value);
  else
    reading.wrong_but(value, fmt::format("; write \"{}\"", meant));
  return {};
}

std::string Number::meant_by(const Value& value) const {
  if (parse_text == nullptr) return {};
  std::string written;
  if (const auto* integer = value.as<std::int64_t>()) written = fmt::format("{}", *integer);
  if (const auto* text = value.as<std::string>()) written = in_small_letters(*text);
  std::erase(written, ' ');
  constexpr std::string_view endless[] = {"0",   "0s",   "-1",    "-1s",      "no",
                                          "off", "none", "never", "infinity", "infinite"};
  if (word.text == "unlimited" && std::ranges::find(endless, written) != std::end(endless))
    return std::string(word.text);
  // "60 seconds", "1min", "20 MB", and a bare number of seconds.
  const auto unit_at = std::min(written.find_first_not_of("0123456789"), written.size());
  const bool is_in_ms =
      written.substr(unit_at).starts_with("ms") || written.substr(unit_at).starts_with("milli");
  if (!is_plain && unit_at == written.size()) written += 's';
  written.resize(std::min(written.size(), unit_at + (is_in_ms && !is_plain ? 2 : 1)));
  if (is_in_ms && !is_plain) written.back() = 's';
  const auto number = parse_text(written);
  return number && *number >= range.min && *number <= range.max ? written : std::string();
}

std::string Number::format(std::uint64_t number) const {
  if (!word.text.empty() && number == word.value) return in_quotes(word.text);
  return format_text == nullptr ? fmt::format("{}", number) : in_quotes(format_text(number));
}

std::string Number::range_text() const {
  return fmt::format("{} to {}{}{}{}", format(range.min), format(range.max),
                     unit.empty() ? "" : " ", unit,
                     word.text.empty() ? "" : fmt::format(", \"{}\"", word.text));
}

Number integer(Range range, std::string_view unit, Word word) {
  return {"whole number", "a whole number", range, word, unit, nullptr, nullptr};
}

Number size(Range range, Word word) {
  return {"size", "a size such as \"10m\"", range, word, {}, parse_size, format_size};
}

Number duration(Range range, Word word) {
  return {
      "duration", "a duration such as \"10s\"", range, word, {}, parse_duration, format_duration,
      false};
}

Codec<std::optional<std::uint64_t>> whole_seconds(Range range, Word word) {
  const Number milliseconds = duration(range, word);
  Codec<std::optional<std::uint64_t>> codec = milliseconds;
  codec.parse = [milliseconds](const Reading& reading, const Value& value, auto& target) {
    const auto found = milliseconds.parse(reading, value);
    if (found) target = *found == milliseconds.word.value ? *found : (*found + 999) / 1000;
  };
  codec.format = [milliseconds](const auto& seconds) {
    if (!seconds) return std::string();
    return milliseconds.format(*seconds == milliseconds.word.value ? *seconds : *seconds * 1000);
  };
  return codec;
}

Codec<admission::MaxRunning> max_running(Range range) {
  using admission::MaxRunning;
  const Number number = integer(range, "processes", {automatic_text, 0});
  const std::string range_text = number.range_text() + ", \"auto up to 64\"";
  return {
      {"whole number, or choice", range_text, "a whole number: " + range_text},
      [number, range](const Reading& reading, const Value& value, MaxRunning& target) {
        const auto* text = value.as<std::string>();
        if (text != nullptr && text->starts_with(bounded_text)) {
          const auto most = text::parse_number<std::uint64_t>(
              std::string_view(*text).substr(bounded_text.size()));
          if (!most || *most < range.min || *most > range.max) return reading.wrong(value);
          target = MaxRunning{static_cast<unsigned>(*most), true};
        } else if (const auto found = number.parse(reading, value)) {
          target = *found == 0 ? MaxRunning{} : MaxRunning{static_cast<unsigned>(*found), false};
        }
      },
      [](const MaxRunning& value) {
        if (!value.automatic) return fmt::format("{}", value.most);
        if (value == MaxRunning{}) return in_quotes(automatic_text);
        return in_quotes(fmt::format("{}{}", bounded_text, value.most));
      }};
}

// ---- choices

std::optional<std::size_t> Choice::parse(const Reading& reading, const Value& value) const {
  const auto* found = value.as<std::string>();
  const auto at = found == nullptr ? words.end() : std::ranges::find(words, *found);
  if (at != words.end()) return static_cast<std::size_t>(at - words.begin());
  const auto known = found != nullptr && advice != nullptr ? advice(*found) : std::string_view();
  if (known.empty())
    reading.wrong(value, words);
  else
    reading.fault(value.at, fmt::format("there is no \"{}\" here; {}", *found, known));
  return {};
}

std::string Choice::range_text() const {
  return fmt::format("\"{}\"", fmt::join(words, "\", \""));
}

Choice choice(std::initializer_list<std::string_view> words,
              std::string_view (*advice)(std::string_view word)) {
  return {words, advice};
}

// ---- texts

Codec<std::string> text(Check check) {
  return {{"text", "", "a text in quotes"},
          [check](const Reading& reading, const Value& value, std::string& target) {
            const auto* found = reading.text(value);
            if (found == nullptr) return;
            target = *found;
            if (check != nullptr) reading.fault(value.at, check(target));
          },
          shown};
}

Codec<std::string> path(Check check, std::vector<std::string_view> words) {
  return {{"path", "", "a path in quotes"},
          [check, words = std::move(words)](const Reading& reading, const Value& value,
                                            std::string& target) {
            const auto* found = reading.text(value);
            if (found == nullptr) return;
            target = *found;
            if (std::ranges::find(words, *found) != words.end()) return;
            if (found->empty()) return reading.wrong(value);
            target = absolute_path(reading.folder, *found);
            if (check != nullptr) reading.fault(value.at, check(target));
          },
          shown};
}

namespace {

Codec<std::vector<std::string>> list_of(const Codec<std::string>& item, Kind kind) {
  return {std::move(kind),
          [parse = item.parse](const Reading& reading, const Value& value,
                               std::vector<std::string>& target) {
            target.clear();
            for (const Value& each : reading.items(value))
              parse(reading, each, target.emplace_back());
          },
          [](const std::vector<std::string>& value) {
            return value.empty() ? "" : fmt::format("{}", value);
          }};
}

}  // namespace

Codec<std::vector<std::string>> list(Check check) {
  return list_of(text(check), {"list of texts", "", "a list of texts, such as [\"one\", \"two\"]"});
}

Codec<std::vector<std::string>> directories() {
  return list_of(path(check_directory),
                 {"list of paths", "", "a list of directories, such as [\"/srv/files\"]"});
}

Codec<std::vector<std::string>> program_places() {
  return list_of(path(check_program_place),
                 {"list of paths", "",
                  "a list of programs or folders of them, such as [\"/usr/lib/cgi-bin/\"]"});
}

Codec<access::AddressSet> addresses_but_all(std::string expectation, std::string_view why_not) {
  return {{"list of texts", "", std::move(expectation)},
          [why_not](const Reading& reading, const Value& value, access::AddressSet& target) {
            target = {};
            for (const Value& each : reading.items(value)) {
              const auto* text = reading.text(each);
              if (text != nullptr && *text == "all")
                reading.fault(each.at, std::string(why_not));
              else if (text != nullptr)
                reading.fault(each.at, target.add(*text));
            }
          },
          [](const access::AddressSet& value) { return value.text(); }};
}

namespace {

std::string format_url(const PublicUrl& url) {
  const bool is_usual = url.port == (url.https ? 443 : 80);
  return fmt::format("http{}://{}{}/", url.https ? "s" : "", url.host,
                     is_usual ? "" : fmt::format(":{}", url.port));
}

std::optional<PublicUrl> parse_url(std::string_view text) {
  const bool https = text.starts_with("https://");
  if (!https && !text.starts_with("http://")) return {};
  text.remove_prefix(https ? 8 : 7);
  if (text.ends_with('/')) text.remove_suffix(1);
  const auto authority = http::parse_authority(text);
  if (!authority || authority->host.empty()) return {};
  const std::uint16_t usual = https ? 443 : 80;
  return PublicUrl{https, http::canonical_host(authority->host), authority->port.value_or(usual)};
}

}  // namespace

Codec<std::optional<PublicUrl>> public_url() {
  return {{"URL", "", "a URL without a path, such as \"https://example.org/\""},
          [](const Reading& reading, const Value& value, std::optional<PublicUrl>& target) {
            const auto* found = reading.text(value);
            if (found == nullptr) return;
            target = parse_url(*found);
            if (!target) reading.wrong(value);
          },
          [](const std::optional<PublicUrl>& value) {
            return value ? in_quotes(format_url(*value)) : std::string();
          }};
}

Codec<std::optional<access::AddressSet>> addresses() {
  return {
      {"list of texts", "", "a list of addresses, such as [\"192.0.2.0/24\", \"local\"]"},
      [](const Reading& reading, const Value& value, std::optional<access::AddressSet>& target) {
        target.emplace();
        for (const Value& each : reading.items(value))
          if (const auto* text = reading.text(each)) reading.fault(each.at, target->add(*text));
      },
      [](const std::optional<access::AddressSet>& value) {
        return value ? value->text() : std::string();
      }};
}

Codec<WarmOptions::Preload> preload() {
  using Preload = WarmOptions::Preload;
  const Codec<Preload::Imports> imports = choice({"standard", "all", "none"});
  const auto modules = list(check_module);
  return {{"choice, or list of texts", imports.kind.range,
           imports.kind.expectation + ", or a list of modules"},
          [imports, modules](const Reading& reading, const Value& value, Preload& target) {
            target = {};
            if (value.as<Value::List>() != nullptr)
              modules.parse(reading, value, target.modules);
            else
              imports.parse(reading, value, target.imports);
          },
          [imports, modules](const Preload& value) {
            return value.modules.empty() ? imports.format(value.imports)
                                         : modules.format(value.modules);
          }};
}

// ---- a table of texts

namespace {

std::string example_of(const Value& value) {
  const bool is_simple = value.as<std::int64_t>() != nullptr || value.as<bool>() != nullptr;
  return is_simple ? value.describe() : "value";
}

void parse_variable(const Reading& reading, const KeyValue& entry, cgi::Variables& target) {
  if (entry.value.as<std::string>() == nullptr)
    return reading.fault(entry.value.at,
                         fmt::format("{0} must be a text in quotes, as in {0} = \"{1}\"",
                                     text::escape(entry.key, 60), example_of(entry.value)));
  const auto* found = reading.text(entry.value);
  if (found == nullptr) return;
  reading.fault(entry.at, check_variable_name(entry.key));
  if (cgi::is_computed(entry.key))
    reading.faults.add(
        entry.at,
        "'{}': {} is computed for each request, so that what is set here would never have "
        "an effect; remove it",
        reading.key, entry.key);
  std::erase_if(target, [&](const auto& variable) { return variable.first == entry.key; });
  target.emplace_back(entry.key, *found);
}

}  // namespace

Codec<cgi::Variables> variables() {
  return {{"table of texts", "", "a table of texts, such as { NAME = \"value\" }"},
          [](const Reading& reading, const Value& value, cgi::Variables& target) {
            for (const KeyValue& entry : reading.entries(value))
              parse_variable(reading, entry, target);
          }};
}

std::string in_small_letters(std::string_view word) {
  std::string small(word);
  std::ranges::transform(small, small.begin(), text::lower);
  return small;
}

std::string folder_of(const std::string& file) {
  return std::filesystem::absolute(file).parent_path().string();
}

std::string absolute_path(const std::string& folder, const std::string& path) {
  std::string absolute = (std::filesystem::path(folder) / path).lexically_normal();
  if (absolute.size() > 1 && absolute.ends_with('/')) absolute.pop_back();
  return absolute;
}

}  // namespace cgisrv::config

#include "config/section.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/suggest.h"
#include "base/text.h"
#include "config/habits.h"
#include "config/parameters.h"

namespace cgisrv::config {

namespace {

std::string_view advice_in(const Section& section, std::string_view key) {
  if (section.name == "[cgi.rlimits]") return advice_on_limit(key);
  const auto advice = section.name == "[[site.location]]"          ? advice_on_location(key)
                      : section.name == "[[listen]]"               ? advice_on_listener(key)
                      : section.name == "[site.auth]"              ? advice_on_auth(key)
                      : section.name == "[site.location.redirect]" ? advice_on_redirect(key)
                                                                   : std::string_view();
  return advice.empty() ? advice_on_key(key) : advice;
}

void report_unknown(const Section& section, const KeyValue& entry, Faults& faults) {
  const auto known = section.keys();
  const auto key = text::escape(entry.key, 60);
  const auto homes = sections_with(in_small_letters(entry.key));
  const auto advice = advice_in(section, entry.key);
  if (entry.key == "include") {
    faults.add(entry.at, "'include' stands above the first [section], or in a [[site]], not in {}",
               section.name);
  } else if (!advice.empty()) {
    faults.add(entry.at, "there is no '{}' in {}; {}", key, section.name, advice);
  } else if (const auto meant = nearest(entry.key, known)) {
    faults.add(entry.at, "unknown key '{}' in {}; did you mean '{}'?", key, section.name, *meant);
  } else if (!homes.empty()) {
    // A key belongs to the last header above it, wherever it was meant to stand.
    faults.add(entry.at, "'{}' belongs in {}, not in {}{}", in_small_letters(key),
               fmt::join(homes, " or "), section.name,
               section.name == "[[site.location]]" ? "; move it up, above the site's first "
                                                     "[[site.location]]"
               : entry.key == "location"           ? "; write [[site.location]]"
                                                   : "");
  } else {
    faults.add(entry.at, "unknown key '{}' in {}; its keys are {}", key, section.name,
               fmt::join(known, ", "));
  }
}

}  // namespace

std::vector<std::string_view> Section::keys() const {
  std::vector<std::string_view> found;
  for (const Parameter& parameter : parameters) {
    if (!parameter.key.empty()) {
      found.push_back(parameter.key);
    } else {
      for (const auto key : parameter.kind.inside->keys())
        found.push_back(key);
    }
  }
  return found;
}

void Section::parse(const Source& source, const Value& table, void* owner) const {
  const auto known = keys();
  for (const KeyValue& entry : *table.as<Value::Table>()) {
    if (std::ranges::find(known, entry.key) == known.end())
      report_unknown(*this, entry, source.faults);
  }
  parse_known(source, table, owner);
}

void Section::parse_known(const Source& source, const Value& table, void* owner) const {
  for (const Parameter& parameter : parameters) {
    const Value* value = parameter.key.empty() ? &table : table.find(parameter.key);
    if (value != nullptr) {
      parameter.parse(source, parameter, *value, owner);
    } else if (parameter.absent.is_fault) {
      source.faults.add(table.at, "{} needs '{}'; it must be {}", name, parameter.key,
                        parameter.kind.expectation);
    }
  }
}

std::vector<std::string_view> sections_with(std::string_view key) {
  std::vector<std::string_view> found;
  for (const Section* section : sections()) {
    const auto accepted = section->keys();
    if (std::ranges::find(accepted, key) != accepted.end()) found.push_back(section->name);
  }
  return found;
}

std::string table_expectation(const Section& section) {
  return fmt::format("a table with keys such as '{}'", section.keys().front());
}

bool is_one_table(const Reading& reading, const Value& value) {
  const auto* const list = value.as<Value::List>();
  if (list != nullptr && !list->empty() && list->front().as<Value::Table>() != nullptr)
    reading.faults.add(value.at, "'{}' may stand once only; write it with single brackets",
                       reading.key);
  else if (value.as<Value::Table>() == nullptr)
    reading.wrong(value);
  return value.as<Value::Table>() != nullptr;
}

std::span<const Value> elements(const Reading& reading, const Value& value, std::string_view name) {
  if (const auto* list = value.as<Value::List>()) return *list;
  const auto* const text = value.as<std::string>();
  if (value.as<Value::Table>() != nullptr)
    reading.faults.add(value.at, "{} may stand several times: write it with two brackets", name);
  else
    reading.faults.add(value.at, "write {} on a line of its own, and its keys below it{}", name,
                       text != nullptr && reading.key == "listen"
                           ? fmt::format(": address = \"{}\"", text::escape(*text, 60))
                           : "");
  return {};
}

}  // namespace cgisrv::config

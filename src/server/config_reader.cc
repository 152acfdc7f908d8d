#include "server/config_reader.h"

#include <algorithm>
#include <concepts>
#include <filesystem>
#include <type_traits>

#include "base/text.h"
#include "server/parameters.h"
#include "server/suggest.h"
#include "server/units.h"
#include "server/value_check.h"

namespace cgisrv::server {

namespace {

template <typename T>
concept SectionStruct = std::constructible_from<Part, T*>;
template <typename T>
concept Enumeration = std::is_enum_v<T>;

// Keys that are looked for in many a place: where they are, which their name alone does not say.
struct Habit {
  std::string_view key;
  std::string_view advice;
};
constexpr Habit habits[] = {
    {"listen",
     "write [[listen]] with address = \":80\"; 'listen' in [admin] is the status page alone"},
    {"port", "write [[listen]] with address = \":80\""},
};

class Reader {
 public:
  Reader(const std::string& folder, Faults& faults, Config& config)
      : folder_(folder), faults_(faults), config_(config) {}

  void section(const Section& section, const Value& table, Part part);

 private:
  void rows(const Section& section, const Value& table, Part part);
  void unknown_key(const Section& section, const Entry& entry);
  void wrong(const Parameter& row, const Value& value);
  void store(const Parameter& row, const Value& value, Part part) {
    std::visit([&](auto* target) { take(row, value, *target); }, row.slot(part));
  }

  // The value as the kind that the row's type asks for; nothing when it is not, and reported.
  std::optional<std::uint64_t> number(const Parameter& row, const Value& value);
  const std::string* text(const Parameter& row, const Value& value);
  const Value::Table* table(const Parameter& row, const Value& value);
  std::optional<std::size_t> choice(const Parameter& row, const Value& value);  // which one

  // One for each kind of place that a parameter's value goes to.
  void take(const Parameter& row, const Value& value, bool& target);
  void take(const Parameter& row, const Value& value, unsigned& target);
  void take(const Parameter& row, const Value& value, std::uint64_t& target);
  void take(const Parameter& row, const Value& value, std::optional<std::uint64_t>& target);
  void take(const Parameter& row, const Value& value, Duration& target);
  void take(const Parameter& row, const Value& value, std::string& target);
  void take(const Parameter& row, const Value& value, std::vector<std::string>& target);
  void take(const Parameter& row, const Value& value, WarmOptions::Preload& target);
  void take(const Parameter& row, const Value& value, Match& target);
  void take(const Parameter& row, const Value& value, cgi::Variables& target);
  template <Enumeration T>
  void take(const Parameter& row, const Value& value, T& target);
  template <SectionStruct T>
  void take(const Parameter& row, const Value& value, T& target);
  template <SectionStruct T>
  void take(const Parameter& row, const Value& value, std::vector<T>& target);
  void take_program(const Parameter& row, const Value& value, Location& target);

  Location inherited() const;
  template <typename T>
  void prepare(T&) {}
  void prepare(Site& site) { site.fallback = inherited(); }
  void prepare(Location& location) {
    location = inherited();
    location.links = config_.sites.back().links;
  }

  const std::string& folder_;
  Faults& faults_;
  Config& config_;
};

void Reader::section(const Section& section, const Value& table, Part part) {
  const auto known = keys(section);
  for (const Entry& entry : *table.as<Value::Table>()) {
    if (std::ranges::find(known, entry.key) == known.end()) unknown_key(section, entry);
  }
  rows(section, table, part);
}

void Reader::rows(const Section& section, const Value& table, Part part) {
  for (const Parameter& row : section.parameters) {
    const Value* value = row.type == Type::merged ? &table : table.find(row.key);
    if (value != nullptr) {
      store(row, *value, part);
    } else if (row.required) {
      faults_.add(table.at, "{} needs '{}'; it must be {}", section.name, row.key,
                  expectation(row));
    }
  }
}

void Reader::unknown_key(const Section& section, const Entry& entry) {
  const auto known = keys(section);
  const auto key = text::escape(entry.key, 60);
  const auto homes = sections_with(entry.key);
  const auto* const habit = std::ranges::find(habits, entry.key, &Habit::key);
  if (habit != std::end(habits)) {
    faults_.add(entry.at, "there is no '{}' in {}; {}", key, section.name, habit->advice);
  } else if (const auto meant = nearest(entry.key, known)) {
    faults_.add(entry.at, "unknown key '{}' in {}; did you mean '{}'?", key, section.name, *meant);
  } else if (!homes.empty()) {
    faults_.add(entry.at, "'{}' belongs in {}, not in {}", key, fmt::join(homes, " or "),
                section.name);
  } else {
    faults_.add(entry.at, "unknown key '{}' in {}; its keys are {}", key, section.name,
                fmt::join(known, ", "));
  }
}

void Reader::wrong(const Parameter& row, const Value& value) {
  const auto* text = value.as<std::string>();
  const auto meant = text == nullptr ? std::nullopt : nearest(*text, row.choices);
  faults_.add(value.at, "'{}' must be {}; it is {}{}", row.key, expectation(row), value.describe(),
              meant ? fmt::format("; did you mean \"{}\"?", *meant) : "");
}

std::optional<std::uint64_t> Reader::number(const Parameter& row, const Value& value) {
  std::optional<std::uint64_t> number;
  if (const auto* text = value.as<std::string>()) {
    if (!text->empty() && *text == row.word.text) return row.word.value;
    if (row.type == Type::size) number = parse_size(*text);
    if (row.type == Type::duration) number = parse_duration(*text);
  } else if (const auto* integer = value.as<std::int64_t>()) {
    // A plain number is no duration: its reader could only guess the unit.
    if (*integer >= 0 && row.type != Type::duration) number = *integer;
  }
  if (number && *number >= row.range.min && *number <= row.range.max) return number;
  wrong(row, value);
  return {};
}

const std::string* Reader::text(const Parameter& row, const Value& value) {
  const auto* text = value.as<std::string>();
  if (text == nullptr) {
    wrong(row, value);
  } else if (std::ranges::any_of(*text, [](unsigned char c) { return c < 0x20 || c == 0x7f; })) {
    faults_.add(value.at, "'{}' may not hold control characters such as a line break", row.key);
    return nullptr;
  }
  return text;
}

const Value::Table* Reader::table(const Parameter& row, const Value& value) {
  if (const auto* table = value.as<Value::Table>()) return table;
  if (value.as<Value::List>() != nullptr && row.type == Type::table)
    faults_.add(value.at, "'{}' may stand once only; write it with single brackets", row.key);
  else
    wrong(row, value);
  return nullptr;
}

std::optional<std::size_t> Reader::choice(const Parameter& row, const Value& value) {
  const auto* found = value.as<std::string>();
  const auto at = found == nullptr ? row.choices.end() : std::ranges::find(row.choices, *found);
  if (at != row.choices.end()) return static_cast<std::size_t>(at - row.choices.begin());
  wrong(row, value);
  return {};
}

void Reader::take(const Parameter& row, const Value& value, bool& target) {
  if (row.type == Type::choice)
    target = choice(row, value).value_or(target ? 1 : 0) == 1;
  else if (const auto* boolean = value.as<bool>())
    target = *boolean;
  else
    wrong(row, value);
}

void Reader::take(const Parameter& row, const Value& value, unsigned& target) {
  if (const auto found = number(row, value)) target = static_cast<unsigned>(*found);
}

void Reader::take(const Parameter& row, const Value& value, std::uint64_t& target) {
  target = number(row, value).value_or(target);
}

void Reader::take(const Parameter& row, const Value& value, std::optional<std::uint64_t>& target) {
  const auto found = number(row, value);
  if (!found) return;
  // The kernel counts processor time in whole seconds.
  const bool seconds = row.type == Type::duration && *found != row.word.value;
  target = seconds ? (*found + 999) / 1000 : *found;
}

void Reader::take(const Parameter& row, const Value& value, Duration& target) {
  const auto found = number(row, value);
  if (!found) return;
  target = *found == bytes_unlimited ? duration_unlimited : Duration(*found);
}

void Reader::take(const Parameter& row, const Value& value, std::string& target) {
  const auto* found = text(row, value);
  if (found == nullptr) return;
  const bool a_choice = std::ranges::find(row.choices, *found) != row.choices.end();
  if (row.type == Type::choice && !a_choice) return wrong(row, value);
  target = *found;
  if (row.type == Type::path && !a_choice) {
    if (found->empty()) return wrong(row, value);
    target = absolute_path(folder_, *found);
  }
  if (row.check == nullptr || a_choice) return;
  const std::string problem = row.check(target);
  if (!problem.empty()) faults_.add(value.at, "'{}': {}", row.key, problem);
}

void Reader::take(const Parameter& row, const Value& value, std::vector<std::string>& target) {
  const auto* list = value.as<Value::List>();
  if (list == nullptr) return wrong(row, value);
  target.clear();
  for (const Value& item : *list)
    take(row, item, target.emplace_back());
}

void Reader::take(const Parameter& row, const Value& value, WarmOptions::Preload& target) {
  target = {};
  if (value.as<Value::List>() != nullptr) return take(row, value, target.modules);
  take(row, value, target.imports);
}

void Reader::take(const Parameter& row, const Value& value, Match& target) {
  const auto* found = text(row, value);
  if (found == nullptr) return;
  if (const auto match = parse_match(*found))
    target = *match;
  else
    faults_.add(value.at, "'{}' is {}; {}", row.key, value.describe(), match.error().what);
}

void Reader::take(const Parameter& row, const Value& value, cgi::Variables& target) {
  const auto* entries = table(row, value);
  if (entries == nullptr) return;
  for (const Entry& entry : *entries) {
    const auto* found = text(row, entry.value);
    if (found == nullptr) continue;
    if (const auto problem = check_variable_name(entry.key); !problem.empty())
      faults_.add(entry.at, "'{}': {}", row.key, problem);
    std::erase_if(target, [&](const auto& variable) { return variable.first == entry.key; });
    target.emplace_back(entry.key, *found);
  }
}

template <Enumeration T>
void Reader::take(const Parameter& row, const Value& value, T& target) {
  if (const auto found = choice(row, value)) target = static_cast<T>(*found);
}

template <SectionStruct T>
void Reader::take(const Parameter& row, const Value& value, T& target) {
  if constexpr (std::same_as<T, Location>) return take_program(row, value, target);
  if (row.type == Type::merged) return rows(*row.inside, value, &target);
  // A log may be given by its path alone.
  const Parameter& first = row.inside->parameters.front();
  if (first.type == Type::path && value.as<std::string>() != nullptr)
    return store(first, value, &target);
  if (table(row, value) != nullptr) section(*row.inside, value, &target);
}

// Every table makes an element, faulty or not, so that later checks find the two side by side.
template <SectionStruct T>
void Reader::take(const Parameter& row, const Value& value, std::vector<T>& target) {
  const auto* list = value.as<Value::List>();
  if (list == nullptr) {
    faults_.add(value.at, "{} may stand several times: write it with two brackets",
                row.inside->name);
    return;
  }
  for (const Value& item : *list) {
    prepare(target.emplace_back());
    if (table(row, item) != nullptr) section(*row.inside, item, &target.back());
  }
}

// What a path names is found out once the site's root is known.
void Reader::take_program(const Parameter& row, const Value& value, Location& target) {
  if (const auto* in_place = value.as<bool>()) {
    target.program = *in_place ? ProgramKind::in_place : ProgramKind::none;
  } else if (const auto* path = text(row, value)) {
    if (path->empty()) return wrong(row, value);
    target.program = ProgramKind::single;
    target.path = *path;
  }
}

Location Reader::inherited() const {
  Location location;
  location.body_size = config_.limits.body_size;
  location.cgi = config_.cgi;
  return location;
}

}  // namespace

Config read_config(const Value& root, const std::string& folder, Faults& faults) {
  Config config;
  Reader(folder, faults, config).section(root_section(), root, &config);
  for (Site& site : config.sites)
    site.fallback.links = site.links;
  return config;
}

std::string absolute_path(const std::string& folder, const std::string& path) {
  std::string absolute = (std::filesystem::path(folder) / path).lexically_normal();
  if (absolute.size() > 1 && absolute.ends_with('/')) absolute.pop_back();
  return absolute;
}

}  // namespace cgisrv::server

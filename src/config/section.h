// A section of a configuration file: its keys, the struct that it fills in, and how it is read.
#pragma once

#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "config/codec.h"

namespace cgisrv::config {

// The meaning of a missing key, if the field's initial value does not show it.
struct Absent {
  bool is_fault = false;
  std::string_view means;  // in the reference; may be empty
};
inline constexpr Absent required{true, "required"};
constexpr Absent unset(std::string_view means) {
  return {false, means};
}

struct Parameter {
  std::string_view key;  // empty: the keys of `inside` appear directly in the section
  Kind kind;
  Absent absent;
  std::string_view about;  // one sentence
  // `owner` is the struct of this key's section. Both correspond to the members of Codec.
  std::function<void(const Source&, const Parameter&, const Value&, void* owner)> parse;
  std::function<std::string(const void* owner)> format;
  std::function<const void*(const void* owner)> find;  // the field; of a table: the struct inside
  std::string initial;                                 // the default, in the form of format()

  // The default, in Markdown.
  std::string default_text() const {
    return absent.means.empty() ? fmt::format("`{}`", initial) : std::string(absent.means);
  }
};

// A parameter whose value is a field of an `Owner`: a pointer to member, or a function that finds
// it.
template <typename Owner>
struct Row : Parameter {
  template <typename Place,
            typename T = std::remove_reference_t<std::invoke_result_t<Place, Owner&>>>
  [[gnu::noinline]] Row(std::string_view key, Place place, std::type_identity_t<Codec<T>> codec,
                        Absent absent, std::string_view about)
      : Parameter{key,
                  codec.kind,
                  absent,
                  about,
                  [place, parse = codec.parse](const Source& source, const Parameter& self,
                                               const Value& value, void* owner) {
                    parse({source, self.key, self.kind.expectation}, value,
                          std::invoke(place, *static_cast<Owner*>(owner)));
                  },
                  [place, format = codec.format](const void* owner) {
                    return format(std::invoke(place, *static_cast<const Owner*>(owner)));
                  },
                  [place](const void* owner) -> const void* {
                    return &std::invoke(place, *static_cast<const Owner*>(owner));
                  },
                  codec.format(std::invoke(place, std::as_const(defaults)))} {}
  template <typename Place,
            typename T = std::remove_reference_t<std::invoke_result_t<Place, Owner&>>>
  Row(std::string_view key, Place place, std::type_identity_t<Codec<T>> codec,
      std::string_view about)
      : Row(key, place, std::move(codec), Absent{}, about) {}

  static inline const Owner defaults{};
};

struct Section {
  std::string_view name;  // as in a file: "[server]"; empty: its keys stand in others (merged())
  std::string_view about;
  std::vector<Parameter> parameters;

  // The keys that may stand in it, merged ones included.
  std::vector<std::string_view> keys() const;
  // `owner` is the struct that it fills in.
  void parse(const Source& source, const Value& table, void* owner) const;
  // The same, but ignores keys that are not its own.
  void parse_known(const Source& source, const Value& table, void* owner) const;
};

template <typename Owner>
struct SectionOf : Section {
  SectionOf(std::string_view name, std::string_view about, std::initializer_list<Row<Owner>> rows)
      : Section{name, about, {rows.begin(), rows.end()}} {}
};

// The names of the sections in which that key may stand.
std::vector<std::string_view> sections_with(std::string_view key);

// ---- values that are sections

// "a table with keys such as 'size'".
std::string table_expectation(const Section& section);
// Whether it is a table; reports it if not.
bool is_one_table(const Reading& reading, const Value& value);
// The tables of a section that may occur several times; none, and a report, if it is no list.
std::span<const Value> elements(const Reading& reading, const Value& value, std::string_view name);

template <typename T>
Codec<T> table(const SectionOf<T>& section) {
  return {{"table", "", table_expectation(section), &section},
          [&section](const Reading& reading, const Value& value, T& target) {
            if (is_one_table(reading, value)) section.parse(reading, value, &target);
          }};
}

// The first key's value may stand in place of the table.
template <typename T>
Codec<T> table_or_path(const SectionOf<T>& section, std::string expectation = "a table") {
  return {{"table", "", std::move(expectation), &section},
          [&section](const Reading& reading, const Value& value, T& target) {
            if (value.as<std::string>() == nullptr)
              return table(section).parse(reading, value, target);
            Parameter first = section.parameters.front();
            first.key = reading.key;  // as it is written
            first.parse(reading, first, value, &target);
          }};
}

// Of rules that can be taken back below: `false` in place of the table. T has `is_open`.
template <typename T>
Codec<std::optional<T>> table_or_false(const SectionOf<T>& section, std::string expectation) {
  return {{"table, or false", "", std::move(expectation), &section},
          [&section](const Reading& reading, const Value& value, std::optional<T>& target) {
            const bool* const said = value.as<bool>();
            if (said != nullptr && *said) return reading.wrong(value);
            T& rule = target.emplace();
            rule.is_open = said != nullptr;
            if (said == nullptr && is_one_table(reading, value))
              section.parse(reading, value, &rule);
          }};
}

// The same, for a second key that has it: the reference describes the section once.
template <typename T>
Codec<T> described_before(Codec<T> codec) {
  codec.kind.inside = nullptr;
  return codec;
}

// A section that may occur several times; `make` gives each its initial value. Every table makes an
// element, even a faulty one, so that later checks can pair the two by index.
template <typename T>
Codec<std::vector<T>> tables(const SectionOf<T>& section, T (*make)(const Config&)) {
  return {{"tables", "", "a table", &section},
          [&section, make](const Reading& reading, const Value& value, std::vector<T>& target) {
            for (const Value& item : elements(reading, value, section.name)) {
              target.push_back(make(reading.config));
              if (item.as<Value::Table>() == nullptr)
                reading.wrong(item);
              else
                section.parse(reading, item, &target.back());
            }
          }};
}

// Its keys stand among those of the enclosing section.
template <typename T>
Codec<T> merged(const SectionOf<T>& section) {
  return {{"", "", "", &section},
          [&section](const Reading& reading, const Value& value, T& target) {
            section.parse_known(reading, value, &target);
          }};
}

}  // namespace cgisrv::config

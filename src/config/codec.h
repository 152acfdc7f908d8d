// How values of one kind are read from a file, shown, and described. A new kind of value is one
// more function here. parameters.cc says which key has which kind.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "admission/messages.h"
#include "config/config.h"
#include "config/document.h"
#include "config/faults.h"

namespace cgisrv::config {

struct Section;

// The file that is being read.
struct Source {
  const std::string& folder;  // base of relative paths
  Faults& faults;
  const Config& config;  // what has been read so far
};

// One of its keys, whose value is being read.
struct Reading : Source {
  std::string_view key;
  std::string_view expectation;

  // Reports a value of the wrong kind; suggests the one of `words` that was probably meant.
  void wrong(const Value& value, std::span<const std::string_view> words = {}) const;
  // The same, and what to write: `; write "60s"`. Empty: nothing is known.
  void wrong_but(const Value& value, std::string_view remedy) const;
  // Reports `problem`, unless it is empty.
  void fault(const Position& at, const std::string& problem) const;
  // The text, without control characters; null after reporting a fault.
  const std::string* text(const Value& value) const;
  // The entries of a table, the items of a list; none after reporting a fault.
  std::span<const KeyValue> entries(const Value& value) const;
  std::span<const Value> items(const Value& value) const;
};

// A kind of value, for the reference and messages.
struct Kind {
  std::string_view type;            // in the reference: "whole number"
  std::string range;                // what limits it: `1 to 256 processes, "auto"`; may be empty
  std::string expectation;          // in messages, what it must be: "a text in quotes"
  const Section* inside = nullptr;  // for a table
};

template <typename T>
struct Codec {
  Kind kind;
  // Sets the value that the file gives, or reports what is wrong with it.
  std::function<void(const Reading&, const Value&, T&)> parse;
  // The value as written in a file; empty if nothing is set, and for tables.
  std::function<std::string(const T&)> format = [](const T&) { return std::string(); };
};

Codec<bool> boolean();

// For a value that something else stands for where it is not said.
template <typename T>
Codec<std::optional<T>> if_said(const Codec<T>& codec) {
  return {
      codec.kind,
      [parse = codec.parse](const Reading& reading, const Value& value, std::optional<T>& target) {
        parse(reading, value, target.emplace());
      },
      [format = codec.format](const std::optional<T>& value) {
        return value ? format(*value) : std::string();
      }};
}

// Both ends included: integers as they are, sizes in bytes, durations in milliseconds.
struct Range {
  std::uint64_t min, max;
  consteval Range(std::uint64_t from, std::uint64_t to) : min(from), max(to) {
    if (from >= to) throw "an empty range";
  }
};

// A word accepted instead of a number.
struct Word {
  std::string_view text;
  std::uint64_t value = 0;
};

// Converts to the codec of any field that holds a number.
struct Number {
  std::string_view type;
  std::string_view expectation;
  Range range;
  Word word;
  std::string_view unit;                                         // what an integer counts
  std::optional<std::uint64_t> (*parse_text)(std::string_view);  // null: no text but the word
  std::string (*format_text)(std::uint64_t);
  bool is_plain = true;  // a number without quotes is accepted; a duration needs a unit

  std::optional<std::uint64_t> parse(const Reading& reading, const Value& value) const;
  std::string format(std::uint64_t number) const;
  std::string range_text() const;
  // What a value that cannot be read was meant to be, as it is written here; may be empty.
  std::string meant_by(const Value& value) const;

  template <typename T>
  operator Codec<T>() const {  // NOLINT(google-explicit-constructor): of many, the place's own
    return {{type, range_text(), fmt::format("{}: {}", expectation, range_text())},
            [self = *this](const Reading& reading, const Value& value, T& target) {
              if (const auto number = self.parse(reading, value)) target = self.to<T>(*number);
            },
            [self = *this](const T& value) { return self.shown(value); }};
  }

 private:
  template <typename T>
  T to(std::uint64_t number) const {
    if constexpr (std::same_as<T, Duration>)
      return number == bytes_unlimited ? duration_unlimited : Duration(number);
    else if constexpr (requires { typename T::period; })
      static_assert(std::same_as<T, Duration>, "a field for a duration is a config::Duration (ms)");
    else
      return static_cast<T>(number);
  }
  std::string shown(std::uint64_t value) const { return format(value); }
  std::string shown(const std::optional<std::uint64_t>& value) const {
    return value ? format(*value) : std::string();
  }
  std::string shown(Duration value) const {
    return format(value == duration_unlimited ? bytes_unlimited
                                              : static_cast<std::uint64_t>(value.count()));
  }
};
Number integer(Range range, std::string_view unit, Word word = {});
Number size(Range range, Word word = {});      // "10m"
Number duration(Range range, Word word = {});  // "5s"
// A number, "auto", or "auto up to N".
Codec<admission::MaxRunning> max_running(Range range);
// A duration in whole seconds, rounded up: as the kernel counts processor time, and HTTP says it.
Codec<std::optional<std::uint64_t>> whole_seconds(Range range, Word word = {});

// One of several words: gives the enumerator of its index, false or true, or the text itself.
struct Choice {
  std::vector<std::string_view> words;
  // What to write in place of a word that others use; empty: nothing is known of it.
  std::string_view (*advice)(std::string_view word) = nullptr;

  std::optional<std::size_t> parse(const Reading& reading, const Value& value) const;
  std::string range_text() const;

  template <typename T>
  operator Codec<T>() const {  // NOLINT(google-explicit-constructor): of many, the place's own
    return {{"choice", range_text(), fmt::format("one of {}", range_text())},
            [self = *this](const Reading& reading, const Value& value, T& target) {
              if (const auto at = self.parse(reading, value)) self.store(*at, target);
            },
            [self = *this](const T& value) { return fmt::format("\"{}\"", self.word_of(value)); }};
  }

 private:
  template <typename T>
  void store(std::size_t at, T& target) const {
    target = static_cast<T>(at);
  }
  void store(std::size_t at, std::string& target) const { target = words[at]; }
  template <typename T>
  std::string_view word_of(T value) const {
    return words[static_cast<std::size_t>(value)];
  }
  std::string_view word_of(const std::string& text) const { return text; }
};
Choice choice(std::initializer_list<std::string_view> words,
              std::string_view (*advice)(std::string_view word) = nullptr);

// Returns what is wrong with a text, or nothing.
using Check = std::string (*)(const std::string&);
Codec<std::string> text(Check check = nullptr);
// Made absolute, unless it is one of `words`, which are no paths.
Codec<std::string> path(Check check = nullptr, std::vector<std::string_view> words = {});
Codec<std::vector<std::string>> list(Check check);  // of texts
Codec<std::vector<std::string>> directories();      // made absolute
Codec<std::vector<std::string>> program_places();   // folders, or files; made absolute
Codec<std::optional<access::AddressSet>> addresses();
// But not "all": `why_not` says what is wrong with that.
Codec<access::AddressSet> addresses_but_all(std::string expectation, std::string_view why_not);
Codec<std::optional<PublicUrl>> public_url();
Codec<WarmOptions::Preload> preload();
Codec<cgi::Variables> variables();

std::string in_small_letters(std::string_view word);

// The absolute folder of a file.
std::string folder_of(const std::string& file);
// `path` relative to `folder`, without dot segments and trailing slash (except "/").
std::string absolute_path(const std::string& folder, const std::string& path);

}  // namespace cgisrv::config

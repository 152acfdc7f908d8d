// The one table of every configuration parameter. The reader, its messages and the reference page
// (docs/reference.md) all come from it. A default is written once, in config.h: a row says where
// its value lives, and the default is what stands there in a default-constructed struct.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "server/config.h"

namespace cgisrv::server {

enum class Type : std::uint8_t {
  boolean,
  integer,
  size,      // "10m"
  duration,  // "5s"
  text,
  path,       // made absolute, relative to the configuration file's folder
  choice,     // one of some words; of two where the place is a bool, the first for false
  list,       // of texts
  modules,    // one of some words, or a list of texts
  program,    // Location: true, false, or a path
  variables,  // a table of texts under any names
  table,
  tables,
  merged,  // no key of its own: the keys of its section stand among the others
};

// The structs that a section fills in, and the places in them that a row fills in.
using Part = std::variant<Config*, ServerOptions*, Listen*, AdminOptions*, Limits*, CgiOptions*,
                          QueueOptions*, WarmOptions*, PressureLimits*, ResourceLimits*, Site*,
                          Location*, LogTarget*>;
using Slot =
    std::variant<bool*, unsigned*, std::uint64_t*, std::optional<std::uint64_t>*, Duration*,
                 std::string*, std::vector<std::string>*, Dispatch*, ChunkedBody*, OnDisconnect*,
                 Links*, Match*, WarmOptions::Preload*, WarmOptions::Finalize*, cgi::Variables*,
                 Config*, ServerOptions*, AdminOptions*, Limits*, CgiOptions*, QueueOptions*,
                 WarmOptions*, PressureLimits*, ResourceLimits*, Location*, LogTarget*,
                 std::vector<Listen>*, std::vector<Site>*, std::vector<Location>*>;

// Both ends included: integers as they are, sizes in bytes, durations in milliseconds.
struct Range {
  std::uint64_t min = 0;
  std::uint64_t max = 0;
};

// A word that may stand for a number.
struct Word {
  std::string_view text;
  std::uint64_t value = 0;
};

struct Section;

struct Parameter {
  std::string_view key;
  Type type;
  Slot (*slot)(Part);
  Range range{};
  std::string_view unit{};  // what an integer counts
  Word word{};
  std::span<const std::string_view> choices{};         // of a path: words that are no path
  std::string (*check)(const std::string&) = nullptr;  // what is wrong with a text, or empty
  const Section* inside = nullptr;                     // table, tables, merged
  bool required = false;
  std::string_view unset{};  // what holds when it is not set, where the value does not say it
  std::string_view about;    // one sentence
};

struct Section {
  std::string_view name;  // as in a file: "[server]"
  std::span<const Parameter> parameters;
  Part (*defaults)();  // default-constructed; not to be written to
  std::string_view about;
};

const Section& root_section();
// All but the root, in the order of the reference.
std::span<const Section* const> sections();

// The keys that may stand in a section, merged ones included.
std::vector<std::string_view> keys(const Section& section);
// The names of the sections in which that key may stand.
std::vector<std::string_view> sections_with(std::string_view key);

// What a value must be: "a duration such as "10s": "1s" to "1h", "unlimited"".
std::string expectation(const Parameter& parameter);
// Its last part alone; empty where there is no range or choice.
std::string range_text(const Parameter& parameter);
std::string_view type_text(Type type);
// A value as a file would have it; empty where nothing is set, and for tables.
std::string value_text(const Parameter& parameter, Part part);
// What holds when nothing is set, in Markdown.
std::string default_text(const Section& section, const Parameter& parameter);

// docs/reference.md as generated from the table: `cgisrv reference` prints it, a test compares.
std::string reference_page();
// The manual page cgisrv.toml(5) from the same, for scdoc(1): `cgisrv reference --scdoc`.
std::string reference_manual();
// The configuration that both show.
std::string_view example_configuration();

}  // namespace cgisrv::server

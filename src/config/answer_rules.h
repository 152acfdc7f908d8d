// What a location does to its answers: further fields, types of files, how long they may be kept,
// and pages for failures.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace cgisrv::config {

// A field of all answers, failures too.
struct FieldRule {
  enum class Kind : std::uint8_t {
    set,     // in the place of what the answer has
    add,     // beside it
    remove,  // none
  };
  Kind kind = Kind::set;
  std::string name;
  std::string value;  // empty for remove

  bool operator==(const FieldRule&) const = default;
};

// How long a file may be kept without asking for it again.
struct CacheRule {
  static constexpr std::chrono::milliseconds no_store{-1};

  std::string type;  // "text/css", "image/*", or "*": any
  std::chrono::milliseconds age{0};
};

// The path of the site that answers for statuses from `first` to `last`; empty: the server's own
// page.
struct ErrorPage {
  int first = 0, last = 0;
  std::string path;
};

// Which files have which type.
struct TypeRules {
  // Endings with their dot, in lower case, and their type. ".tar.gz" goes before ".gz".
  std::vector<std::pair<std::string, std::string>> by_ending;
  std::string other;    // for files whose ending nobody knows; empty: application/octet-stream
  std::string charset;  // of all text; "none": never said; empty: of text that cannot say it itself

  bool empty() const { return by_ending.empty() && other.empty() && charset.empty(); }
};

struct AnswerRules {
  std::vector<FieldRule> fields;       // in order; later ones see what earlier ones did
  std::vector<CacheRule> cache;        // the most specific type counts
  std::vector<ErrorPage> error_pages;  // the first that matches counts
  TypeRules types;
  bool compress = false;  // for clients that take it, where it pays
};

}  // namespace cgisrv::config

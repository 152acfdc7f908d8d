// What locate() has decided on its way, for `cgisrv check --explain`. locate() writes it as it
// goes, so that no explanation can differ from what is served.
#pragma once

#include <cstdint>
#include <string>

#include "config/forward.h"
#include "site/router.h"

namespace cgisrv::site {

struct Step {
  enum class Kind : std::uint8_t {
    answers,      // the location that answers for the path `text`, by `rank`
    passed_over,  // another one that matches it
    files,        // `files` of the location: `text` is the file
    attempt,      // a step of its `try`
    index,        // a file of its `index`
    denied,       // it denies an ending
    allow,        // a rule by address was asked: `text`
  };
  Kind kind;
  const config::Location* location;  // whose rule it is; null: that of `site` itself
  std::string text;
  Rank rank = Rank::none;
  const config::Site* site = nullptr;  // of allow
};

}  // namespace cgisrv::site

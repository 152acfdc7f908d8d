// What an error status means to the person who sees it.
#pragma once

#include <string_view>

namespace cgisrv::page {

struct ErrorText {
  int status;
  std::string_view happened;  // one sentence
  std::string_view remedy;    // what the reader can do about it
};

// A status without its own text gets that of its class, 400 or 500.
const ErrorText& error_text(int status);

}  // namespace cgisrv::page

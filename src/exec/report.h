// What is shown of an exchange. Pure: values in, text out.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "exec/record.h"
#include "exec/request.h"
#include "exec/response.h"
#include "exec/verdict.h"

namespace cgisrv::exec {

struct Seen {
  const Request& request;
  const Record& record;
  const Response& response;
  Verdict verdict;
  std::chrono::microseconds took;  // from the request to the end of the response
  std::string user;                // whom programs ran as
  std::string note;                // where that is not whom the server would run them as
};

struct Style {
  bool colour = false;
  bool terminal = false;  // long texts are cut to what one looks at
};

// Sections for people. Control bytes are escaped and binary data is left out.
std::string as_text(const Seen& seen, const Style& style);

// One JSON object, see docs/guide.md. Bytes that are no UTF-8 as KEY_base64.
std::string as_json(const Seen& seen);

// "NAME=value" lines: the environment of the first program.
std::string as_environment(const Record& record);

}  // namespace cgisrv::exec

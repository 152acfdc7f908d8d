// The report on an exchange. Pure: values in, text out.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "exec/record.h"
#include "exec/request.h"
#include "exec/response.h"
#include "exec/verdict.h"

namespace cgisrv::exec {

struct ExecResult {
  const ExecRequest& request;
  const Record& record;
  const Response& response;
  Verdict verdict;
  std::chrono::microseconds took;  // from the request to the end of the response
  std::string user;                // the user that programs ran as
  std::string note;                // if the server would run them as another
};

struct Style {
  bool colour = false;
  bool terminal = false;  // cut long texts to a readable length
};

// "good: ", in green; "bad: ", in red.
std::string in_colour(const Verdict& verdict, std::string_view word, const Style& style);

// Sections for people. Escapes control bytes and omits binary data.
std::string as_text(const ExecResult& result, const Style& style);

// One JSON object, see docs/guide.md. Bytes that are not UTF-8 appear as KEY_base64.
std::string as_json(const ExecResult& result);

// "NAME=value" lines: the environment of the first program.
std::string as_environment(const Record& record);

}  // namespace cgisrv::exec

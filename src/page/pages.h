// The pages the server makes itself: error, failure. Pure: values in, a body out.
// One stylesheet (src/page/style.css, embedded at build time) and one voice for all of them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http/message.h"

namespace cgisrv::page {

struct Page {
  std::string content_type;
  std::string body;
};

// As a response, which depends on Accept: see wants_html().
http::Response page_response(int status, const Page& page);

// HTML when the request's Accept prefers it (browsers do), plain text otherwise (curl's */* and no
// Accept at all).
bool wants_html(const http::Request& request);

// Shown to a program's author on loopback: why it failed.
struct Failure {
  std::string script;       // SCRIPT_NAME
  std::string filename;     // SCRIPT_FILENAME
  std::string reason;       // one sentence: cause and remedy
  std::string exit;         // "exit status 3", "killed by signal 11 (SIGSEGV)"; empty: not ended
  std::string stderr_tail;  // the end of its standard error; raw bytes
  std::string output_head;  // its standard output, if that is at fault, beginning and end; raw
};

// What happened, what to do, and the request id. `failure` only if it may be shown; `told`: the
// client's own fault, if known, for anybody to see.
Page error_page(int status, std::string_view request_id, bool html,
                const std::optional<Failure>& failure = std::nullopt, std::string_view told = {});

}  // namespace cgisrv::page

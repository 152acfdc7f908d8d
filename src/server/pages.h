// The pages the server makes itself: error, failure, listing. Pure: values in, a body out.
// One stylesheet (src/server/style.css, embedded at build time) and one voice for all of them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "files/listing.h"
#include "http/message.h"

namespace cgisrv::server {

struct Page {
  std::string content_type;
  std::string body;
};

// As a response, which depends on Accept: see wants_html().
http::Response page_response(int status, const Page& page);

// HTML when the request's Accept prefers it (browsers do), plain text otherwise (curl's */* and no
// Accept at all).
bool wants_html(const http::Request& request);

// What the author of a program is shown on loopback: why it failed.
struct Failure {
  std::string script;       // SCRIPT_NAME
  std::string filename;     // SCRIPT_FILENAME
  std::string reason;       // one sentence: cause and remedy
  std::string exit;         // "exit status 3", "killed by signal 11 (SIGSEGV)"; empty: not ended
  std::string stderr_tail;  // the last of what it wrote there; raw bytes
  std::string output_head;  // the first of its stdout where that is what is wrong; raw bytes
};

// What happened, what to do, and the request id. `failure` only where it may be shown.
Page error_page(int status, std::string_view request_id, bool html,
                const std::optional<Failure>& failure = std::nullopt);

// `path` decoded, with its slash at the end; `sort` is the query ("name", "size", "date", with a
// leading '-' for descending; anything else: by name).
Page listing_page(std::string_view path, std::vector<files::Entry> entries, bool more,
                  std::string_view sort, bool html);

}  // namespace cgisrv::server

// The head of a response as CGI has it: from a Response to text. Pure.
#pragma once

#include <string>

#include "http/message.h"

namespace cgisrv::gateway {

// Appends it, with the empty line at its end. The web server adds Date and Server, and frames the
// content; fields of a connection are left out.
void write_cgi_head(std::string& to, const http::Response& response, http::Content content);

}  // namespace cgisrv::gateway

// What a web server in front says of a request beside the request itself, by FastCGI or SCGI.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "access/peer.h"
#include "cgi/environment.h"
#include "cgi/script.h"
#include "site/named_program.h"

namespace cgisrv::exchange {

struct Gateway {
  cgi::Endpoints endpoints;
  access::Peer client;
  std::string user;                                    // whom it has let in; empty: nobody
  std::string request_id{};                            // as said, unchecked; empty: nothing
  std::optional<site::NamedProgram> program{};         // nothing: the path is routed
  std::span<const std::string> programs{};             // of the listener: see site::locate_named()
  std::shared_ptr<const cgi::AddedVariables> added{};  // never null once it was read
};

}  // namespace cgisrv::exchange

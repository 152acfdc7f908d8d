// Chooses what answers a request: routing, methods, limits, then a program, a file or a page.
#pragma once

#include <memory>

#include "http/exchange.h"

namespace cgisrv::server {

class Connection;
class Service;

// Never null. The request has a valid head; its host and target decide.
std::unique_ptr<http::Handler> choose_answer(Service& service, Connection& connection,
                                             const std::string& redirect_url);

}  // namespace cgisrv::server

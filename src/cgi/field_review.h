// Logs which request fields are withheld from programs.
#pragma once

#include <string>
#include <unordered_set>

#include "cgi/options.h"
#include "cgi/script.h"
#include "http/message.h"

namespace cgisrv::cgi {

class FieldReview {
 public:
  // Logs each name once.
  void review(const http::Request& request, std::string_view request_id, const Script& script,
              const Options& options);

 private:
  static constexpr std::size_t names_max = 32;  // clients choose the names: no log beyond this
  std::unordered_set<std::string> seen_;
};

}  // namespace cgisrv::cgi

// Logs which request fields are withheld from programs.
#pragma once

#include <string>
#include <unordered_set>

#include "cgi/script.h"
#include "http/message.h"

namespace cgisrv::cgi {

class FieldReview {
 public:
  // Logs each name once. `takes_authorization`: the program is given that field, or need not be, as
  // the server has checked it.
  void review(const http::Request& request, std::string_view request_id, const Script& script,
              bool takes_authorization);

 private:
  static constexpr std::size_t names_max = 32;  // clients choose the names: no log beyond this
  std::unordered_set<std::string> seen_;
};

}  // namespace cgisrv::cgi

// Watches programs while they run: cgisrv exec has an observer, the server's workers have none.
#pragma once

#include <memory>
#include <string_view>

#include "account/account.h"
#include "cgi/environment.h"
#include "cgi/script.h"

namespace cgisrv::cgi {

// Runs of one exchange follow each other (local redirects): the response is the last one's.
class Observer {
 public:
  virtual ~Observer() = default;
  // The program is about to be started with that environment.
  virtual void starting(const Script& script, const Environment& environment,
                        std::shared_ptr<const account::Account> account) = 0;
  virtual void printed(std::string_view bytes) = 0;     // on standard output, raw
  virtual void complained(std::string_view bytes) = 0;  // on standard error, raw
  // A run is over, and its account closed; its usage may be final by now.
  virtual void over() = 0;
};

}  // namespace cgisrv::cgi

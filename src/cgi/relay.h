// What a program prints, on its way into the response.
//
//   head --> body        the head is whole: the rest is handed on as it comes
//     \----> broken      it is no CGI response: problem() says why
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "account/account.h"
#include "cgi/options.h"
#include "cgi/response.h"
#include "cgi/script.h"
#include "http/exchange.h"

namespace cgisrv::cgi {

class Relay {
 public:
  enum class Phase : std::uint8_t { head, body, broken };

  Relay(http::Exchange& exchange, const Script& script, const Options& options,
        account::Account& account)
      : exchange_(&exchange), script_(script), options_(options), account_(account) {}

  // From now on that is whom the response is for.
  void turn_to(http::Exchange& exchange) { exchange_ = &exchange; }

  Phase phase() const { return phase_; }
  void take(std::string_view output);
  // There will be no more. In the head: it becomes body where that was a response, else broken.
  void end();

  // The head asks for another path instead: the body, if any, is nobody's.
  bool redirects() const;
  // Ends the exchange with that. Once the program has ended.
  void redirect();

  // One sentence, with the line that is wrong.
  std::string problem() const;
  // What was printed, while there is no head.
  std::string_view collected() const { return parser_.collected(); }

 private:
  void take_head(std::string_view output);
  void take_without_head();
  void respond(http::Response response);

  http::Exchange* exchange_;
  const Script& script_;
  const Options& options_;
  account::Account& account_;
  ResponseParser parser_;
  Phase phase_ = Phase::head;
};

}  // namespace cgisrv::cgi

// Passes a program's output on into the response.
//
//   head --> body        the head is whole: the rest is passed on as it arrives
//     \----> broken      no CGI response: problem() says why, better the more output there is
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "account/account.h"
#include "cgi/options.h"
#include "cgi/response.h"
#include "cgi/script.h"
#include "handler/exchange.h"

namespace cgisrv::cgi {

class Relay {
 public:
  enum class Phase : std::uint8_t { head, body, broken };

  Relay(handler::Exchange& exchange, const Script& script, const Options& options,
        account::Usage& usage)
      : exchange_(exchange),
        script_(script),
        options_(options),
        usage_(usage),
        is_for_web_server_(exchange.is_for_web_server()),
        parser_({options.response_header_size, options.response_header_fields}) {}

  Phase phase() const { return phase_; }
  void take(std::string_view output);
  // The output has ended. In the head: becomes body where it was a response, else broken.
  void end();

  // The head asks for another path instead, or for a file, and this server is to follow. The body,
  // if any, is dropped.
  bool hands_on() const { return redirects() || sends_file(); }
  // Ends the exchange with that. Only after the program has ended.
  void hand_on();

  // Why that is impossible, in one sentence; empty: it is possible.
  std::string why_not_handed_on() const;

  // One sentence, with the faulty line.
  std::string problem() const;
  // There is no head, and no more output is needed to say why.
  bool is_hopeless() const { return phase_ == Phase::broken && rest_.size() == rest_bytes_max; }
  // Whether anything was printed.
  bool has_output() const { return !parser_.collected().empty(); }
  // The beginning and the end of the output, while there is no head.
  std::string excerpt() const;

 private:
  // Output after a failed head is kept up to this: the reason may be at its end.
  static constexpr std::size_t rest_bytes_max = 64 * 1024;

  void take_head(std::string_view output);
  void take_status_line(std::string_view output);
  bool is_in_chunks() const;
  void take_without_head();
  void respond(http::Response response);
  void leave_to_web_server(http::Response& response) const;
  bool asks_for_path() const;
  bool redirects() const;
  bool sends_file() const;
  std::string why_no_redirect() const;

  handler::Exchange& exchange_;
  const Script& script_;
  const Options& options_;
  account::Usage& usage_;
  const bool is_for_web_server_;
  ResponseParser parser_;
  std::string status_line_;       // of a whole response of HTTP/1.x, as far as it has come
  bool has_status_line_ = false;  // it is whole
  std::string rest_;              // kept once broken
  Phase phase_ = Phase::head;
};

}  // namespace cgisrv::cgi

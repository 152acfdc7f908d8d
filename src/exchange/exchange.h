// One request, from its head to its log entry, over any protocol. It finds what answers it, limits
// its body, and handles a body that breaks off, local redirects, error pages, accounting and logs.
// Made for one request and dropped with it.
//
//                    open_body()
//     body:     unopened ----> open
//                  |  \         |  \  the client breaks off, or sends too much or too slowly
//                  |   +--------|---+------> faulted: the handler is dropped, the client told
//                  +------------+----------> discarded: nobody reads it, so its errors are ignored
//
//     response: none ----> head ----> ended      whole; it goes out as the client takes it
//                 \          |
//                  +---------+-----> aborted    cut short
//
// The wire owns it, reports events to it, and hands it to Host::release() after delivered() or
// client_gone(). Its handler may be on the stack then, or go on by itself: a program that runs on
// to its end. The host keeps it until the handler has ended, whose other calls have no effect.
#pragma once

#include <cgisrv/loop.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "account/account.h"
#include "base/result.h"
#include "cgi/options.h"
#include "exchange/host.h"
#include "exchange/wire.h"
#include "handler/exchange.h"
#include "proxy/origin.h"

namespace cgisrv::exchange {

class EncodedBody;

class Exchange final : public handler::Exchange {
 public:
  enum class Body : std::uint8_t { unopened, open, discarded, faulted };
  enum class Reply : std::uint8_t { none, head, ended, aborted };

  // All three outlive the exchange; wire and request only up to delivered() or client_gone(). A
  // local redirect changes the request.
  Exchange(Host& host, Wire& wire, http::Request& request);
  ~Exchange() override;

  // ---- called by the wire, never with a handler on the stack, except body_failed()
  // First: the request's head is whole.
  void start();
  // Instead: the head is unacceptable. `line` is its first line, for the logs; it lives as long as
  // the request.
  void refuse(int status, std::string_view reason, std::string_view line);
  // There may be more of the body, or it is complete.
  void body_ready();
  // The rest of the body cannot be read. Handled as soon as no handler is on the stack.
  void body_failed(int status, std::string reason);
  // There was no room, and now there is.
  void room_ready();
  // Last call, this or the next. The response has ended and is sent.
  void delivered();
  // The client has left, or is treated as gone.
  void client_gone();

  // ---- what a wire may ask
  Body body_state() const { return body_; }
  Reply reply() const { return reply_; }
  bool has_ended() const { return reply_ == Reply::ended || reply_ == Reply::aborted; }
  int status() const { return status_; }  // 0 until there is one
  // Its handler goes on, though the client is gone or has the whole response.
  bool is_detached() const { return is_detached_; }
  // A discarded body may be as large as any other. Beyond the limit, reading stops while the
  // response is made; it resumes after it, because some clients send everything before they read.
  bool may_discard() const { return has_ended() || !is_too_large(); }
  // Bytes after the request cannot be trusted, or are not worth looking for.
  bool body_is_lost() const { return body_ == Body::faulted || is_too_large(); }

  // ---- handler::Exchange
  const http::Request& request() const override { return request_; }
  std::string_view request_id() const override;
  std::string_view user() const override { return user_; }
  std::string_view auth_type() const override { return auth_type_; }
  bool is_for_web_server() const override { return gateway() != nullptr; }
  bool keeps_password() const override { return routing_.has_password_rules; }
  void open_body() override;
  std::string_view body() override;
  void consume(std::size_t bytes) override;
  bool body_complete() override;
  void discard_body() override;
  void respond(http::Response response) override;
  bool takes_raw() const override { return is_over() || wire_->takes_raw(); }
  void respond_raw(int status) override;
  std::size_t room() const override;
  void write(std::string_view bytes) override;
  bool takes_files() const override { return encoded_ == nullptr; }
  void send_file(int file, std::uint64_t offset, std::uint64_t length) override;
  std::uint64_t missing() const override;
  void flush() override;
  void complain(std::string_view bytes) override {
    if (!is_over()) wire_->complain(bytes);
  }
  void set_account(std::shared_ptr<account::Account> account) override;
  void finish() override;
  bool leave() override;
  void abort() override;
  void fail(handler::Failure failure) override;
  bool may_redirect() const override;
  void redirect(std::string path_query, std::vector<http::Field> fields) override;
  void send_instead(http::Response head, std::string file) override;

  // ---- for handlers and pages (exchange_client.cc)
  // For the handler of Host::admit(): the client is that user, and is answered. The handler is on
  // the stack, and dropped.
  void let_in(std::string user);
  // What has been found is not held open while it is decided who the client is.
  void close_found() { routing_.located.seen.fd.reset(); }
  // The client is that user; nobody has checked it.
  void set_user(std::string user) { user_ = std::move(user); }
  // The client's certificate says so.
  void set_certified_user(std::string user) {
    user_ = std::move(user);
    auth_type_ = "CLIENT_CERT";
  }
  // The client's end may be that which a proxy names, and ours the public one.
  const cgi::Endpoints& endpoints() const;
  Reach reach() const { return wire_->client().reach(); }
  // Null: no web server has passed the request on.
  const Gateway* gateway() const { return is_over() ? nullptr : wire_->client().gateway(); }
  // Who asks, for rules of access.
  const access::Peer& visitor() const { return visitor_; }
  // The client has asked by https: here, or at a trusted proxy, which says so.
  bool is_https() const {
    return origin_ && origin_->https ? *origin_->https : wire_->client().endpoints().https;
  }
  // Here: a proxy's TLS does not count.
  bool has_tls() const { return !wire_->client().endpoints().tls_protocol.empty(); }
  // The host that the client has named to TLS; empty: none, or there is no TLS.
  std::string_view tls_server_name() const { return wire_->client().endpoints().tls_server_name; }
  // Null: none was asked for. That of a proxy is not the client's.
  const access::ClientCertificate* client_certificate() const {
    return endpoints().client_certificate.get();
  }
  // After a local redirect: the path of the first request. Else empty.
  const std::string& redirect_url() const { return redirect_url_; }
  // What led to this request's present target.
  cgi::Redirected redirected() const;
  // The answer is the page of a failure that has happened.
  bool is_error_page() const { return failed_ != nullptr; }
  // Whether the client is the author, on this machine, who may see why a program failed.
  bool shows_failures() const;
  // A fault of the client: the client is told of it, and the log says who sent what.
  handler::Failure clients_fault(int status, std::string_view reason) const;

 private:
  // A failure for which a page of the site answers.
  struct Failed {
    handler::Failure failure;
    const config::Location* location = nullptr;  // where it happened
    std::string method;                          // of the request then
    std::string query;                           // likewise
  };
  struct BodyFault {
    int status = 0;
    std::string reason;
  };

  handler::HandlerPtr find_origin();
  void find_request_id(const access::AddressSet& trusted);
  bool take_web_servers_id();
  void take_request_id(const Result<std::string_view>& said);
  void show_what_is_believed();
  void find_ends() const;
  void route();
  void turn_to(std::string path_query);
  void tell_web_server(std::string_view text);
  bool show_error_page(handler::Failure& failure);
  void send_failure(const handler::Failure& failure);
  void note_program();
  void answer_admitted();
  handler::HandlerPtr refuse_large_body();
  void answer(handler::HandlerPtr handler);
  bool is_over() const { return wire_ == nullptr; }
  void encode(http::Response& response);
  void end_content();
  bool is_too_large() const;
  std::string too_much() const;
  void settle_body_fault();
  std::string request_line() const;
  const config::Location* location() const;
  void describe_request(accesslog::AccessEntry& entry) const;
  std::string_view remote_user(const cgi::Options& options) const;
  void describe_client(accesslog::AccessEntry& entry) const;
  void log_access();
  void let_go();
  bool ends_unheard();

  Host& host_;
  Wire* wire_;  // null: the exchange is over, and its calls have no effect
  http::Request& request_;
  // A proxy's, or our own, which is made when somebody asks for it: most files need none.
  mutable std::string request_id_;
  const TimePoint began_;

  // ---- the client (exchange_origin.cc)
  access::Peer visitor_;
  bool shows_proxy_ = true;  // a field of the request does, as it came; true until it was looked at
  std::unique_ptr<proxy::Origin> origin_;  // null: no proxy is trusted
  // For programs and logs; null: those of the connection. Found when somebody asks for them.
  mutable std::unique_ptr<cgi::Endpoints> ends_;
  mutable bool are_ends_found_ = true;

  // ---- the request
  const std::string_view asked_method_;  // before a local redirect changes it
  std::string_view refused_line_;        // of a refused head: its first line, cut short
  const bool body_has_length_;           // known from the head
  Body body_ = Body::unopened;
  std::optional<BodyFault> body_fault_;  // not handled yet
  Timer fault_timer_;                    // handles it when no handler is on the stack

  // ---- what answers
  Routing routing_;
  std::string user_;                      // who has logged in; kept over local redirects
  std::string_view auth_type_ = "Basic";  // how
  std::string script_name_;               // of the last program that answered
  std::string script_filename_;           // likewise
  handler::HandlerPtr handler_;
  bool is_detached_ = false;
  std::shared_ptr<account::Account> account_;  // of the program that answers
  unsigned redirects_ = 0;
  std::string redirect_target_;       // the target after a local redirect; the request refers to it
  std::string tried_query_;           // with that of a step of `try`; the request refers to it
  std::string redirect_url_;          // the path of the first request
  std::vector<http::Field> carried_;  // fields that a local redirect adds to the response
  std::unique_ptr<Failed> failed_;    // its page answers now

  // ---- the response
  Reply reply_ = Reply::none;
  int status_ = 0;
  http::Content content_ = http::Content::none;
  std::uint64_t length_left_ = 0;         // of content of known size, not yet written
  std::unique_ptr<EncodedBody> encoded_;  // of that content; null: it goes out as it is
  std::string diagnosis_;                 // of a failed response
};

}  // namespace cgisrv::exchange

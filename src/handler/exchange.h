// One request and its response, over any protocol: what a handler (a file, a program, a page) sees
// of the client, and what the client's connection sees of a handler.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"

namespace cgisrv::account {
class Account;
}

namespace cgisrv::handler {

// Why a handler could not answer. The exchange decides who is shown the details.
struct Failure {
  int status = 500;
  std::string reason;       // one sentence for the log and the author: cause and remedy
  std::string exit;         // of a program: "exit status 3"; empty where it does not apply
  std::string stderr_tail;  // of a program, raw
  std::string output_head;  // of a program, raw; set where its output is at fault
  // What the client itself did wrong. Shown to every client: it reveals nothing of the server. With
  // it a 5xx is no fault of the server either: it is logged as information, and not as an error.
  std::string told{};
  // They go with the page, whichever that is: Allow, WWW-Authenticate, Retry-After. A 503 without
  // Retry-After gets that of the exchange.
  std::vector<http::Field> fields{};
};

// Answers one request. Its exchange owns it: what it runs ends with the exchange.
class Handler {
 public:
  virtual ~Handler() = default;
  // Called once, first.
  virtual void start() = 0;
  // There is more of the body to take with body(), or it is complete. Only after open_body().
  virtual void body_ready() {}
  // room() was 0 after a flush() and no longer is.
  virtual void room_ready() {}
  // The request's body has failed: the handler is dropped, and the client told.
  virtual void body_failed() {}
  // The client is gone. Returns whether the handler goes on all the same. Then its exchange lives
  // until the handler ends it: what it writes is dropped, and no more of the body comes.
  virtual bool client_left() { return false; }
};
using HandlerPtr = std::unique_ptr<Handler>;

class Exchange {
 public:
  virtual ~Exchange() = default;

  virtual const http::Request& request() const = 0;
  virtual std::string_view request_id() const = 0;
  // Whose password, or certificate, the server itself has checked; empty: nobody's.
  virtual std::string_view user() const { return {}; }
  // How, in the words of AUTH_TYPE.
  virtual std::string_view auth_type() const { return "Basic"; }
  // The response goes to a web server that has passed the request on. It follows what a program's
  // head asks for: another path, a file to send.
  virtual bool is_for_web_server() const { return false; }
  // Passwords are the server's to check here, though it need not have asked this client for one.
  virtual bool keeps_password() const { return false; }

  // ---- the request's body; it flows only as fast as it is consumed
  virtual void open_body() = 0;  // the handler wants it: sends 100 Continue where expected
  // The bytes that have arrived, decoded; reads from the client if need be. Valid until consume().
  // Empty: wait for body_ready(), or nothing is left.
  virtual std::string_view body() = 0;
  virtual void consume(std::size_t bytes) = 0;
  virtual bool body_complete() = 0;  // everything has arrived and is consumed
  virtual void discard_body() = 0;   // read the rest and drop it

  // ---- the response
  virtual void respond(http::Response response) = 0;  // the head, once
  // Whether the client can be sent a head of HTTP/1.1 as it is.
  virtual bool takes_raw() const { return true; }
  // Instead of respond(), if so: the handler writes everything, head included. `status` is for the
  // log.
  virtual void respond_raw(int status) = 0;
  virtual std::size_t room() const = 0;  // bytes that write() should not exceed now
  virtual void write(std::string_view bytes) = 0;
  // After respond(): whether it may be send_file(). If not, the bytes themselves are needed.
  virtual bool takes_files() const { return true; }
  // Bytes of a file, after what was written; room() is 0 until they are sent. The handler owns
  // `file` and must keep it open.
  virtual void send_file(int file, std::uint64_t offset, std::uint64_t length) = 0;
  // Bytes of the announced length that have not been written; 0 where none was announced.
  virtual std::uint64_t missing() const { return 0; }
  // Sends what was written. A handler calls it at the end of each of its turns, and when there is
  // no room; room() may have grown after it.
  virtual void flush() = 0;

  // What a program has written to its standard error, raw. Dropped where the client has no way for
  // it, or no room.
  virtual void complain(std::string_view) {}

  // The account of the run; of several programs, that of the last. Opaque to this layer.
  virtual void set_account(std::shared_ptr<account::Account>) {}

  // ---- the end: a handler calls one of these last, as the call may destroy it
  virtual void finish() = 0;               // the response is whole; as abort() if bytes are missing
  virtual void abort() = 0;                // the response is cut short, and the client must notice
  virtual void fail(Failure failure) = 0;  // before respond(): an error page
  // As finish(), for a handler that has more to do: it goes on as after client_left(). False, and
  // without effect, unless the response's length shows that it is whole.
  virtual bool leave() { return false; }
  // False when there were too many redirects already.
  virtual bool may_redirect() const { return true; }
  // Before respond(): answer this path instead, with these fields added to the response.
  virtual void redirect(std::string path_query, std::vector<http::Field> fields) = 0;
  // Before respond(): the file is the content, under this head. It is checked where files are sent.
  virtual void send_instead(http::Response head, std::string file) = 0;
};

}  // namespace cgisrv::handler

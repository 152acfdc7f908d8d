// One request and its response, whatever protocol carries them: what a handler (a file, a program,
// a page) sees of the client, and what the client's connection sees of a handler.
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

namespace cgisrv::http {

// Why a handler could not answer. Who may be shown the details is the connection's to decide.
struct Failure {
  int status = 500;
  std::string reason;       // one sentence for the log and the author: cause and remedy
  std::string exit;         // of a program: "exit status 3"; empty where it does not apply
  std::string stderr_tail;  // of a program, raw
  std::string output_head;  // of a program, raw; where its output is what is wrong
};

// Answers one request. Destroyed when the exchange is over or the client is gone: what it runs for
// the exchange ends with it, unless it keeps itself.
class Handler {
 public:
  virtual ~Handler() = default;
  // Called once, first.
  virtual void start() = 0;
  // There is more of the body to take with body(), or it is complete. Only after open_body().
  virtual void body_ready() {}
  // room() was 0 after a flush() and no longer is.
  virtual void room_ready() {}
  // The request's body has come to no good end: the handler is dropped, and the client told.
  virtual void body_failed() {}
  // The client is gone, and after this call so is the exchange: a handler that is to go on takes
  // `self`, which owns it, and must not use the exchange again.
  virtual void client_left(std::unique_ptr<Handler>& /*self*/) {}
};

class Exchange {
 public:
  virtual ~Exchange() = default;

  virtual const Request& request() const = 0;
  virtual std::string_view request_id() const = 0;

  // ---- the request's body; it flows only as fast as it is consumed
  virtual void open_body() = 0;  // the handler wants it: sends 100 Continue where expected
  // What has arrived, decoded, read from the client if need be; valid until consume(). Empty: wait
  // for body_ready(), or nothing is left.
  virtual std::string_view body() = 0;
  virtual void consume(std::size_t bytes) = 0;
  virtual bool body_complete() = 0;  // everything has arrived and is consumed
  virtual void discard_body() = 0;   // read the rest and drop it

  // ---- the response
  virtual void respond(Response response) = 0;  // the head, once
  // Instead: what is written is all, head included. `status` is for the log.
  virtual void respond_raw(int status) = 0;
  virtual std::size_t room() const = 0;  // bytes that write() should not exceed now
  virtual void write(std::string_view bytes) = 0;
  // Bytes of a file, after what was written; room() is 0 until they are sent. `file` stays the
  // handler's and must stay open.
  virtual void send_file(int file, std::uint64_t offset, std::uint64_t length) = 0;
  // Bytes of the announced length that have not been written; 0 where none was announced.
  virtual std::uint64_t missing() const { return 0; }
  // What was written goes out. A handler calls it at the end of each of its turns, and when there
  // is no room; room() may have grown after it.
  virtual void flush() = 0;

  // What answering costs; of several programs that of the last. Handed on unopened.
  virtual void charge(std::shared_ptr<account::Account>) {}

  // ---- the end: one of these, as the last thing a handler does; it may be gone afterwards
  virtual void finish() = 0;               // the response is whole; as abort() if bytes are missing
  virtual void abort() = 0;                // it is not, and the client shall see that
  virtual void fail(Failure failure) = 0;  // before respond(): an error page
  // As finish(), by a handler that has more to do: the caller owns it from now on. Null, and
  // nothing has happened, where the response is not known to be whole by its length.
  virtual std::unique_ptr<Handler> leave() { return nullptr; }
  // Before respond(): answer this path instead, with these fields added to the response.
  virtual void redirect(std::string path_query, std::vector<Field> fields) = 0;
};

}  // namespace cgisrv::http

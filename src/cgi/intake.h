// A request's body on its way to a program. A client that sends it slowly holds no permit: it is
// collected before one is asked for, the whole, or the first part (spool_memory) where its length
// is known.
#pragma once

#include <cgisrv/fd.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/result.h"
#include "cgi/options.h"
#include "cgi/spool.h"
#include "handler/exchange.h"

namespace cgisrv::cgi {

class Intake {
 public:
  // All outlive it.
  Intake(handler::Exchange& exchange, const Options& options, SpoolMemory& memory)
      : exchange_(exchange), options_(options), spool_(options.spool_memory, memory) {}

  // By the request's head, how much is collected. Returns whether nothing needs to be: most bodies
  // come with their head, and are whole by now; they stay where they are. `needs_length`: a body of
  // unknown length is collected whatever the options say.
  bool begin(bool needs_length = false);
  enum class Step : std::uint8_t {
    collected,
    waiting,    // for the client
    turn_over,  // of the loop: to be called again in the next
  };
  // Takes what has arrived.
  Result<Step> collect();

  // Of the whole body. Nothing: there is none, it is streamed, or nobody has counted it yet.
  std::optional<std::uint64_t> content_length() const { return content_length_; }
  // Once collected, of a body whose length was not known before: sets the length, and has the body
  // come out as a file. Else an invalid descriptor.
  Result<Fd> take_whole();
  // The same, but the body comes out by next().
  void count() {
    if (!content_length_) content_length_ = spool_.size();
  }

  // What is to be passed on next: what was collected goes before what still comes. Empty: nothing
  // is here now. Valid until drop(); may use `scratch`.
  Result<std::string_view> next(std::span<char> scratch) const;
  void drop(std::size_t bytes);
  // Nobody wants the rest. The client may send on; the bytes are dropped.
  void discard();
  bool is_complete() const { return spool_.size() == 0 && exchange_.body_complete(); }

 private:
  handler::Exchange& exchange_;
  const Options& options_;
  std::uint64_t collects_ = 0;  // bytes of the body
  Spool spool_;
  std::optional<std::uint64_t> content_length_;
};

}  // namespace cgisrv::cgi

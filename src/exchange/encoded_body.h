// A response's content on its way through an encoder to the wire. What is written goes on as the
// encoder gives it away; flush() and end() make it give away everything.
#pragma once

#include <cgisrv/loop.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "encoding/encoder.h"
#include "exchange/wire.h"

namespace cgisrv::exchange {

class EncodedBody {
 public:
  // Compressing takes so long that a turn of the loop has a share for each body: about a
  // millisecond.
  static constexpr std::size_t turn_bytes_max = 32 * 1024;

  // `wire` outlives it. `again` is called in a later turn if room() was 0; it may destroy this.
  EncodedBody(Loop& loop, Wire& wire, std::unique_ptr<encoding::Encoder> encoder, Callback again)
      : wire_(wire),
        encoder_(std::move(encoder)),
        again_(again),
        turn_timer_(loop, Callback::of<&EncodedBody::begin_turn>(*this)) {}

  // Bytes that write() should not exceed in this turn.
  std::size_t room() const { return left_of_turn_; }
  void write(std::string_view bytes);
  // The client can decode all that was written.
  void flush();
  // The content is whole. Nothing is written after it.
  void end() { encode({}, encoding::Then::end); }

 private:
  void begin_turn();
  void encode(std::string_view bytes, encoding::Then then);

  Wire& wire_;
  std::unique_ptr<encoding::Encoder> encoder_;
  Callback again_;
  Timer turn_timer_;
  std::size_t left_of_turn_ = turn_bytes_max;
  bool holds_bytes_ = false;  // the encoder may keep some of what was written
  std::string encoded_;       // for the wire; its memory is reused
};

}  // namespace cgisrv::exchange

#include "exchange/encoded_body.h"

#include <algorithm>

namespace cgisrv::exchange {

void EncodedBody::write(std::string_view bytes) {
  encode(bytes, encoding::Then::more);
  holds_bytes_ = true;
  left_of_turn_ -= std::min(left_of_turn_, bytes.size());
  if (left_of_turn_ == 0) turn_timer_.arm_after(Clock::duration::zero());
}

void EncodedBody::flush() {
  if (holds_bytes_) encode({}, encoding::Then::pause);
  holds_bytes_ = false;
}

void EncodedBody::begin_turn() {
  left_of_turn_ = turn_bytes_max;
  again_();
}

void EncodedBody::encode(std::string_view bytes, encoding::Then then) {
  encoder_->encode(bytes, then, encoded_);
  if (!encoded_.empty()) wire_.write(encoded_);
  encoded_.clear();
}

}  // namespace cgisrv::exchange

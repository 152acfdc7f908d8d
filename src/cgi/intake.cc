#include "cgi/intake.h"

#include <algorithm>

#include "event/turn.h"

namespace cgisrv::cgi {

bool Intake::begin(bool needs_length) {
  const http::Request& request = exchange_.request();
  if (request.framing == http::Framing::length) {
    content_length_ = request.content_length;
    collects_ = std::min(request.content_length, options_.spool_memory);
  } else if (request.framing == http::Framing::chunked &&
             (needs_length || options_.chunked == ChunkedBody::spool)) {
    collects_ = UINT64_MAX;
  }
  return collects_ == 0 || exchange_.body().size() >= collects_;
}

Result<Intake::Step> Intake::collect() {
  Turn turn;
  while (spool_.size() < collects_) {
    const auto bytes = exchange_.body().substr(0, collects_ - spool_.size());
    if (bytes.empty()) break;
    if (auto kept = spool_.append(bytes); !kept) return std::unexpected(kept.error());
    exchange_.consume(bytes.size());
    if (turn.is_over() && spool_.size() < collects_) return Step::turn_over;
  }
  if (spool_.size() < collects_ && !exchange_.body_complete()) return Step::waiting;
  return Step::collected;
}

Result<Fd> Intake::take_whole() {
  if (content_length_) return Fd();
  content_length_ = spool_.size();
  return spool_.take();
}

Result<std::string_view> Intake::next(std::span<char> scratch) const {
  if (spool_.size() == 0) return exchange_.body();
  return spool_.front(scratch);
}

void Intake::drop(std::size_t bytes) {
  if (spool_.size() == 0) return exchange_.consume(bytes);
  spool_.drop(bytes);
}

void Intake::discard() {
  spool_.drop(spool_.size());
  exchange_.discard_body();
}

}  // namespace cgisrv::cgi

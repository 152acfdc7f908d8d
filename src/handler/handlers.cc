#include "handler/handlers.h"

#include <unistd.h>

#include <algorithm>
#include <array>

namespace cgisrv::handler {

void PageHandler::start() {
  response_.content_length = body_.size();
  exchange_.respond(std::move(response_));
  room_ready();
}

void PageHandler::room_ready() {
  while (sent_ < body_.size()) {
    if (exchange_.room() == 0) exchange_.flush();
    const std::size_t size = std::min(exchange_.room(), body_.size() - sent_);
    if (size == 0) return;
    exchange_.write(std::string_view(body_).substr(sent_, size));
    sent_ += size;
  }
  exchange_.finish();
}

HandlerPtr refuse(Exchange& exchange, int status, std::string reason) {
  return std::make_unique<FailureHandler>(exchange,
                                          Failure{.status = status, .reason = std::move(reason)});
}

void FileHandler::start() {
  exchange_.respond(std::move(answer_.response));
  room_ready();
}

void FileHandler::room_ready() {
  if (!exchange_.takes_files()) return copy();
  while (next_piece_ < answer_.pieces.size()) {
    if (exchange_.room() == 0) exchange_.flush();
    if (exchange_.room() == 0) return;
    const files::Piece& piece = answer_.pieces[next_piece_++];
    exchange_.write(piece.text);
    exchange_.send_file(file_.get(), piece.offset, piece.length);
  }
  exchange_.finish();
}

// For content that is compressed on its way: it is the whole file, in one piece.
void FileHandler::copy() {
  const files::Piece& piece = answer_.pieces.front();
  std::array<char, 16 * 1024> bytes;
  while (copied_ < piece.length) {
    if (exchange_.room() == 0) exchange_.flush();
    const auto size =
        std::min<std::uint64_t>({bytes.size(), exchange_.room(), piece.length - copied_});
    if (size == 0) return;
    const ssize_t got =
        ::pread(file_.get(), bytes.data(), size, static_cast<off_t>(piece.offset + copied_));
    if (got <= 0) return exchange_.abort();
    exchange_.write({bytes.data(), static_cast<std::size_t>(got)});
    copied_ += static_cast<std::uint64_t>(got);
  }
  exchange_.finish();
}

}  // namespace cgisrv::handler

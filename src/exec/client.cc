#include "exec/client.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "http1/writer.h"

namespace cgisrv::exec {

namespace {
constexpr std::size_t piece_bytes = 64 * 1024;
}

Client::Client(Loop& loop, Fd socket, const ExecRequest& request, Callback over)
    : request_(request),
      over_(over),
      response_(request.method == "HEAD"),
      socket_(loop, std::move(socket), EPOLLIN | EPOLLOUT | EPOLLET,
              WatchCallback::of<&Client::ready>(*this)) {
  output_.append(request.head);
}

void Client::ready() {
  if (response_.over()) return;
  send_more();
  receive_more();
  if (response_.over()) over_();
}

// A server that has refused the request may not read all of it; its response counts.
void Client::send_more() {
  while (!sent_ && (!output_.empty() || fill())) {
    const auto bytes = output_.view();
    const ssize_t size = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size < 0 && errno == EAGAIN) return;
    if (size < 0) break;
    output_.drop(static_cast<std::size_t>(size));
  }
  sent_ = true;
}

// Appends the next piece of the body, or its end. Returns whether there was any.
bool Client::fill() {
  if (!request_.body || body_ended_) return false;
  const Body& body = *request_.body;
  std::array<char, piece_bytes> piece;
  const auto wanted = std::min<std::uint64_t>(piece.size(), body.length - body_sent_);
  const ssize_t size =
      ::pread(body.file.get(), piece.data(), wanted, static_cast<off_t>(body.offset + body_sent_));
  const auto got = static_cast<std::size_t>(std::max<ssize_t>(size, 0));
  body_sent_ += got;
  body_ended_ = got == 0 || body_sent_ == body.length;
  if (request_.chunked && got > 0) http1::write_chunk_size(output_.back(), got);
  output_.append({piece.data(), got});
  if (request_.chunked && got > 0) output_.append(http1::chunk_end);
  if (request_.chunked && body_ended_) output_.append(http1::last_chunk);
  return !output_.empty();
}

void Client::receive_more() {
  std::array<char, piece_bytes> bytes;
  while (!response_.over()) {
    const ssize_t size = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) return response_.end();
    response_.feed({bytes.data(), static_cast<std::size_t>(size)});
  }
}

}  // namespace cgisrv::exec

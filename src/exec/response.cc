#include "exec/response.h"

#include <algorithm>

#include "base/text.h"

namespace cgisrv::exec {

namespace {

// "200" of "HTTP/1.1 200 OK"; 0 if it is no status line.
int status_of(std::string_view head) {
  const auto space = head.find(' ');
  if (!head.starts_with("HTTP/") || space == head.npos) return 0;
  const int status = text::parse_number<int>(head.substr(space + 1, 3)).value_or(0);
  return status >= 100 ? status : 0;
}

struct HeadEnd {
  std::size_t begin = 0;  // of the empty line
  std::size_t end = 0;    // 0: not received yet
};

HeadEnd find_end(std::string_view bytes) {
  const auto crlf = bytes.find("\r\n\r\n");
  const auto lf = bytes.find("\n\n");
  if (crlf == bytes.npos && lf == bytes.npos) return {};
  return crlf < lf ? HeadEnd{crlf, crlf + 4} : HeadEnd{lf, lf + 2};
}

}  // namespace

void Response::feed(std::string_view bytes) {
  if (over()) return;
  input_.append(bytes);
  while (state_ == State::head && take_head()) {
  }
  if (state_ == State::body) take_body();
}

void Response::end() {
  if (over()) return;
  const bool by_close = state_ == State::body && !length_left_ && !chunks_;
  finish(by_close);
}

// Returns whether there may be another head: this one was interim.
bool Response::take_head() {
  const auto [begin, end] = find_end(input_.view());
  if (end == 0) {
    if (input_.size() > head_bytes_max) finish(false);
    return false;
  }
  head_ = input_.view().substr(0, begin);
  input_.drop(end);
  status_ = status_of(head_);
  if (status_ / 100 == 1 && status_ != 101) return true;
  state_ = State::body;
  read_fields();
  return false;
}

void Response::read_fields() {
  std::string_view rest = head_;
  text::take_until(rest, '\n');
  while (!rest.empty()) {
    std::string_view value = text::take_line(rest);
    const auto name = text::take_until(value, ':');
    value = text::trim(value);
    if (text::equals_ignoring_case(name, "Content-Length"))
      length_left_ = text::parse_number<std::uint64_t>(value);
    if (text::equals_ignoring_case(name, "Transfer-Encoding") &&
        text::equals_ignoring_case(value, "chunked"))
      chunks_.emplace();
  }
  if (chunks_) length_left_.reset();
  if (to_head_ || status_ == 204 || status_ == 304) length_left_ = 0;
}

void Response::take_body() {
  while (chunks_ && !input_.empty()) {
    const auto step = chunks_->next(input_.view());
    body_.add(step.data);
    if (step.consumed == 0) break;
    input_.drop(step.consumed);
  }
  if (chunks_) {
    const auto state = chunks_->state();
    if (state != http1::ChunkedDecoder::State::open)
      finish(state == http1::ChunkedDecoder::State::complete);
    return;
  }
  const auto room =
      length_left_ ? std::min<std::uint64_t>(*length_left_, input_.size()) : input_.size();
  body_.add(input_.view().substr(0, room));
  input_.drop(input_.size());
  if (length_left_) *length_left_ -= room;
  if (length_left_ && *length_left_ == 0) finish(true);
}

void Response::finish(bool whole) {
  state_ = State::over;
  whole_ = whole;
  // Without a head everything is body, so that it can be shown.
  if (head_.empty()) body_.add(input_.view());
}

}  // namespace cgisrv::exec

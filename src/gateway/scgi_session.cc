#include "gateway/scgi_session.h"

#include <utility>

#include "gateway/scgi_head.h"

namespace cgisrv::gateway {

std::string_view ScgiSession::take(std::string_view bytes) {
  if (has_begun_) {
    take_body(bytes);
    return {};
  }
  head_.append(bytes);
  return take_head();
}

std::string_view ScgiSession::take_head() {
  using State = ScgiHead::State;
  const ScgiHead head = read_scgi_head(head_, params_bytes_max(limits().header_size));
  if (head.state == State::malformed) return head.problem;
  if (head.state == State::incomplete) return {};
  has_begun_ = true;
  close_at_end();
  Stream& stream = begin(only_id);
  if (head.state == State::too_large)
    stream.refuse({431, "the parameters of the web server are too many (header_size)"});
  else
    stream.head_complete(head.params);
  const std::string all = std::exchange(head_, {});
  take_body(std::string_view(all).substr(head.consumed));
  return {};
}

// Where no length was said, there is no body.
void ScgiSession::take_body(std::string_view bytes) {
  Stream* const stream = find(only_id);
  if (stream == nullptr || stream->is_refused() || stream->is_body_ended()) return;
  if (!bytes.empty() && stream->body_left() != 0) stream->body_arrived(bytes);
  if (stream->body_left() == 0) stream->body_ended();
}

void ScgiSession::append_content(std::string& to, const Stream& /*stream*/,
                                 std::string_view bytes) {
  to.append(bytes);
}

}  // namespace cgisrv::gateway

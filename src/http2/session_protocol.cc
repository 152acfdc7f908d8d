// What nghttp2 asks and tells in the middle of its work. It is noted, and carried out later.
#include <algorithm>
#include <iterator>

#include "http2/session.h"
#include "http2/sparse_memory.h"

namespace cgisrv::http2 {

namespace {

constexpr std::size_t output_fill = 64 * 1024;  // frames are made up to here
// A frame of a body, with its head, fills a record of TLS, and four of them the output.
constexpr std::size_t data_bytes_max = 16 * 1024 - 9;
constexpr std::int32_t connection_window = 1 << 20;
constexpr std::uint32_t stream_window = 64 * 1024;
constexpr std::size_t settings_entries_max = 32;
constexpr std::size_t continuations_max = 8;
// response_header_size is the limit; nghttp2's own is 64 KiB.
constexpr std::size_t response_head_bytes_max = 32 << 20;

std::string_view text_of(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

bool ends_stream(const nghttp2_frame& frame) {
  return (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
}

}  // namespace

struct Session::Callbacks {
  static Session& of(void* self) { return *static_cast<Session*>(self); }
  static Stream* stream_of(nghttp2_session* protocol, std::int32_t id) {
    return static_cast<Stream*>(nghttp2_session_get_stream_user_data(protocol, id));
  }

  // ---- receiving
  static int begin_headers(nghttp2_session* protocol, const nghttp2_frame* frame, void* self) {
    Session& session = of(self);
    session.is_head_open_ = true;
    session.head_timer_.disarm();  // that was of the head before
    session.trailer_bytes_ = 0;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    session.streams_.push_back(std::make_unique<Stream>(session, frame->hd.stream_id));
    Stream& stream = *session.streams_.back();
    stream.position = std::prev(session.streams_.end());
    session.has_had_request_ = true;
    nghttp2_session_set_stream_user_data(protocol, frame->hd.stream_id, &stream);
    return 0;
  }

  // Trailers are checked, and dropped.
  static int header(nghttp2_session* protocol, const nghttp2_frame* frame, const std::uint8_t* name,
                    std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                    std::uint8_t, void* self) {
    Session& session = of(self);
    Stream* const stream = stream_of(protocol, frame->hd.stream_id);
    if (stream == nullptr) return 0;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
      session.trailer_bytes_ += name_size + value_size;
      session.flood_.head(session.trailer_bytes_, session.limits().header_size);
      if (!may_be_trailer(text_of(name, name_size), text_of(value, value_size)))
        stream->bad_trailers();
      return session.flood_.problem().empty() ? 0 : NGHTTP2_ERR_PAUSE;
    }
    stream->head().add(text_of(name, name_size), text_of(value, value_size));
    session.flood_.head(stream->head().bytes(), session.limits().header_size);
    return session.flood_.problem().empty() ? 0 : NGHTTP2_ERR_PAUSE;
  }

  static int frame_received(nghttp2_session* protocol, const nghttp2_frame* frame, void* self) {
    Session& session = of(self);
    Stream* const stream = stream_of(protocol, frame->hd.stream_id);
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
        session.is_head_open_ = false;
        if (stream == nullptr) break;
        if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
          stream->head_complete(!ends_stream(*frame));
        } else {
          stream->body_ended();
          if (!ends_stream(*frame)) stream->bad_trailers();
        }
        session.note(*stream);
        break;
      case NGHTTP2_DATA:
        if (frame->hd.length == frame->data.padlen && !ends_stream(*frame))
          session.flood_.empty(session.loop().now());
        if (stream == nullptr || !ends_stream(*frame)) break;
        stream->body_ended();
        session.note(*stream);
        break;
      case NGHTTP2_RST_STREAM:
        session.count_reset();
        break;
      case NGHTTP2_PING:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0 && session.end_ == End::announced)
          session.is_announcement_heard_ = true;
        session.flood_.control(session.loop().now());
        break;
      case NGHTTP2_WINDOW_UPDATE:
        if (stream != nullptr)
          stream->window_given(
              static_cast<std::uint32_t>(frame->window_update.window_size_increment));
        session.flood_.window_update(session.loop().now());
        break;
      case NGHTTP2_SETTINGS:
        session.check_windows();
        session.flood_.control(session.loop().now());
        break;
      default:
        break;
    }
    return 0;
  }

  // Frames that nghttp2 ignores cost as much as others.
  static int frame_begins(nghttp2_session* protocol, const nghttp2_frame_hd* head, void* self) {
    Session& session = of(self);
    const bool is_priority = head->type == NGHTTP2_PRIORITY;
    if (is_priority || head->type > NGHTTP2_CONTINUATION)
      session.flood_.control(session.loop().now());
    if (is_priority && head->stream_id == 0)
      nghttp2_session_terminate_session(protocol, NGHTTP2_PROTOCOL_ERROR);
    return 0;
  }
  static int unknown_frame(nghttp2_session*, void**, const nghttp2_frame_hd*, void*) {
    return NGHTTP2_ERR_CANCEL;
  }

  static int data_received(nghttp2_session* protocol, std::uint8_t, std::int32_t id,
                           const std::uint8_t* bytes, std::size_t size, void* self) {
    Session& session = of(self);
    nghttp2_session_consume_connection(protocol, size);
    Stream* const stream = stream_of(protocol, id);
    if (stream == nullptr) return nghttp2_session_consume_stream(protocol, id, size);
    stream->body_arrived(text_of(bytes, size));
    session.note(*stream);
    return 0;
  }

  static int stream_closed(nghttp2_session* protocol, std::int32_t id, std::uint32_t, void* self) {
    Session& session = of(self);
    Stream* const stream = stream_of(protocol, id);
    if (stream == nullptr) return 0;
    nghttp2_session_set_stream_user_data(protocol, id, nullptr);
    stream->closed(session.written() + session.output_.size());
    session.closed_streams_.push_back(stream);
    if (!stream->is_end_framed()) session.note(*stream);
    return 0;
  }

  // ---- sending
  static ssize_t data_room(nghttp2_session*, std::uint8_t, std::int32_t, std::int32_t, std::int32_t,
                           std::uint32_t, void*) {
    return data_bytes_max;
  }

  static int send_data(nghttp2_session*, nghttp2_frame* frame, const std::uint8_t* head,
                       std::size_t size, nghttp2_data_source* source, void* self) {
    Session& session = of(self);
    if (session.output_.size() >= output_fill) return NGHTTP2_ERR_WOULDBLOCK;
    std::string& output = session.output_.back();
    const std::size_t before = output.size();
    output.append(text_of(head, 9));
    if (!static_cast<Stream*>(source->ptr)->take(size, output)) {
      output.resize(before);
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    session.framed_ += size;
    session.flood_.data_sent();
    return frame->hd.stream_id > 0 ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
  }

  static int frame_sent(nghttp2_session* protocol, const nghttp2_frame* frame, void* self) {
    Session& session = of(self);
    if (frame->hd.type == NGHTTP2_RST_STREAM) {
      // Those that the client has brought about count as its own. One that is refused by us, and
      // not by nghttp2, is known here.
      const std::uint32_t code = frame->rst_stream.error_code;
      const bool is_ours =
          code == NGHTTP2_NO_ERROR || code == NGHTTP2_INTERNAL_ERROR ||
          (code == NGHTTP2_REFUSED_STREAM && stream_of(protocol, frame->hd.stream_id) != nullptr);
      if (!is_ours) session.count_reset();
      return 0;
    }
    const bool is_body = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
    if (!is_body || !ends_stream(*frame)) return 0;
    Stream* const stream = stream_of(protocol, frame->hd.stream_id);
    if (stream == nullptr) return 0;
    stream->end_framed();
    session.flood_.answered();
    // The rest of the request's body is not wanted (RFC 9113 section 8.1).
    if (nghttp2_session_get_stream_remote_close(protocol, frame->hd.stream_id) == 0)
      nghttp2_submit_rst_stream(protocol, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
    return 0;
  }

  static nghttp2_session_callbacks* make() {
    nghttp2_session_callbacks* all = nullptr;
    if (nghttp2_session_callbacks_new(&all) != 0) return nullptr;
    nghttp2_session_callbacks_set_on_begin_headers_callback(all, &begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(all, &header);
    nghttp2_session_callbacks_set_on_begin_frame_callback(all, &frame_begins);
    nghttp2_session_callbacks_set_on_frame_recv_callback(all, &frame_received);
    nghttp2_session_callbacks_set_unpack_extension_callback(all, &unknown_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(all, &data_received);
    nghttp2_session_callbacks_set_on_stream_close_callback(all, &stream_closed);
    nghttp2_session_callbacks_set_data_source_read_length_callback(all, &data_room);
    nghttp2_session_callbacks_set_send_data_callback(all, &send_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(all, &frame_sent);
    return all;
  }
};

// A setting that makes a stream's window overflow is a fault of the connection (RFC 9113 section
// 6.9.2); nghttp2 resets the stream.
void Session::check_windows() {
  const std::uint32_t initial =
      nghttp2_session_get_remote_settings(protocol_, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE);
  if (std::ranges::any_of(streams_, [=](const auto& each) { return each->overflows(initial); }))
    nghttp2_session_terminate_session(protocol_, NGHTTP2_FLOW_CONTROL_ERROR);
}

bool Session::make_protocol() {
  static nghttp2_session_callbacks* const callbacks = Callbacks::make();
  // Heads are checked by RequestHead, so that a bad one is answered and logged. Windows are given
  // back by streams.
  static nghttp2_option* const options = [] {
    nghttp2_option* all = nullptr;
    if (nghttp2_option_new(&all) != 0) return all;
    nghttp2_option_set_no_http_messaging(all, 1);
    nghttp2_option_set_no_auto_window_update(all, 1);
    nghttp2_option_set_no_closed_streams(all, 1);
    nghttp2_option_set_builtin_recv_extension_type(all, NGHTTP2_PRIORITY_UPDATE);
    for (unsigned type = NGHTTP2_CONTINUATION + 1; type <= 0xff; ++type)  // so that they are told
      if (type != NGHTTP2_PRIORITY_UPDATE)
        nghttp2_option_set_user_recv_extension_type(all, static_cast<std::uint8_t>(type));
    nghttp2_option_set_max_settings(all, settings_entries_max);
    nghttp2_option_set_max_continuations(all, continuations_max);
    nghttp2_option_set_max_send_header_block_length(all, response_head_bytes_max);
    return all;
  }();
  return callbacks != nullptr && options != nullptr &&
         nghttp2_session_server_new3(&protocol_, callbacks, this, options, sparse_memory()) == 0 &&
         send_settings();
}

bool Session::send_settings() {
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits().max_streams},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, stream_window},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
       static_cast<std::uint32_t>(std::min<std::uint64_t>(limits().header_size, UINT32_MAX))},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  };
  return nghttp2_submit_settings(protocol_, NGHTTP2_FLAG_NONE, settings, std::size(settings)) ==
             0 &&
         nghttp2_session_set_local_window_size(protocol_, NGHTTP2_FLAG_NONE, 0,
                                               connection_window) == 0;
}

// False: nothing more can be sent, ever.
bool Session::fill_output() {
  while (output_.size() < output_fill) {
    const std::uint8_t* bytes = nullptr;
    const auto size = nghttp2_session_mem_send(protocol_, &bytes);
    if (size < 0) return false;
    if (size == 0) break;
    output_.append(text_of(bytes, static_cast<std::size_t>(size)));
  }
  return true;
}

void Session::received(std::string_view bytes) {
  while (!bytes.empty() && flood_.problem().empty()) {
    const auto taken = nghttp2_session_mem_recv(
        protocol_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    if (taken == NGHTTP2_ERR_BAD_CLIENT_MAGIC || taken == NGHTTP2_ERR_NOMEM) return drop();
    if (taken < 0 && flood_.problem().empty())
      flood_.refused("too many frames of CONTINUATION, or entries of SETTINGS");
    if (taken < 0) break;
    bytes.remove_prefix(static_cast<std::size_t>(taken));
  }
  if (!flood_.problem().empty()) calm(flood_.problem());
}

}  // namespace cgisrv::http2

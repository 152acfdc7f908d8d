// A client of HTTP/2 at the other end of a socketpair: plays a script, by nghttp2.
#pragma once

#include <nghttp2/nghttp2.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "../exchange/scripted_wire.h"
#include "base/text.h"
#include "connection/connections.h"
#include "http2/serve.h"

namespace cgisrv::http2 {

class Http2Client {
 public:
  Http2Client(connection::Connections& connections, pool::Worker& worker,
              const exchange::Script& script)
      : script_(script) {
    std::array<int, 2> ends{};
    CGISRV_CHECK(
        ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0);
    socket_.reset(ends[1]);
    pool::Connection connection;
    connection.socket.reset(ends[0]);
    connection.guard = pool::ConnectionGuard(worker);
    serve(connections, connection::Client(connections, std::move(connection)), {});
    make_protocol();
    ask();
  }
  Http2Client(const Http2Client&) = delete;
  Http2Client& operator=(const Http2Client&) = delete;
  ~Http2Client() { nghttp2_session_del(protocol_); }

  // Once in each turn of the loop. Whether it has got all that it will.
  bool go() {
    if (pieces_ < script_.body.size()) ++pieces_;
    nghttp2_session_resume_data(protocol_, 1);
    send();
    receive();
    if (!script_.leaves_after.empty() && result_.content == script_.leaves_after) socket_.reset();
    return !socket_ || is_over_;
  }
  const exchange::Result& result() const { return result_; }

 private:
  static Http2Client& of(void* self) { return *static_cast<Http2Client*>(self); }

  void make_protocol() {
    nghttp2_session_callbacks* all = nullptr;
    nghttp2_session_callbacks_new(&all);
    nghttp2_session_callbacks_set_on_header_callback(
        all, [](nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name, std::size_t size,
                const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* self) {
          of(self).take_field({reinterpret_cast<const char*>(name), size},
                              {reinterpret_cast<const char*>(value), value_size});
          return 0;
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        all, [](nghttp2_session*, std::uint8_t, std::int32_t, const std::uint8_t* bytes,
                std::size_t size, void* self) {
          of(self).result_.content.append(reinterpret_cast<const char*>(bytes), size);
          return 0;
        });
    nghttp2_session_callbacks_set_on_frame_recv_callback(
        all, [](nghttp2_session*, const nghttp2_frame* frame, void* self) {
          const bool is_answer =
              frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
          if (is_answer && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
            of(self).result_.whole = of(self).is_over_ = true;
          return 0;
        });
    nghttp2_session_callbacks_set_on_stream_close_callback(
        all, [](nghttp2_session*, std::int32_t, std::uint32_t, void* self) {
          of(self).is_over_ = true;
          return 0;
        });
    nghttp2_session_client_new(&protocol_, all, this);
    nghttp2_session_callbacks_del(all);
    nghttp2_submit_settings(protocol_, NGHTTP2_FLAG_NONE, nullptr, 0);
  }

  void ask() {
    std::vector<http::Field> fields = {
        {":method", script_.method}, {":scheme", "http"}, {":path", script_.target}};
    for (const auto& [name, value] : script_.fields)
      fields.push_back({name == "Host" ? ":authority" : name, value});
    if (script_.has_body() && script_.announces_length)
      fields.push_back({"content-length", std::to_string(script_.length())});
    std::vector<nghttp2_nv> all;
    for (http::Field& field : fields)
      all.push_back({reinterpret_cast<std::uint8_t*>(field.name.data()),
                     reinterpret_cast<std::uint8_t*>(field.value.data()), field.name.size(),
                     field.value.size(), NGHTTP2_NV_FLAG_NONE});
    nghttp2_data_provider body{
        .source = {.ptr = this},
        .read_callback = [](nghttp2_session*, std::int32_t, std::uint8_t* to, std::size_t most,
                            std::uint32_t* flags, nghttp2_data_source* source,
                            void*) { return of(source->ptr).give_body(to, most, *flags); }};
    nghttp2_submit_request(protocol_, nullptr, all.data(), all.size(),
                           script_.has_body() ? &body : nullptr, nullptr);
  }

  // One piece in each turn, then the end.
  ssize_t give_body(std::uint8_t* to, std::size_t most, std::uint32_t& flags) {
    if (given_ == pieces_ && given_ < script_.body.size()) return NGHTTP2_ERR_DEFERRED;
    if (given_ == script_.body.size()) {
      flags |= NGHTTP2_DATA_FLAG_EOF;
      return 0;
    }
    const std::string& piece = script_.body[given_++];
    CGISRV_CHECK(piece.size() <= most);
    std::memcpy(to, piece.data(), piece.size());
    return static_cast<ssize_t>(piece.size());
  }

  void take_field(std::string_view name, std::string_view value) {
    if (name == ":status")
      result_.status = std::stoi(std::string(value));
    else
      result_.fields.push_back({std::string(name), std::string(value)});
  }

  void send() {
    const std::uint8_t* bytes = nullptr;
    ssize_t size = 0;
    while ((size = nghttp2_session_mem_send(protocol_, &bytes)) > 0)
      CGISRV_CHECK(::send(socket_.get(), bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL) != 0);
  }
  void receive() {
    std::array<std::uint8_t, 4096> bytes;
    ssize_t size = 0;
    while ((size = ::recv(socket_.get(), bytes.data(), bytes.size(), 0)) > 0)
      nghttp2_session_mem_recv(protocol_, bytes.data(), static_cast<std::size_t>(size));
    is_over_ |= size == 0 || errno != EAGAIN;
  }

  const exchange::Script& script_;
  Fd socket_;
  nghttp2_session* protocol_ = nullptr;
  std::size_t pieces_ = 0;  // of the body, that may be sent
  std::size_t given_ = 0;   // that were
  bool is_over_ = false;
  exchange::Result result_;
};

}  // namespace cgisrv::http2

// What carries a stream's bytes in place of the bare socket: TLS (tls/session.h). Who reads and
// writes a stream sees no difference.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace cgisrv::access {
struct ClientCertificate;
}

namespace cgisrv::net {

struct Io {
  enum class Status : std::uint8_t {
    ok,       // `bytes` were moved, at least one
    blocked,  // try again when the descriptor is ready
    ended,    // reading: the peer has finished sending
    failed,   // reset, or gone
  };
  Status status = Status::ok;
  std::size_t bytes = 0;
};

// How bytes are protected on their way.
struct Security {
  std::string_view protocol;  // "TLSv1.3"
  std::string_view cipher;    // "TLS_AES_256_GCM_SHA384"
  std::string server_name;    // the host that the client has named (SNI); empty: none
  bool is_http2 = false;      // both sides have chosen that (ALPN)
  std::shared_ptr<const access::ClientCertificate> client{};  // null: it was asked for none
};

class Transport {
 public:
  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  virtual ~Transport() = default;

  // The same as those of Stream, which says what they mean.
  virtual Io read(std::span<char> into) = 0;
  virtual Io write(std::string_view bytes, bool more) = 0;
  virtual Io send_file(int file, std::uint64_t offset, std::uint64_t length) = 0;
  virtual bool holds_more() const = 0;
  virtual bool has_unsent_end() const = 0;
  virtual void finish_writing() = 0;
  // The socket is about to be closed: tells the peer, unless what it got is incomplete.
  virtual void close(bool incomplete) = 0;
  // Null: the peer does not speak the protocol, and everything goes in the clear.
  virtual const Security* security() const = 0;
};

}  // namespace cgisrv::net

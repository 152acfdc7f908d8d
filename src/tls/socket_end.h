// A socket as OpenSSL reads and writes it: its BIO. Unlike OpenSSL's own it raises no SIGPIPE,
// joins short packets, and spares the call that would only say that the socket is empty.
#pragma once

#include <optional>
#include <string>

#include "tls/openssl.h"

namespace cgisrv::tls {

struct SocketEnd {
  int fd = -1;
  bool joins_packets = false;  // in writing: more follows at once (MSG_MORE)
  bool is_drained = false;     // the last read has emptied the socket; the next one says so
  bool has_read = false;       // anything at all
  bool offers_http2 = false;   // to the peer, in the handshake
  // The peer has sent FIN. OpenSSL is not told: it would send an alert, and no answer any more.
  bool has_ended = false;
  // That the peer has sent about the protocol itself, such as for new keys, since this was 0. Each
  // is a small record that takes as long as many bytes do, and OpenSSL reads on behind it.
  unsigned messages = 0;
  // The first bytes, if they are a request in the clear and not TLS. OpenSSL does not see them.
  std::string clear;
  // The host that the client has named in its hello (SNI). OpenSSL's own answer would be that of
  // the session which is resumed. None: no hello was read; empty: none is named.
  std::optional<std::string> named_host;
};

// So many are taken between bytes; a client needs one or two in gigabytes. Then reading fails.
inline constexpr unsigned messages_max = 16;

// `end` outlives it. Null without memory.
BIO* bio_of(SocketEnd& end);

}  // namespace cgisrv::tls

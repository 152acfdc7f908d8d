// The head of an HTTP/1.x request: from bytes to a Request or the status that refuses it.
//
// Read twice: first strictly by us, because llhttp accepts bare LF, obs-fold, a missing version and
// more; then by llhttp, whose result must be the same. docs/differences.md lists where the two, and
// another parser, differ. Only head.cc knows of llhttp.
#pragma once

#include <cstddef>
#include <string_view>

#include "http/message.h"

namespace cgisrv::http1 {

struct HeadLimits {
  std::size_t head_bytes_max = 16 * 1024;   // 431 beyond it
  std::size_t target_bytes_max = 8 * 1024;  // 414 beyond it; RFC 9112 section 3 asks for 8000
  std::size_t fields_max = 100;             // 431 beyond it
};

struct HeadStatus {
  enum class State { incomplete, complete, refused };
  State state = State::incomplete;
  std::size_t consumed = 0;  // complete: bytes of the head, leading empty lines included
  int status = 0;            // refused: 400, 414, 417, 431, 501, 505
  std::string_view reason;   // refused: a sentence for the client and the log; static storage
};

// Looks for a whole head at the front of `bytes` (all that has arrived, from the head's first byte
// on). Refuses as soon as a limit is passed or a bare LF is seen; other faults when the head is
// complete. `scanned` is state that the caller keeps between calls for one head, 0 at first, so
// that a head that arrives byte by byte is not searched again from its start. On complete,
// `request` is filled in; on any other outcome it is unspecified.
HeadStatus parse_head(std::string_view bytes, std::size_t& scanned, const HeadLimits& limits,
                      http::Request& request);

// Whether a head that may be cut short or refused has the method HEAD: then the response has no
// content either (RFC 9110 section 9.3.2).
bool asks_for_no_content(std::string_view bytes);

// The request line, as far as it has come, of a head that may be cut short or refused: raw bytes of
// the client, of any length.
std::string_view first_line(std::string_view bytes);

}  // namespace cgisrv::http1

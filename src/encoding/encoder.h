// Compresses a stream of bytes as it comes, with little memory: brotli (RFC 7932), zstd (RFC 8878)
// and gzip (RFC 1952).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "encoding/coding.h"

namespace cgisrv::encoding {

// What is known of the bytes after these.
enum class Then : std::uint8_t {
  more,   // some follow at once: these may be kept until then
  pause,  // some may follow much later: a decoder must get all of these now
  end,    // none follow
};

// Of one stream. It has its memory from the start, or gets more by operator new, which does not
// fail (base/memory.h); so what is encoded is never cut short.
class Encoder {
 public:
  // So many live in a process at a time, each of which takes less than 1.3 MB.
  static constexpr unsigned alive_max = 64;

  Encoder() { ++alive_; }
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;
  virtual ~Encoder() { --alive_; }
  static unsigned alive() { return alive_; }

  // Appends to `out` what the bytes have become. That may be more than they are: by a few bytes,
  // and by what was kept of earlier ones, which is less than 512 KiB. Never again after Then::end.
  virtual void encode(std::string_view bytes, Then then, std::string& out) = 0;

 private:
  static inline unsigned alive_ = 0;
};

// Null: there are enough of them, memory is short, or that coding was left out of the build.
std::unique_ptr<Encoder> make_encoder(Coding coding);

}  // namespace cgisrv::encoding

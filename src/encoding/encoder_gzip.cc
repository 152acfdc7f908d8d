// By zlib.
#include "encoding/libraries.h"

#ifdef CGISRV_WITHOUT_ZLIB

std::unique_ptr<cgisrv::encoding::Encoder> cgisrv::encoding::make_gzip() {
  return nullptr;
}

#else

#include <zlib.h>

#include "base/check.h"

namespace cgisrv::encoding {

namespace {

class Gzip final : public Encoder {
 public:
  Gzip() {
    constexpr int level = 5;
    constexpr int window_of_gzip = 16 + 15;  // its whole 32 KiB, and a header of gzip
    constexpr int memory = 8;
    is_ready_ = ::deflateInit2(&stream_, level, Z_DEFLATED, window_of_gzip, memory,
                               Z_DEFAULT_STRATEGY) == Z_OK;
  }
  ~Gzip() override { ::deflateEnd(&stream_); }
  bool is_ready() const { return is_ready_; }

  void encode(std::string_view bytes, Then then, std::string& out) override {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    const int how = then == Then::more ? Z_NO_FLUSH : then == Then::pause ? Z_SYNC_FLUSH : Z_FINISH;
    do {
      append_filled(out, [&](char* data, std::size_t size) {
        stream_.next_out = reinterpret_cast<Bytef*>(data);
        stream_.avail_out = static_cast<uInt>(size);
        CGISRV_CHECK(::deflate(&stream_, how) != Z_STREAM_ERROR);
        return size - stream_.avail_out;
      });
    } while (stream_.avail_out == 0);
  }

 private:
  z_stream stream_{};
  bool is_ready_ = false;
};

}  // namespace

std::unique_ptr<Encoder> make_gzip() {
  auto encoder = std::make_unique<Gzip>();
  if (!encoder->is_ready()) return nullptr;
  return encoder;
}

}  // namespace cgisrv::encoding

#endif

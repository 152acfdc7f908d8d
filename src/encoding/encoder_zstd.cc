// By libzstd.
#include "encoding/libraries.h"

#ifdef CGISRV_WITHOUT_ZSTD

std::unique_ptr<cgisrv::encoding::Encoder> cgisrv::encoding::make_zstd() {
  return nullptr;
}

#else

#include <zstd.h>

#include "base/check.h"

namespace cgisrv::encoding {

namespace {

class Zstd final : public Encoder {
 public:
  Zstd() : context_(::ZSTD_createCCtx()) {
    if (context_ == nullptr) return;
    ::ZSTD_CCtx_setParameter(context_, ZSTD_c_compressionLevel, 3);
    // Tables for a page, not for an archive; clients have to take windows up to 8 MiB (RFC 9659).
    ::ZSTD_CCtx_setParameter(context_, ZSTD_c_windowLog, 17);
    ::ZSTD_CCtx_setParameter(context_, ZSTD_c_hashLog, 15);
    ::ZSTD_CCtx_setParameter(context_, ZSTD_c_chainLog, 15);
    std::string nothing;
    is_ready_ = compress({}, ZSTD_e_continue, nothing);  // takes all the memory that it will need
  }
  ~Zstd() override { ::ZSTD_freeCCtx(context_); }
  bool is_ready() const { return is_ready_; }

  void encode(std::string_view bytes, Then then, std::string& out) override {
    const auto how = then == Then::more    ? ZSTD_e_continue
                     : then == Then::pause ? ZSTD_e_flush
                                           : ZSTD_e_end;
    CGISRV_CHECK(compress(bytes, how, out));
  }

 private:
  bool compress(std::string_view bytes, ZSTD_EndDirective how, std::string& out) {
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    std::size_t left = 0;  // that the library keeps; or an error
    do {
      append_filled(out, [&](char* data, std::size_t size) {
        ZSTD_outBuffer room{data, size, 0};
        left = ::ZSTD_compressStream2(context_, &room, &in, how);
        return room.pos;
      });
      if (::ZSTD_isError(left) != 0) return false;
    } while (how == ZSTD_e_continue ? in.pos < in.size : left > 0);
    return true;
  }

  ZSTD_CCtx* context_;
  bool is_ready_ = false;
};

}  // namespace

std::unique_ptr<Encoder> make_zstd() {
  auto encoder = std::make_unique<Zstd>();
  if (!encoder->is_ready()) return nullptr;
  return encoder;
}

}  // namespace cgisrv::encoding

#endif

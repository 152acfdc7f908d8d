// By libbrotlienc.
#include "encoding/libraries.h"

#ifdef CGISRV_WITHOUT_BROTLI

std::unique_ptr<cgisrv::encoding::Encoder> cgisrv::encoding::make_brotli() {
  return nullptr;
}

#else

#include <brotli/encode.h>

#include <new>

#include "base/check.h"

namespace cgisrv::encoding {

namespace {

class Brotli final : public Encoder {
 public:
  Brotli()
      : state_(::BrotliEncoderCreateInstance(
            [](void*, std::size_t size) { return ::operator new(size); },
            [](void*, void* block) { ::operator delete(block); }, nullptr)) {
    ::BrotliEncoderSetParameter(state_, BROTLI_PARAM_QUALITY, 3);
    ::BrotliEncoderSetParameter(state_, BROTLI_PARAM_LGWIN, 17);  // 128 KiB
  }
  ~Brotli() override { ::BrotliEncoderDestroyInstance(state_); }

  void encode(std::string_view bytes, Then then, std::string& out) override {
    const auto* next = reinterpret_cast<const std::uint8_t*>(bytes.data());
    std::size_t left = bytes.size();
    const auto how = then == Then::more    ? BROTLI_OPERATION_PROCESS
                     : then == Then::pause ? BROTLI_OPERATION_FLUSH
                                           : BROTLI_OPERATION_FINISH;
    do {
      std::size_t no_room = 0;  // its own buffer is taken instead
      CGISRV_CHECK(
          ::BrotliEncoderCompressStream(state_, how, &left, &next, &no_room, nullptr, nullptr));
      std::size_t size = 0;
      const std::uint8_t* const data = ::BrotliEncoderTakeOutput(state_, &size);
      out.append(reinterpret_cast<const char*>(data), size);
    } while (left > 0 || ::BrotliEncoderHasMoreOutput(state_));
  }

 private:
  BrotliEncoderState* state_;
};

}  // namespace

std::unique_ptr<Encoder> make_brotli() {
  return std::make_unique<Brotli>();
}

}  // namespace cgisrv::encoding

#endif

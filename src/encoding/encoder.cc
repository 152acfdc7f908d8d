#include "encoding/encoder.h"

#include "base/memory.h"
#include "encoding/libraries.h"

namespace cgisrv::encoding {

std::unique_ptr<Encoder> make_encoder(Coding coding) {
  if (Encoder::alive() >= Encoder::alive_max || !memory::sufficient()) return nullptr;
  switch (coding) {
    case Coding::br:
      return make_brotli();
    case Coding::zstd:
      return make_zstd();
    case Coding::gzip:
      return make_gzip();
  }
  return nullptr;
}

}  // namespace cgisrv::encoding

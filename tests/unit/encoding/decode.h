// What a client makes of a coding, by the decoders of the libraries: as far as it has come.
#pragma once

#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

#include <memory>
#include <string>
#include <string_view>

#include "encoding/coding.h"

namespace cgisrv::encoding {

struct Decoded {
  std::string bytes;
  bool is_whole = false;  // it has its end, and nothing after that
};

inline constexpr std::size_t decoded_step = 64 * 1024;

inline Decoded decode_gzip(std::string_view input) {
  Decoded decoded;
  z_stream stream{};
  ::inflateInit2(&stream, 16 + 15);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
  stream.avail_in = static_cast<uInt>(input.size());
  int result = Z_OK;
  std::string step(decoded_step, '\0');
  do {
    stream.next_out = reinterpret_cast<Bytef*>(step.data());
    stream.avail_out = static_cast<uInt>(step.size());
    result = ::inflate(&stream, Z_NO_FLUSH);
    decoded.bytes.append(step, 0, step.size() - stream.avail_out);
  } while (result == Z_OK);
  decoded.is_whole = result == Z_STREAM_END && stream.avail_in == 0;
  ::inflateEnd(&stream);
  return decoded;
}

inline Decoded decode_brotli(std::string_view input) {
  Decoded decoded;
  auto* const state = ::BrotliDecoderCreateInstance(nullptr, nullptr, nullptr);
  const auto* next = reinterpret_cast<const std::uint8_t*>(input.data());
  std::size_t left = input.size();
  BrotliDecoderResult result = BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT;
  while (result == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT) {
    std::size_t no_room = 0;
    result = ::BrotliDecoderDecompressStream(state, &left, &next, &no_room, nullptr, nullptr);
    std::size_t size = 0;
    const auto* const data = ::BrotliDecoderTakeOutput(state, &size);
    decoded.bytes.append(reinterpret_cast<const char*>(data), size);
  }
  decoded.is_whole = result == BROTLI_DECODER_RESULT_SUCCESS && left == 0;
  ::BrotliDecoderDestroyInstance(state);
  return decoded;
}

inline Decoded decode_zstd(std::string_view input) {
  Decoded decoded;
  auto* const context = ::ZSTD_createDCtx();
  ZSTD_inBuffer in{input.data(), input.size(), 0};
  std::string step(decoded_step, '\0');
  std::size_t result = 1;
  ZSTD_outBuffer out{};
  do {
    out = {step.data(), step.size(), 0};
    result = ::ZSTD_decompressStream(context, &out, &in);
    if (::ZSTD_isError(result) != 0) break;
    decoded.bytes.append(step, 0, out.pos);
  } while (result != 0 && (in.pos < in.size || out.pos == out.size));
  decoded.is_whole = result == 0 && in.pos == in.size;
  ::ZSTD_freeDCtx(context);
  return decoded;
}

inline Decoded decode(Coding coding, std::string_view input) {
  if (coding == Coding::gzip) return decode_gzip(input);
  return coding == Coding::br ? decode_brotli(input) : decode_zstd(input);
}

}  // namespace cgisrv::encoding

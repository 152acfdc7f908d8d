#include "master/qr_code.h"

#ifndef CGISRV_WITHOUT_QRENCODE
#include <qrencode.h>
#endif

#include <memory>

namespace cgisrv::master {

#ifdef CGISRV_WITHOUT_QRENCODE

std::string qr_code(const std::string& /*text*/) {
  return {};
}

#else

namespace {

constexpr int quiet_zone = 4;
constexpr auto black_on_white = "\x1b[30;107m";
constexpr auto normal = "\x1b[0m";

struct FreeCode {
  void operator()(QRcode* code) const { QRcode_free(code); }
};

bool is_dark(const QRcode& code, int row, int column) {
  const bool is_inside = row >= 0 && row < code.width && column >= 0 && column < code.width;
  return is_inside && (code.data[row * code.width + column] & 1) != 0;
}

const char* block(bool upper, bool lower) {
  if (upper) return lower ? "█" : "▀";
  return lower ? "▄" : " ";
}

}  // namespace

std::string qr_code(const std::string& text) {
  const std::unique_ptr<QRcode, FreeCode> code(
      QRcode_encodeString8bit(text.c_str(), 0, QR_ECLEVEL_L));
  if (!code) return {};
  std::string drawn;
  const int end = code->width + quiet_zone;
  for (int row = -quiet_zone; row < end; row += 2) {
    drawn += black_on_white;
    for (int column = -quiet_zone; column < end; ++column)
      drawn += block(is_dark(*code, row, column), is_dark(*code, row + 1, column));
    drawn += normal;
    drawn += '\n';
  }
  return drawn;
}

#endif

}  // namespace cgisrv::master

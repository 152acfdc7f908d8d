// A QR code (ISO/IEC 18004) as text, for a phone that looks at a terminal.
#pragma once

#include <string>

namespace cgisrv::master {

// Two modules a character, dark on light whatever the terminal's colours are, with the quiet zone
// of four modules. Empty: the text is too long, there is no memory, or the server was built without
// libqrencode.
std::string qr_code(const std::string& text);

}  // namespace cgisrv::master

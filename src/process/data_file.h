// Files that nobody means to execute: pictures, style sheets, documents.
#pragma once

#include <string_view>

namespace cgisrv::process {

// "a PNG image": the kind of data in the file, by its first bytes or its ending. Empty when it
// begins like a program ("#!", ELF), or could be a program's text.
std::string_view data_kind(std::string_view file, std::string_view bytes);

}  // namespace cgisrv::process

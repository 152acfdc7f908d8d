// The text files of this room: read whole, line by line, and known to have changed.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace cgisrv::auth {

// What tells one state of a file from another: stat(2). A file that is not there has one, too.
struct FileState {
  std::uint64_t device = 0, inode = 0, bytes = 0;
  std::int64_t modified_ns = 0, changed_ns = 0;
  int error = 0;  // an errno value: it cannot be looked at

  bool operator==(const FileState&) const = default;
};
FileState state_of(const std::string& path);

inline constexpr std::size_t file_bytes_max = 16 * 1024 * 1024;

// Its whole text. An error says what to do.
Result<std::string> read_text_file(const std::string& path);

// What is wrong with a line, counted from 1; line 0: with the file.
struct FileFault {
  unsigned line = 0;
  std::string what;
};
std::string fault_text(const std::string& path, const FileFault& fault);

// Calls `take` with each line that is neither empty nor a comment (#), without its end.
void for_each_line(std::string_view text,
                   const std::function<void(unsigned number, std::string_view line)>& take);

}  // namespace cgisrv::auth

// Answers to requests for a file: validators, preconditions, ranges. Says what to send; sending it
// (sendfile) is the connection's business.
#pragma once

#include <cgisrv/fd.h>
#include <sys/stat.h>

#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"

namespace cgisrv::files {

// Bytes to send: `text`, then `length` bytes of the file from `offset`.
struct Piece {
  std::string text;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

struct FileAnswer {
  http::Response response;    // 200, 206, 304, 412, 416; content_length is set
  std::vector<Piece> pieces;  // empty for HEAD, 304, 412, 416
};

// `file` is a regular file as fstat(2) saw it. ETag is strong, from inode, size and mtime in
// nanoseconds; weak while the file is younger than two seconds, when it may change unseen.
// One range: 206 with Content-Range; several: multipart/byteranges. Methods other than GET and
// HEAD have been refused before.
FileAnswer answer_file(const http::Request& request, const struct stat& file,
                       std::string_view content_type, std::time_t now);

}  // namespace cgisrv::files

// Responses to requests for a file: validators, preconditions, ranges. Decides what to send; the
// connection sends it (sendfile).
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
  http::Response response;    // 200, 206, 304, 412, 416; content_length is set except for 304
  std::vector<Piece> pieces;  // empty for HEAD, 304, 412, 416
};

// `file` is a regular file's fstat(2). The ETag is strong, from size and mtime in nanoseconds, so
// that it reveals nothing else and is equal on all machines with the same copy and time; weak while
// the file is younger than two seconds, when it may change unseen. One range: 206 with
// Content-Range; several: multipart/byteranges. Methods other than GET and HEAD have been refused
// before. `variant` goes into the ETag: one path may lead to several files, each with its own.
FileAnswer answer_file(const http::Request& request, const struct stat& file,
                       std::string_view content_type, std::time_t now,
                       std::string_view variant = {});

// The whole file, 200, whatever the request's conditions: for answers of which they are none.
FileAnswer whole_file(const http::Request& request, const struct stat& file,
                      std::string_view content_type);

}  // namespace cgisrv::files

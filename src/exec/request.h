// The request of a command line, as a client would send it.
#pragma once

#include <cgisrv/fd.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cgisrv::exec {

// A file's bytes from where it stands.
struct Body {
  Fd file;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

struct Request {
  std::string method;
  std::string url;
  std::string head;          // from the request line to the empty line
  std::optional<Body> body;  // none: the method has none
  bool chunked = false;      // the user's fields say that it goes in chunks
};

// Whether the body of such a request is read from standard input: its method says so, or a field.
bool has_body(std::string_view method, const std::vector<std::string>& fields);

// `input` to its end, so that its length is known: as it is when it is a file, else by way of a
// temporary one (memory up to 1 MiB, the disk past it).
Result<Body> read_body(int input);

// `fields` are "Name: value", and come after Host; theirs wins. Content-Length is added unless they
// say how the body is framed. An error when one is no field; all else is the server's to refuse.
Result<Request> make_request(std::string method, std::string url, const std::string& host,
                             const std::vector<std::string>& fields, std::optional<Body> body);

}  // namespace cgisrv::exec

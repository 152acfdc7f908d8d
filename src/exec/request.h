// The request of a command line, in the form in which a client would send it.
#pragma once

#include <cgisrv/fd.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cgisrv::exec {

// A file's bytes from its present position.
struct Body {
  Fd file;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

struct ExecRequest {
  std::string method;
  std::string url;
  std::string head;          // from the request line to the empty line
  std::optional<Body> body;  // none: the method has none
  bool chunked = false;      // the user's fields ask for chunks
};

// Whether such a request takes its body from standard input: because of its method, or a field.
bool has_body(std::string_view method, const std::vector<std::string>& fields);

// Reads `input` to its end, so that its length is known: a file as it is, anything else through a
// temporary one (memory up to 1 MiB, then the disk).
Result<Body> read_body(int input);

// `fields` are "Name: value", and come after Host; theirs wins. Adds Content-Length unless they
// frame the body. An error when one is no field; the server refuses everything else.
Result<ExecRequest> make_request(std::string method, std::string url, const std::string& host,
                                 const std::vector<std::string>& fields, std::optional<Body> body);

}  // namespace cgisrv::exec

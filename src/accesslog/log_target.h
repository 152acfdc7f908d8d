// Where the access log goes, and the format of its lines.
#pragma once

#include <string>

namespace cgisrv::accesslog {

struct LogTarget {
  std::string path = "stderr";      // "stderr", "off", or an absolute path
  std::string format = "combined";  // read by AccessFormat::parse()
};

}  // namespace cgisrv::accesslog

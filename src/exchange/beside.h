// What is sent for a file: that itself, or what stands beside it, compressed beforehand.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/tree.h"
#include "config/forward.h"
#include "encoding/coding.h"
#include "http/message.h"
#include "site/locate.h"

namespace cgisrv::exchange {

class Exchange;
struct Routing;

struct OpenFile {
  Seen seen;
  std::optional<encoding::Coding> coding;  // it is in that coding
};

// What stands beside a file, or, without a coding, that nothing does.
struct Beside {
  std::string type;  // of the content of both
  OpenFile file;
};

// Why the file or folder that has been opened for a path is not sent as what the path was located
// to; empty: it is.
std::string why_not(const config::Config& config, const Exchange& exchange, const Routing& routing,
                    const http::Path& path, const site::Located& located, const Seen& opened);

// Opens what stands beside a file in the place of the file: whoever sends the one needs of the
// other only its name and its time. It does so where no link is on the way to either. Then the file
// is judged as if it had been opened, and what is sent by its own name: an exchange of the two for
// links meanwhile can change the file's time, and no more.
class LookBeside final : public site::Look {
 public:
  explicit LookBeside(const http::Request& request) : request_(request) {}

  int look(const config::Location& location, const Tree& tree, const std::string& file,
           Seen& seen) override;
  // What was found beside that file, see Routing.
  std::shared_ptr<Beside> take(const site::Located& located);

 private:
  const http::Request& request_;
  std::string file_;
  std::shared_ptr<Beside> found_;
};

// What LookBeside has found takes the place of `file`, if the client may have it. False: `file` is
// as it was.
bool take_beside(const config::Config& config, const Exchange& exchange, Routing& routing,
                 OpenFile& file);

// For all that LookBeside leaves: what stands beside the file, which has been opened, takes its
// place, if the client takes it and may have it.
void prefer_beside(const config::Config& config, const Exchange& exchange, const Routing& routing,
                   const Tree& tree, OpenFile& file);

}  // namespace cgisrv::exchange

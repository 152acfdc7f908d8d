// The head under which a file is sent, and which file: the one that was asked for, or one beside it
// that is compressed already.
#pragma once

#include <cgisrv/fd.h>
#include <sys/stat.h>

#include <string>

#include "base/tree.h"
#include "config/answer_rules.h"
#include "config/forward.h"
#include "exchange/beside.h"
#include "files/static_file.h"
#include "http/message.h"

namespace cgisrv::exchange {

// Why the located file or folder, which has been opened since, is not sent; empty: it is. So what
// was checked is what is sent, though links have led to it.
std::string why_not_sent(const config::Config& config, const Exchange& exchange,
                         const Routing& routing, const Seen& opened);

// With the type and the time to keep it that the location has for it. If what stands beside it is
// to be sent instead, that takes the place of `file`. The page of a failure is whole, and nobody's
// to keep.
files::FileAnswer answer_for(const config::Config& config, const Exchange& exchange,
                             const Routing& routing, const Tree& tree, OpenFile& file);

// Under the head that a program has printed: conditions and ranges hold where that is a plain
// answer to GET or HEAD.
files::FileAnswer answer_under(const Exchange& exchange, const config::AnswerRules& rules,
                               const std::string& path, const OpenFile& file, http::Response head);

}  // namespace cgisrv::exchange

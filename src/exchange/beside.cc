#include "exchange/beside.h"

#include <sys/stat.h>

#include <cerrno>
#include <string_view>
#include <utility>
#include <vector>

#include "config/site.h"
#include "exchange/answer_fields.h"
#include "exchange/exchange.h"
#include "exchange/negotiation.h"
#include "files/encoded_file.h"
#include "files/mime.h"
#include "site/as_opened.h"
#include "site/stand_in.h"

namespace cgisrv::exchange {

namespace {

// A part of a compressed file has that file's coding. Several parts have the form of parts, which
// nobody could decode.
bool wants_parts(const http::Request& request) {
  return request.joined("Range").value_or("").contains(',');
}

// What not everybody may read has to be opened to know whether the server may. What can be executed
// may be a program, of which more has to be known than its time.
bool is_plain(mode_t mode) {
  return S_ISREG(mode) && (mode & 0444) == 0444 && (mode & 0111) == 0;
}

// The first that is beside the file; nothing: a link may be on the way, or it cannot be opened.
std::optional<OpenFile> find_real(const std::string& file, const struct stat& original,
                                  const std::vector<encoding::Coding>& codings) {
  for (const encoding::Coding coding : codings) {
    OpenFile found{.coding = coding};
    const int error = look_at_real(file + std::string(encoding::ending_of(coding)), found.seen);
    if (error == 0 && files::is_of(found.seen.status, original)) return found;
    if (error != 0 && error != ENOENT) return std::nullopt;
  }
  return OpenFile();
}

// Of a file beside the located one, which has been opened before it was asked about if no link has
// led to it.
bool may_be_sent(const config::Config& config, const Exchange& exchange, const Routing& routing,
                 std::string_view ending, Seen& found) {
  const site::Located& located = routing.located;
  const site::Visit visit{*routing.site, routing.path, located, routing.password_rules,
                          exchange.visitor()};
  if (!site::may_stand_in(config, visit, ending, found)) return false;
  if (found.is_real) return true;
  const site::Located beside{.location = located.location,
                             .file = located.file + std::string(ending),
                             .tree = located.tree};
  const http::Path path =
      http::plain_path(site::own_path(routing.path, located).text + std::string(ending));
  return why_not(config, exchange, routing, path, beside, found).empty();
}

}  // namespace

// Only where links are followed can one lead to what another user has.
std::string why_not(const config::Config& config, const Exchange& exchange, const Routing& routing,
                    const http::Path& path, const site::Located& located, const Seen& opened) {
  if (located.location->links != Links::follow) return {};
  return site::why_not_as_opened(
      config, *routing.site, path, located, opened,
      {exchange.visitor(), exchange.request().method, routing.password_rules});
}

int LookBeside::look(const config::Location& location, const Tree& tree, const std::string& file,
                     Seen& seen) {
  found_.reset();
  const config::TypeRules& rules = location.answers.types;
  std::string type =
      rules.empty() ? std::string(files::mime_type(file)) : content_type(rules, file);
  if (!encoding::is_compressible(type) || wants_parts(request_)) return tree.look(file, seen);
  const auto codings = codings_for(request_, encoding::smallest_first);
  if (codings.empty()) return tree.look(file, seen);
  if (::lstat(file.c_str(), &seen.status) != 0)
    return tree.links == Links::follow ? errno : tree.look(file, seen);
  if (!is_plain(seen.status.st_mode)) return tree.look(file, seen);
  auto found = find_real(file, seen.status, codings);
  if (!found) return tree.look(file, seen);
  seen.is_real = found->coding.has_value();  // its folder was just now, and it is no link itself
  const bool is_known = seen.is_real || look_at_real(file, seen) == 0;
  file_ = file;
  found_ = std::make_shared<Beside>(std::move(type), std::move(*found));
  return is_known ? 0 : tree.look(file, seen);
}

std::shared_ptr<Beside> LookBeside::take(const site::Located& located) {
  if (located.kind != site::Located::Kind::file || located.file != file_) return {};
  return std::move(found_);
}

bool take_beside(const config::Config& config, const Exchange& exchange, Routing& routing,
                 OpenFile& file) {
  if (!routing.beside) return false;
  OpenFile& beside = routing.beside->file;
  if (!beside.coding) return false;
  if (may_be_sent(config, exchange, routing, encoding::ending_of(*beside.coding), beside.seen)) {
    file = std::move(beside);
    return true;
  }
  routing.beside.reset();  // it may be had in another coding
  return false;
}

void prefer_beside(const config::Config& config, const Exchange& exchange, const Routing& routing,
                   const Tree& tree, OpenFile& file) {
  const http::Request& request = exchange.request();
  if (file.coding || routing.beside || wants_parts(request)) return;
  for (const encoding::Coding coding : codings_for(request, encoding::smallest_first)) {
    auto found = files::find_encoded(tree, routing.located.file, file.seen.status, coding);
    if (!found || !may_be_sent(config, exchange, routing, encoding::ending_of(coding), *found))
      continue;
    file = {std::move(*found), coding};
    return;
  }
}

}  // namespace cgisrv::exchange

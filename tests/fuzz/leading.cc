// From a request's path to where it leads on: redirects, `try`, other directories, and names that a
// regular expression takes from the path. No redirect leaves its host or breaks a line, and no file
// is outside of its folder, or a dotfile.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "config/config.h"
#include "config/value_check.h"
#include "fuzz.h"
#include "site/explain.h"
#include "site/locate.h"

namespace cgisrv::fuzz {
namespace {

namespace fs = std::filesystem;
using site::Located;

class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "cgisrv-fuzz-XXXXXX").string();
    CGISRV_CHECK(::mkdtemp(name.data()) != nullptr);
    root = name;
    for (const auto* file :
         {"secret", "site/a.txt", "site/index.html", "site/wiki/page.txt", "site/lib/b.txt",
          "site/c.inc", "share/d.txt", "share/.hidden", "homes/alice/e.txt", "homes/.f/g.txt"})
      make(file, 0644);
    for (const auto* file : {"site/front.cgi", "share/tool.cgi"})
      make(file, 0755);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { fs::remove_all(root); }

  fs::path root;

 private:
  void make(const char* file, mode_t mode) {
    fs::create_directories((root / file).parent_path());
    std::ofstream(root / file) << "x";
    ::chmod((root / file).c_str(), mode);
  }
};

config::Replacement text(const std::string& text) {
  return *config::Replacement::parse(text);
}

config::Site make_leading_site(const Folder& folder) {
  config::Site site;
  site.root = site.real_root = (folder.root / "site").string();
  const auto add = [&](const std::string& match) -> config::Location& {
    config::Location location;
    location.match = *config::parse_match(match);
    return site.locations.emplace_back(std::move(location));
  };
  add("*.cgi").program = config::ProgramKind::in_place;
  add("/old/").redirect.to = text("/");
  add("/find/").redirect.to = text("/search?q={path}&x=1");
  add("~^/rev/(?<id>[^/]*)(.*)$").redirect.to = text("/{id}{2}");
  add("/share/").files = (folder.root / "share").string();
  add("*.inc").deny = config::Deny::forbidden;
  add("~/lib/").deny = config::Deny::hidden;
  config::Location& users = add("~^/~(?<user>[^/]*)/(?<rest>.*)$");
  users.files = (folder.root / "homes").string();
  users.file_names = text(users.files + "/{user}/{rest}");
  add("/wiki/").attempts = {{.kind = config::Attempt::Kind::file},
                            {.path = text("/front.cgi"), .query = text("t={path}")}};
  add("/app/").attempts = {{.kind = config::Attempt::Kind::directory},
                           {.path = text("/{path}")},
                           {.path = text("/front.cgi")}};
  return site;
}

void check_found(const Folder& folder, const std::string& file) {
  CGISRV_CHECK(file.starts_with(folder.root.string() + "/") && !file.contains("/../"));
  CGISRV_CHECK(!file.contains("/.") && !file.ends_with("/secret") && !file.ends_with(".inc"));
}

}  // namespace

CGISRV_FUZZ_TARGET(leading) {
  static const Folder folder;
  static const config::Config config{.file = "test.toml", .sites = {make_leading_site(folder)}};
  const auto target = http::parse_target("GET", input);
  const auto path = target ? http::decode_path(target->path) : std::nullopt;
  if (!path) return;
  const Located found = site::locate(config, config.sites.front(), *path, access::Peer());
  CGISRV_CHECK(found.location != nullptr);
  CGISRV_CHECK(is_printable(found.redirect) && !found.redirect.contains(' '));
  CGISRV_CHECK(is_printable(found.query) && !found.query.contains(' '));
  CGISRV_CHECK(found.redirect.empty() || found.redirect.starts_with('/'));
  CGISRV_CHECK(!found.redirect.starts_with("//") && !found.redirect.contains('\\'));
  if (found.kind == Located::Kind::file || found.kind == Located::Kind::listing)
    check_found(folder, found.file);
  if (found.kind == Located::Kind::program) {
    check_found(folder, found.script.filename);
    CGISRV_CHECK(found.script.path_info.empty() || found.script.path_info.starts_with('/'));
  }
  if (found.kind == Located::Kind::error)
    CGISRV_CHECK(found.status >= 400 && is_printable(found.problem));
  const std::string explained = site::explain(config, target->path, site::administrator_of(config));
  CGISRV_CHECK(explained.ends_with('\n'));
  CGISRV_CHECK(std::ranges::none_of(explained, [](char c) { return c == '\r' || c == '\x1b'; }));
}

}  // namespace cgisrv::fuzz

// From a request's path to a file or program of a real tree: never outside of it, never a dotfile,
// never a program's source.
#include "site/locate.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>

#include "config/config.h"
#include "fuzz.h"
#include "site/router.h"

namespace cgisrv::fuzz {
namespace {

namespace fs = std::filesystem;
using site::Located;
using Kind = Located::Kind;

// Files below a directory of their own, gone at exit. What stands beside the site must never be
// found; what runs is executable.
class Tree {
 public:
  Tree() {
    std::string name = (fs::temp_directory_path() / "cgisrv-fuzz-XXXXXX").string();
    CGISRV_CHECK(::mkdtemp(name.data()) != nullptr);
    root = name;
    for (const auto* file : {"secret", "site/a.txt", "site/index.html", "site/.htaccess",
                             "site/.git/config", "site/dir/b.txt", "site/cgi-bin/data.txt",
                             "site/plain.cgi", "site/dir.cgi/c.txt", "site/x.py"})
      make(file, 0644);
    for (const auto* file :
         {"outside.cgi", "site/now.cgi", "site/cgi-bin/now", "site/dir/now.cgi",
          "site/dir.cgi/now.cgi", "site/nph-a.cgi", "programs/one", "programs/below/two", "git"})
      make(file, 0755);
    fs::create_directories(root / "site/empty");
  }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;
  ~Tree() { fs::remove_all(root); }

  fs::path root;

 private:
  void make(const char* file, mode_t mode) {
    fs::create_directories((root / file).parent_path());
    std::ofstream(root / file) << "x";
    ::chmod((root / file).c_str(), mode);
  }
};

config::Location location(config::MatchKind kind, std::string match, config::ProgramKind program,
                          std::string path = "", std::string interpreter = "") {
  config::Location made;
  made.match = {kind, std::move(match)};
  made.program = program;
  made.path = std::move(path);
  made.interpreter = std::move(interpreter);
  return made;
}

config::Site make_site(const Tree& tree) {
  using enum config::MatchKind;
  using enum config::ProgramKind;
  config::Site site;
  site.root = (tree.root / "site").string();
  site.listing = true;
  site.locations = {location(prefix, "/cgi-bin/", in_place),
                    location(extension, ".cgi", in_place),
                    location(extension, ".py", in_place, "", "/bin/sh"),
                    location(prefix, "/p/", directory, (tree.root / "programs").string()),
                    location(prefix, "/git/", single, (tree.root / "git").string()),
                    location(exact, "/dir/b.txt", none)};
  return site;
}

bool is_clean(std::string_view file) {
  return !file.contains("/../") && !file.ends_with("/..") && !file.contains("/.") &&
         !file.contains('\0');
}

void check_program(const Tree& tree, const cgi::Script& script, const http::Path& path) {
  CGISRV_CHECK(script.filename.starts_with(tree.root.string() + "/") && is_clean(script.filename));
  CGISRV_CHECK(fs::is_regular_file(script.filename));
  const bool may_run = ::access(script.filename.c_str(), X_OK) == 0;
  CGISRV_CHECK(may_run || !script.interpreter.empty());
  CGISRV_CHECK(!script.filename.ends_with("/outside.cgi"));
  CGISRV_CHECK(script.path_info.empty() || script.path_info.starts_with('/'));
  const auto url = script.name + script.path_info;
  CGISRV_CHECK(url == path.text || url.starts_with(path.text));  // longer: an index
}

void check_file(const config::Site& site, const std::string& file) {
  CGISRV_CHECK(file.starts_with(site.root + "/") && is_clean(file) && fs::is_regular_file(file));
  const auto in_site = std::string_view(file).substr(site.root.size());
  CGISRV_CHECK(!in_site.ends_with(".cgi") && !in_site.ends_with(".py"));
  CGISRV_CHECK(!in_site.starts_with("/cgi-bin/"));
}

}  // namespace

CGISRV_FUZZ_TARGET(locate) {
  static const Tree tree;
  static const config::Config config{.sites = {make_site(tree)}};
  const config::Site& site = config.sites.front();
  const auto target = http::parse_target("GET", input);
  const auto path = target ? http::decode_path(target->path) : std::nullopt;
  if (!path) return;
  const Located found = site::locate(config, site, *path, access::Peer());
  CGISRV_CHECK(found.location != nullptr);
  switch (found.kind) {
    case Kind::program:
      check_program(tree, found.script, *path);
      break;
    case Kind::file:
      check_file(site, found.file);
      break;
    case Kind::listing:
      CGISRV_CHECK(found.file.starts_with(site.root + "/") && is_clean(found.file));
      break;
    case Kind::slash:
      CGISRV_CHECK(found.redirect.starts_with('/') && !found.redirect.starts_with("//"));
      CGISRV_CHECK(found.redirect.ends_with('/') && is_printable(found.redirect));
      break;
    case Kind::redirect:
      CGISRV_CHECK(false);  // there are none: see leading.cc
    case Kind::error:
      CGISRV_CHECK(found.status == 403 || found.status == 404 || found.status == 500);
      CGISRV_CHECK(!found.problem.empty() && is_printable(found.problem));
      break;
  }
}

}  // namespace cgisrv::fuzz

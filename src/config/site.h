// What the configuration says of a site, and of its locations.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "access/address_set.h"
#include "auth/options.h"
#include "backend/target.h"
#include "base/tree.h"
#include "cgi/options.h"
#include "config/answer_rules.h"
#include "config/certificate_files.h"
#include "config/key_lines.h"
#include "config/replacement.h"

namespace cgisrv::pattern {
class Pattern;
}

namespace cgisrv::config {

// [cgi] and again in locations; declared where it is used.
using CgiOptions = cgi::Options;
using cgi::QueueOptions;
using cgi::ResourceLimits;
using WarmOptions = warm::Options;

enum class MatchKind : std::uint8_t { exact, prefix, extension, prefix_ending, regex };

struct Match {
  MatchKind kind = MatchKind::prefix;
  std::string text;    // "/exact", "/prefix/", ".ext" (with the dot), or a regular expression
  std::string ending;  // prefix_ending: of files below the prefix, such as ".ext"
  std::shared_ptr<const pattern::Pattern> pattern;  // regex: never null

  bool has_prefix() const { return kind == MatchKind::prefix || kind == MatchKind::prefix_ending; }
  bool has_ending() const {
    return kind == MatchKind::extension || kind == MatchKind::prefix_ending;
  }
};

enum class ProgramKind : std::uint8_t {
  none,       // static files
  in_place,   // cgi = true, or interpreter: matching files are run
  directory,  // cgi = "dir/": the executables below a directory
  single,     // cgi = "file": one program for everything below; without a file: all of it is the
              // backend's
};

// Who is let in, of a site or a location. Each key by itself is inherited where it is not set.
struct AccessRules {
  std::optional<access::AddressSet> allow;  // by address; nobody else
  std::optional<auth::Options> auth;        // by password; or nobody is asked
};

// forbidden: answers 403; hidden: 404, as if nothing were there.
enum class Deny : std::uint8_t { no, forbidden, hidden };

// [site.location.redirect]
struct Redirect {
  Replacement to;  // empty: no redirect; else "/path" or "https://host/path"
  int status = 302;
};

// One step of `try`: a word, or a path of the site that is asked for instead.
struct Attempt {
  enum class Kind : std::uint8_t { file, directory, path };
  Kind kind = Kind::path;
  Replacement path;   // decoded
  Replacement query;  // encoded; empty: none
};

// [[site.location]]
struct Location {
  unsigned number = 0;  // in the whole configuration, fallbacks included
  Match match;
  Deny deny = Deny::no;
  Redirect redirect;
  std::vector<Attempt> attempts;  // `try`
  std::string files;       // stands for the prefix in place of root, or for an exact path; absolute
  std::string real_files;  // the same without links, at the time of reading
  Replacement file_names;  // of a regular expression: the files below `files` that it leads to
  std::vector<std::string> index = {"index.cgi", "index.html"};
  std::optional<bool> listing;  // none: as the site says
  ProgramKind program = ProgramKind::none;
  bool files_only = false;  // cgi = false: no ending makes a program of a file below
  std::string path;         // directory or single: absolute; no trailing slash
  std::string real_path;    // the same without links, at the time of reading
  std::string interpreter;  // absolute path, or empty
  backend::Target backend;  // runs them in place of this server; may be none
  Links links = Links::follow;
  AccessRules access;
  std::uint64_t body_size = 0;
  CgiOptions cgi;
  AnswerRules answers;
  KeyLines lines;

  // Whether its programs are executed, and not read by what runs them.
  bool needs_execute() const { return interpreter.empty() && !backend; }
  // Its programs stand in it by name, or by that of their folder.
  bool names_program() const {
    return program == ProgramKind::single || program == ProgramKind::directory;
  }
  // All below is passed to the backend, whatever files there are.
  bool is_all_passed() const { return program == ProgramKind::single && path.empty(); }
};

// Where clients find a site: "https://example.org:8443/".
struct PublicUrl {
  bool https = false;
  std::string host;  // lower case, an IPv6 address in brackets
  std::uint16_t port = 0;
};

// [[site]]
struct Site {
  std::vector<std::string> include;      // as written: files of its [[location]]s
  std::vector<std::string> server_name;  // lower case; "*.example.org" allowed; empty: any
  std::string root;                      // absolute, no trailing slash
  std::string real_root;                 // the same without links
  std::vector<std::string> index = {"index.cgi", "index.html"};  // initial value for locations
  bool listing = false;                                          // where no location says otherwise
  bool lists_programs = false;  // if it lists, also folders of programs: directory mode
  Links links = Links::follow;  // initial value for locations
  std::optional<PublicUrl> public_url;
  std::vector<CertificateFiles> tls;  // one of each kind; none: those of the first site with any
  std::string client_ca;              // PEM, absolute: whose certificates of clients count
  bool redirect_to_https = false;     // what comes in the clear
  AccessRules access;                 // where no location for a path says otherwise
  std::vector<Location> locations;
  KeyLines lines;
  Location fallback;  // for paths without a location: static files, the [limits] and [cgi] defaults

  // For messages.
  const std::string& title() const { return server_name.empty() ? root : server_name.front(); }
};

}  // namespace cgisrv::config

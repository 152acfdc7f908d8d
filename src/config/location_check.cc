#include "config/location_check.h"

#include <sys/stat.h>

#include <algorithm>
#include <string_view>

#include "base/text.h"
#include "config/codec.h"
#include "config/value_check.h"
#include "pattern/pattern.h"

namespace cgisrv::config {

namespace {

// An interpreter reads its program; without one it is executed.
std::string check_readable(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0)
    return fmt::format("{} does not exist; create it or correct the path", path);
  return S_ISREG(status.st_mode) ? std::string() : fmt::format("{} is not a file", path);
}

void find_program(const Value& cgi, const Site& site, Location& location, Faults& faults) {
  if (site.root.empty()) return;  // reported already
  const bool says_directory = location.path.ends_with('/');
  location.path = absolute_path(site.root, location.path);
  struct stat status {};
  const bool is_directory = ::stat(location.path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
  std::string problem = says_directory || is_directory ? check_directory(location.path)
                        : location.needs_execute()     ? check_executable(location.path)
                                                       : check_readable(location.path);
  const auto& said = *cgi.as<std::string>();
  if (!problem.empty() && (text::equals_ignoring_case(said, "true") || said == "yes"))
    problem += "; or write cgi = true, without quotes, to have what matches run";
  if (!problem.empty()) return faults.add(cgi.at, "'cgi': {}", problem);
  if (is_directory) location.program = ProgramKind::directory;
  const MatchKind kind = location.match.kind;
  if (location.match.has_ending())
    faults.add(cgi.at,
               "'cgi' names a path, which an ending cannot lead to; write cgi = true, or "
               "interpreter = \"{}\" to have it run the files",
               location.path);
  else if (is_directory && kind == MatchKind::exact)
    faults.add(cgi.at,
               "'cgi' names a directory, which one path cannot lead to; match a prefix "
               "such as \"{}/\"",
               location.match.text);
  else if (is_directory && kind == MatchKind::regex)
    faults.add(cgi.at,
               "'cgi' names a directory, which needs a prefix; for a regular expression write "
               "files = \"{}/{{name}}\" and cgi = true",
               location.path);
}

// What has no effect on programs that another server runs.
void check_options_of_backend(const Value& table, const Location& location, Faults& faults) {
  for (const std::string_view key :
       {"interpreter", "start", "warm", "rlimits", "umask", "grace", "allow_setuid"})
    if (const Value* const value = table.find(key); value != nullptr)
      faults.add(value->at,
                 "'{}' has no effect on what a {} server runs; remove it, and set the like there",
                 key, name_of(location.backend.protocol));
  const Value* const keep = table.find("keep_connections");
  if (keep != nullptr && location.backend.protocol == backend::Protocol::scgi)
    faults.add(keep->at,
               "'keep_connections' has no effect: SCGI has a connection for each request");
}

// An ending or an expression leads to files, and so does what says so; all else below a path is the
// server's.
void check_backend(const Value& table, Location& location, Faults& faults) {
  const Value* const fastcgi = table.find("fastcgi");
  const Value* const scgi = table.find("scgi");
  const Value* const keep = table.find("keep_connections");
  if (fastcgi == nullptr && scgi == nullptr) {
    if (keep != nullptr)
      faults.add(keep->at, "'keep_connections' has no effect without 'fastcgi'; remove it");
    return;
  }
  const Value& named = fastcgi != nullptr ? *fastcgi : *scgi;
  if (fastcgi != nullptr && scgi != nullptr)
    faults.add(scgi->at, "'scgi' and 'fastcgi' each say what answers; remove one of the two");
  if (location.files_only)
    faults.add(named.at, "'cgi' is false, so that files are sent; remove it or the address");
  check_options_of_backend(table, location, faults);
  // Its processes are not seen here: only a number can bound them.
  location.cgi.max_running.automatic = false;
  location.cgi.warm.enabled = false;
  if (location.program != ProgramKind::none) return;
  const bool leads_to_files =
      location.match.has_ending() || location.match.kind == MatchKind::regex;
  location.program = leads_to_files ? ProgramKind::in_place : ProgramKind::single;
  const Value* const files = table.find("files");
  if (leads_to_files || files == nullptr) return;
  faults.add(files->at,
             "'files' has no effect: all of {0} is passed to the server; match \"{0}*.php\", or "
             "write cgi = true, if it is to run the files",
             location.match.text);
}

void check_program(const Value& table, const Site& site, Location& location, Faults& faults) {
  const Value* cgi = table.find("cgi");
  const Value* interpreter = table.find("interpreter");
  if (interpreter != nullptr && location.files_only)
    faults.add(
        interpreter->at,
        "'interpreter' runs the files that match, but 'cgi' is false; remove one of the two");
  if (location.program == ProgramKind::single && cgi != nullptr)
    find_program(*cgi, site, location, faults);
  else if (interpreter != nullptr)
    location.program = ProgramKind::in_place;
}

// Keys of which each says by itself what answers: two of them contradict each other.
void check_answers(const Value& table, const Location& location, Faults& faults) {
  const char* answer = nullptr;
  if (location.deny != Deny::no) answer = "deny";
  for (const char* const key : {"redirect", "try"})
    if (answer == nullptr && table.find(key) != nullptr) answer = key;
  if (answer == nullptr) return;
  for (const std::string_view other :
       {"redirect", "try", "cgi", "interpreter", "fastcgi", "scgi", "files"}) {
    const Value* value = table.find(other);
    if (value == nullptr || other == answer) continue;
    // cgi = true beside try or deny says what is run, or would be.
    const bool* const said = value->as<bool>();
    const bool says_nothing = said != nullptr && !(*said && std::string_view(answer) == "redirect");
    if (says_nothing || (other == "files" && std::string_view(answer) == "try")) continue;
    faults.add(value->at, "'{}' has no effect where '{}' answers; remove one of the two", other,
               answer);
  }
}

// Names that are none of the location's own.
void check_names_in(const Replacement& replacement, const Location& location, const Value& value,
                    std::string_view key, Faults& faults) {
  const bool is_prefix = location.match.has_prefix();
  for (const std::string_view name : replacement.names()) {
    const bool is_known = location.match.pattern != nullptr
                              ? location.match.pattern->has_group(name)
                              : is_prefix && name == "path";
    if (is_known) continue;
    faults.add(value.at, "'{}': there is no {{{}}} here; {}", key, name,
               location.match.pattern != nullptr
                   ? "its names are the groups of the regular expression, such as (?<id>...)"
               : is_prefix ? "a prefix has {path}, which is what follows it"
                           : "only a prefix and a regular expression have names");
  }
}

// "/path", without a host behind two slashes, in characters that a URL may hold.
bool is_url_path(std::string_view text) {
  return text.starts_with('/') && !text.starts_with("//") &&
         std::ranges::all_of(text, [](unsigned char c) {
           return c > 0x20 && c < 0x7f && c != '\\' && c != '"' && c != '<' && c != '>';
         });
}

// Whether it is a whole URL whose host no request can change.
bool is_url(const Replacement& to) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    const std::string fixed = to.fixed();
    if (!fixed.starts_with(scheme)) continue;
    const auto path = to.front().find_first_of("/?#", scheme.size());
    const bool has_host = path != scheme.size() && fixed.size() > scheme.size();
    return has_host && (!to.has_names() || path != std::string_view::npos) &&
           is_url_path("/" + fixed.substr(scheme.size()));
  }
  return false;
}

void check_redirect(const Value& table, Location& location, Faults& faults) {
  const Value* value = table.find("redirect");
  if (value == nullptr || location.redirect.to.empty()) return;
  const Replacement& to = location.redirect.to;
  const std::string& written = to.text();
  if (written.size() > 4 && text::parse_number<int>(written.substr(0, 3)) && written[3] == ' ')
    faults.add(value->at, "'redirect': write {{ to = \"{}\", status = {} }} for \"{}\"",
               text::escape(text::trim(written.substr(4)), 100), written.substr(0, 3),
               text::escape(written, 100));
  else if (!is_url(to) && !(to.front().starts_with('/') && is_url_path(to.fixed())))
    faults.add(value->at,
               "'redirect': \"{}\" is no path and no URL; write \"/path\" or "
               "\"https://host/path\", percent-encoded",
               text::escape(to.text(), 100));
  check_names_in(to, location, *value, "redirect", faults);
  constexpr int known[] = {301, 302, 303, 307, 308};
  if (std::ranges::find(known, location.redirect.status) == std::end(known))
    faults.add(value->at, "'status' must be one of 301, 302, 303, 307 and 308; it is {}",
               location.redirect.status);
}

void check_try(const Value& table, const Location& location, Faults& faults) {
  const Value* value = table.find("try");
  if (value == nullptr) return;
  for (const Attempt& attempt : location.attempts) {
    if (attempt.kind != Attempt::Kind::path) continue;
    const std::string fixed = attempt.path.fixed();
    if (!attempt.path.front().starts_with('/') || !is_url_path(fixed + attempt.query.fixed()) ||
        fixed.contains('#'))
      faults.add(value->at,
                 "'try': \"{}\" is not \"file\", \"directory\" or a path of this site, such as "
                 "\"/index.php\"{}",
                 text::escape(attempt.path.text(), 100),
                 attempt.path.text() == "$uri"    ? "; write \"file\""
                 : attempt.path.text() == "$uri/" ? "; write \"directory\""
                                                  : "");
    check_names_in(attempt.path, location, *value, "try", faults);
    check_names_in(attempt.query, location, *value, "try", faults);
  }
}

// The files of a regular expression: the folder before the first name holds all of them.
void check_file_names(const Value& files, Location& location, Faults& faults) {
  auto names = Replacement::parse(location.files);
  if (!names) return faults.add(files.at, "'files': {}", names.error().what);
  check_names_in(*names, location, files, "files", faults);
  const std::string front(names->front());
  location.files = front.substr(0, front.rfind('/'));
  if (const auto problem = check_directory(location.files); !problem.empty())
    faults.add(files.at, "'files': {}", problem);
  if (location.files.size() < names->text().size() &&
      std::string_view(names->text()).substr(location.files.size()).contains("/."))
    faults.add(files.at,
               "'files': names that begin with a dot are never sent; name another folder");
  location.file_names = std::move(*names);
}

void check_files(const Value& table, Location& location, Faults& faults) {
  const Value* files = table.find("files");
  if (files == nullptr || location.files.empty()) return;
  const auto fault = [&](const std::string& problem) {
    if (!problem.empty()) faults.add(files->at, "'files': {}", problem);
  };
  const Value* cgi = table.find("cgi");
  if (cgi != nullptr && cgi->as<std::string>() != nullptr)
    fault("'cgi' names the directory or program already; remove one of the two");
  switch (location.match.kind) {
    case MatchKind::prefix:
    case MatchKind::prefix_ending:
      return fault(check_directory(location.files));
    case MatchKind::exact:
      return fault(check_readable(location.files));
    case MatchKind::extension:
      return fault(
          fmt::format("an ending alone is in no directory; match a prefix, such as "
                      "\"/name/\" or \"/name/*{}\"",
                      location.match.text));
    case MatchKind::regex:
      return check_file_names(*files, location, faults);
  }
}

}  // namespace

void check_location(const Value& table, const Site& site, Location& location, Faults& faults) {
  check_backend(table, location, faults);
  check_program(table, site, location, faults);
  check_files(table, location, faults);
  check_redirect(table, location, faults);
  check_try(table, location, faults);
  check_answers(table, location, faults);
}

}  // namespace cgisrv::config

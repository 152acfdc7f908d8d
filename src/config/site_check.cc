#include "config/site_check.h"

#include <sys/stat.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "config/codec.h"
#include "config/value_check.h"

namespace cgisrv::config {

namespace {

// Where each of a set of words first occurred.
using FirstPlaces = std::map<std::string, Position>;

// "line 12", of an earlier occurrence of `word`; or nothing.
std::string seen_before(FirstPlaces& places, const std::string& word, const Position& at) {
  const auto [first, added] = places.try_emplace(word, at);
  return added ? std::string() : line_of(first->second, at);
}

void check_names(const Value& table, Site& site, FirstPlaces& names, Faults& faults) {
  for (std::size_t i = 0; i < site.server_name.size(); ++i) {
    std::string& name = site.server_name[i];
    std::ranges::transform(name, name.begin(), text::lower);
    const Position& at = table.find("server_name")->as<Value::List>()->at(i).at;
    if (name.empty()) continue;
    if (const std::string line = seen_before(names, name, at); !line.empty())
      faults.add(at, "'server_name': {} stands on {} already; remove one", name, line);
  }
}

void find_program(const Value& cgi, const Site& site, Location& location, Faults& faults) {
  if (site.root.empty()) return;  // reported already
  const bool says_directory = location.path.ends_with('/');
  location.path = absolute_path(site.root, location.path);
  struct stat status {};
  const bool is_directory = ::stat(location.path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
  const std::string problem = says_directory || is_directory ? check_directory(location.path)
                                                             : check_executable(location.path);
  if (!problem.empty()) return faults.add(cgi.at, "'cgi': {}", problem);
  if (is_directory) location.program = ProgramKind::directory;
  const MatchKind kind = location.match.kind;
  if (kind == MatchKind::extension)
    faults.add(cgi.at,
               "'cgi' names a path, which an ending cannot lead to; write cgi = true, or "
               "interpreter = \"{}\" to have it run the files",
               location.path);
  else if (is_directory && kind == MatchKind::exact)
    faults.add(cgi.at,
               "'cgi' names a directory, which one path cannot lead to; match a prefix "
               "such as \"{}/\"",
               location.match.text);
}

void check_program(const Value& table, const Site& site, Location& location, Faults& faults) {
  const Value* cgi = table.find("cgi");
  if (const Value* interpreter = table.find("interpreter")) {
    if (cgi != nullptr && location.program != ProgramKind::in_place)
      faults.add(interpreter->at,
                 "'interpreter' runs the files that match, but 'cgi' is {}; remove one of the two",
                 cgi->describe());
    location.program = ProgramKind::in_place;
  } else if (location.program == ProgramKind::single) {
    find_program(*cgi, site, location, faults);
  }
}

void check_site(const Value& table, Site& site, Faults& faults) {
  FirstPlaces matches;
  for (std::size_t i = 0; i < site.locations.size(); ++i) {
    const Value& location = table.find("location")->as<Value::List>()->at(i);
    const Value* match = location.find("match");
    if (match != nullptr && !site.locations[i].match.text.empty()) {
      const std::string text = format_match(site.locations[i].match);
      if (const std::string line = seen_before(matches, text, match->at); !line.empty())
        faults.add(match->at, "'match': \"{}\" stands on {} already; remove one", text, line);
    }
    check_program(location, site, site.locations[i], faults);
  }
}

}  // namespace

void check_sites(const Value& root, Config& config, Faults& faults) {
  const Value* sites = root.find("site");
  const Value::List* tables = sites == nullptr ? nullptr : sites->as<Value::List>();
  if (config.sites.empty() && (sites == nullptr || tables != nullptr))
    faults.add(root.at, "there is no [[site]]; add one with root = \"/path/to/serve\"");
  if (tables == nullptr) return;
  FirstPlaces names;
  for (std::size_t i = 0; i < config.sites.size(); ++i) {
    Site& site = config.sites[i];
    const Value& table = tables->at(i);
    check_names(table, site, names, faults);
    check_site(table, site, faults);
    if (i > 0 && site.server_name.empty())
      faults.add(table.at,
                 "only the first [[site]] answers for every host; this one needs "
                 "server_name = [\"example.org\"]");
  }
}

}  // namespace cgisrv::config

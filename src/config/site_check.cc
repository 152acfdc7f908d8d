#include "config/site_check.h"

#include <algorithm>
#include <map>

#include "base/text.h"
#include "config/location_check.h"
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

std::string file_of(const Position& at) {
  return at.file ? *at.file : std::string();
}

KeyLines lines_of(const Value& table) {
  KeyLines lines = {{"", table.at.line, file_of(table.at)}};
  if (const auto* entries = table.as<Value::Table>())
    for (const KeyValue& entry : *entries)
      lines.push_back({entry.key, entry.at.line, file_of(entry.at)});
  return lines;
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
    site.locations[i].lines = lines_of(location);
    check_location(location, site, site.locations[i], faults);
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
    site.lines = lines_of(table);
    check_names(table, site, names, faults);
    check_site(table, site, faults);
    if (i > 0 && site.server_name.empty())
      faults.add(table.at,
                 "only the first [[site]] answers for every host; this one needs "
                 "server_name = [\"example.org\"]");
  }
}

}  // namespace cgisrv::config

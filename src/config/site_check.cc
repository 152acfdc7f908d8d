#include "config/site_check.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/text.h"
#include "base/units.h"
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

void note_deadlines_of(const Value* table, const CgiOptions& cgi, const std::string& file,
                       std::vector<std::string>& notes) {
  const std::pair<const char*, Duration> deadlines[] = {{"header_timeout", cgi.header_timeout},
                                                        {"idle_timeout", cgi.idle_timeout}};
  for (const auto& [key, value] : deadlines) {
    const Value* said = table == nullptr ? nullptr : table->find(key);
    if (said == nullptr || value == duration_unlimited || value <= cgi.timeout) continue;
    const std::string most = format_duration(static_cast<std::uint64_t>(cgi.timeout.count()));
    notes.push_back(
        fmt::format("{}:{}: '{}' has no effect: 'timeout' ends the program before, after {}",
                    said->at.file ? *said->at.file : file, said->at.line, key, most));
  }
}

}  // namespace

void note_deadlines(const Value& root, const std::string& file, Config& config) {
  note_deadlines_of(root.find("cgi"), config.cgi, file, config.notes);
  for (std::size_t i = 0; i < config.sites.size(); ++i) {
    const Value& table = root.find("site")->as<Value::List>()->at(i);
    for (std::size_t j = 0; j < config.sites[i].locations.size(); ++j)
      note_deadlines_of(&table.find("location")->as<Value::List>()->at(j),
                        config.sites[i].locations[j].cgi, file, config.notes);
  }
}

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

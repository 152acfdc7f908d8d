#include "server/listener_check.h"

#include <algorithm>

#include "net/address.h"
#include "net/handed_over.h"

namespace cgisrv::server {

namespace {

struct Place {
  std::string_view key;
  const std::string& address;
  const Position& at;
};

bool exclude_each_other(const std::string& a, const std::string& b) {
  if (a.starts_with(net::handed_over_prefix)) return a == b;
  const auto first = net::parse_address(a);
  const auto second = net::parse_address(b);
  return first && second && net::overlap(*first, *second);
}

void check_place(const Place& place, const std::vector<Place>& before, Faults& faults) {
  const auto other = std::ranges::find_if(
      before, [&](const Place& each) { return exclude_each_other(each.address, place.address); });
  if (other == before.end()) return;
  if (other->address == place.address)
    faults.add(place.at, "'{}': {} stands on line {} already; remove one", place.key, place.address,
               other->at.line);
  else
    faults.add(place.at, "'{}': {} and {} of line {} include each other; remove one", place.key,
               place.address, other->address, other->at.line);
}

// Where that key stands, or the table that leaves it out.
const Position& position_of(const Value& table, std::string_view key) {
  const Value* value = table.find(key);
  return value != nullptr ? value->at : table.at;
}

}  // namespace

void check_listeners(const Value& root, Config& config, Faults& faults) {
  std::vector<Place> places;
  const auto add = [&](const Place& place, unsigned& line) {
    check_place(place, places, faults);
    places.push_back(place);
    line = place.at.line;
  };
  const Value* listeners = root.find("listen");
  for (std::size_t i = 0; i < config.listen.size(); ++i)
    add({"address", config.listen[i].address,
         position_of(listeners->as<Value::List>()->at(i), "address")},
        config.listen[i].line);
  if (!config.admin.listen.empty())
    add({"listen", config.admin.listen, position_of(*root.find("admin"), "listen")},
        config.admin.line);
}

}  // namespace cgisrv::server

// The parts of the configuration by name, for headers that only hand them on.
#pragma once

namespace cgisrv::config {

struct AccessRules;
struct Config;
struct Limits;
struct ListenerOptions;
struct Location;
struct ServerOptions;
struct Site;

}  // namespace cgisrv::config

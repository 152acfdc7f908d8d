// What users of other servers write, and what says it here.
#pragma once

#include <string_view>

namespace cgisrv::config {

// What to write in place of a key that is not known here; empty: nobody is in the habit of it.
std::string_view advice_on_key(std::string_view key);
std::string_view advice_on_location(std::string_view key);  // of [[site.location]] alone
std::string_view advice_on_listener(std::string_view key);  // of [[listen]] alone
std::string_view advice_on_auth(std::string_view key);      // of [site.auth] alone
std::string_view advice_on_redirect(std::string_view key);  // of [site.location.redirect] alone
std::string_view advice_on_limit(std::string_view key);     // of [cgi.rlimits] alone
// In place of a value of 'protocol'.
std::string_view advice_on_protocol(std::string_view word);
// The same for a line of another server's file, which is no TOML: "Require local", "location / {".
std::string_view advice_on_line(std::string_view line);

}  // namespace cgisrv::config

#include "config/parameters.h"
#include "config/ranges.h"
#include "config/value_check.h"

namespace cgisrv::config {

namespace {

Codec<access::AddressSet> clients_not_asked() {
  return addresses_but_all("a list of addresses, such as [\"192.0.2.0/24\", \"local\"]",
                           "nobody would be asked; write auth = false");
}

}  // namespace

// clang-format off
const SectionOf<auth::Limits>& auth_limits_section() {
  static const SectionOf<auth::Limits> section{
      "[auth]",
      "How passwords are checked: by processes beside the workers, for all sites.", {
      {"processes", &auth::Limits::processes, integer({1, 64}, "processes", automatic),
       "How many passwords are checked at a time; `\"auto\"`: one for each two processors, but at "
       "least two."},
      {"queue", &auth::Limits::queue, integer({1, 65'536}, "checks"),
       "How many checks wait, a quarter of them of one client; answers 503 past it."},
      {"timeout", &auth::Limits::timeout, duration({100 * ms, day}),
       "How long a check may take, its wait included; answers 503 past it."},
      {"remember", &auth::Limits::remember, duration({0, day}),
       "How long a worker remembers that a password was right, as a keyed hash; `\"0s\"`: not at "
       "all. A password file that changes is obeyed at once."},
      {"guesses", &auth::Limits::guesses, integer({1, 10'000}, "passwords", off),
       "How many wrong passwords a client (an IPv4 address, or the /64 of an IPv6 one) may send "
       "at once; answers 429 past it."},
      {"guess_interval", &auth::Limits::guess_interval, duration({100 * ms, day}),
       "In which it may send one more."},
  }};
  return section;
}

const SectionOf<auth::Options>& auth_section() {
  static const SectionOf<auth::Options> section{
      "[site.auth]",
      "Who is let in: by password (Basic, RFC 7617), or by a certificate of the client's. Mostly "
      "written as `auth = { passwords = \"/etc/cgisrv/passwords\" }`, in a `[[site]]` or a "
      "`[[site.location]]`.", {
      {"realm", &auth::Options::realm, text(),
       "What browsers show beside the question for a password."},
      {"passwords", &auth::Options::passwords, path(), unset("none"),
       "A file of `USER:HASH` lines, as `cgisrv passwd` and `htpasswd` write them: bcrypt, "
       "yescrypt, SHA-crypt, `$apr1$`, `{SHA}`."},
      {"certificate", &auth::Options::certificate, choice({"none", "CN", "email", "DN"}),
       "Which part of a client's certificate is the user: its common name, its e-mail address, or "
       "its whole subject, such as `\"CN=alice,O=Example\"`. Whoever has one needs no password; "
       "without `passwords`, all others get 403. Needs `client_ca` in the site."},
      {"users", &auth::Options::users, list(check_listed_user), unset("all"),
       "Who of them is let in: `\"alice\"`, or a group, `\"@staff\"`, which counts for passwords."},
      {"groups", &auth::Options::groups, path(), unset("none"),
       "A file of `GROUP: USER USER` lines."},
      {"open_to", &auth::Options::open_to, clients_not_asked(), unset("nobody"),
       "Who needs no password: addresses, networks and words, as in `allow`. `[\"local\"]`: this "
       "machine is let in as it is, others by password."},
      {"open_methods", &auth::Options::open_methods, list(check_open_method), unset("none"),
       "Requests that need no password, by their method. `[\"GET\"]`, which stands for HEAD too: "
       "everybody may read, and whoever changes something has to log in. All methods that are not "
       "listed need a password, unknown ones too."},
  }};
  return section;
}
// clang-format on

Codec<std::optional<auth::Options>> auth_rule() {
  return table_or_false(auth_section(), "a table such as { passwords = \"/path\" }, or false");
}

}  // namespace cgisrv::config

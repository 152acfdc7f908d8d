// Who is let in by password, as an administrator configures it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "access/address_set.h"
#include "access/peer.h"

namespace cgisrv::auth {

// Which part of a client's certificate is the user's name; none: certificates do not count.
enum class Certificate : std::uint8_t { none, common_name, email, subject };

// auth = { ... }, of a site or a location: by password (Basic authentication, RFC 7617), or by
// certificate.
struct Options {
  bool is_open = false;      // auth = false: nobody is asked
  std::uint32_t number = 0;  // in the whole configuration: tells rules apart
  std::string realm = "Restricted";
  std::string passwords;                        // absolute path of a password file
  std::string groups;                           // absolute path of a group file; empty: none
  Certificate certificate = Certificate::none;  // whoever has one needs no password
  std::vector<std::string> users;         // "alice", "@staff"; empty: whoever has a right password
  access::AddressSet open_to;             // clients that are not asked
  std::vector<std::string> open_methods;  // whose requests anybody may make; GET: HEAD too
  std::string entry;  // directory mode: a line of a password file, instead of a file

  // Else certificates alone count.
  bool has_passwords() const { return !passwords.empty() || !entry.empty(); }
  // Whether it asks that client for a password before a request of that method. Pure.
  bool asks(const access::Peer& client, std::string_view method) const;
};

// [auth]: of the whole server.
struct Limits {
  unsigned processes = 0;  // that check passwords at a time; 0: by the number of processors
  unsigned queue = 256;    // checks that wait, of all workers
  std::chrono::milliseconds timeout{30'000};        // for one check, its wait included
  std::chrono::milliseconds remember{300'000};      // a right password
  unsigned guesses = 10;                            // wrong ones of a client at once; 0: any number
  std::chrono::milliseconds guess_interval{6'000};  // after these, one in so much time
};

}  // namespace cgisrv::auth

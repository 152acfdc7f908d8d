// A password file as htpasswd(1) writes it: "alice:$2y$05$...", a line for each user. A further
// colon ends the hash; what follows is a comment. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "auth/text_file.h"

namespace cgisrv::auth {

struct PasswordFile {
  struct Entry {
    std::string hash;
    unsigned line = 0;
  };
  std::map<std::string, Entry, std::less<>> users;
  std::vector<FileFault> faults;  // their lines have no entry
};

// A fault says what to do; the file is as good as its other lines.
PasswordFile parse_password_file(std::string_view text);

// Why the name cannot stand in a password file; empty: it can.
std::string check_user_name(std::string_view name);

// The text with the user's line replaced, or added at the end. Every other line stays as it is.
std::string with_entry(std::string_view text, std::string_view user, std::string_view hash);
// The text without the user's lines; the same text if there is none.
std::string without_entry(std::string_view text, std::string_view user);

}  // namespace cgisrv::auth

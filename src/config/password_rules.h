// All rules of a configuration that ask for passwords: its keys `auth`.
#pragma once

#include <vector>

#include "auth/options.h"
#include "config/document.h"
#include "config/faults.h"
#include "config/forward.h"

namespace cgisrv::config {

// By their numbers.
std::vector<const auth::Options*> password_rules(const Config& config);

// Gives each its number, and lists their files.
void list_password_rules(Config& config);

// Reads the files that they name, and reports each fault with the file's name and line: a broken
// password file is found before the start, not when somebody wants in.
void check_password_rules(const Value& root, Config& config, Faults& faults);

// What is no fault, but should be known: users who are let in but have no password, weak hashes,
// files that others can read, or that the server's user cannot; passwords that go over the network
// in the clear.
std::vector<std::string> notes_on_passwords(const Config& config);

}  // namespace cgisrv::config

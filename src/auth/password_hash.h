// One hash of a password file: which forms are taken, and whether a password fits. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "auth/secret.h"

namespace cgisrv::auth {

// What is wrong with it, and what to do; empty: nothing. Taken are bcrypt ($2a$, $2b$, $2y$),
// SHA-crypt ($5$, $6$), yescrypt ($y$), scrypt ($7$), MD5-crypt ($1$, $apr1$) and {SHA}. Refused,
// with a sentence, are plain text, and DES, of which 8 characters count.
std::string check_hash(const std::string& hash);

// Whether it withstands nobody who has the file: MD5 or SHA-1. "{SHA}"; empty: it is good.
std::string_view weak_form(const std::string& hash);

enum class Fit : std::uint8_t { right, wrong, failed };

// As long as the hash takes: a bcrypt of cost 12 takes a quarter of a second. `failed`: the library
// cannot compute it (no memory, FIPS mode).
Fit check_password(const Secret& password, const std::string& hash);

// A hash that takes as long as any and fits no password, for files without an entry.
const std::string& unfitting_hash();

// A new hash, by the library's own best form (yescrypt in Debian); empty, with errno set, if that
// fails.
std::string make_hash(const Secret& password);

}  // namespace cgisrv::auth

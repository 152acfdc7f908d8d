// What a check of a password has found.
#pragma once

#include <chrono>
#include <cstdint>

namespace cgisrv::auth {

enum class Verdict : std::uint8_t {
  right,        // let in
  unlisted,     // the password is right, but the user is not among those of the rule
  wrong,        // no such user, or another password
  guessed,      // this client was wrong too often: it has to wait
  busy,         // too many checks wait already
  late,         // the check took too long
  unavailable,  // the password file cannot be read, or nobody can check
};

struct Answer {
  Verdict verdict = Verdict::unavailable;
  std::chrono::seconds retry_after{0};  // of `guessed`
  bool may_be_kept = true;  // of `right` and `unlisted`: the files were read as they are
};

}  // namespace cgisrv::auth

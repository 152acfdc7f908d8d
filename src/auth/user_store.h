// The files of the configured rules, as they are now: read again when they have changed.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "auth/digest.h"
#include "auth/group_file.h"
#include "auth/options.h"
#include "auth/password_file.h"
#include "auth/text_file.h"

namespace cgisrv::auth {

class UserStore {
 public:
  UserStore();

  struct Found {
    std::string hash;       // that of the user; of an unknown one, another's that takes as long
    bool is_known = false;  // whether there is such a user
    bool is_listed = false;
    bool is_current = true;  // false: a file has changed, and could not be read for now
    std::string problem;     // why nobody can be let in: a sentence; empty: none
  };
  // Looks at the rule's files first. A file that has become unreadable or broken is logged, with
  // file and line, and its last good state stays in service; if there is none, its good lines do.
  // One that a shortage keeps from being read is tried again each time.
  Found find(const Options& rule, std::string_view user);

  // Reads the rule's files, so that this state of them stays in service.
  void read(const Options& rule);

 private:
  static constexpr FileState never{.error = -1};
  template <typename File>
  struct Kept {
    FileState state = never;  // as it was last looked at
    File file;
    bool is_good = false;      // some state of it was without a fault
    bool is_to_retry = false;  // it could not be read, and may be next time as it is
    std::string problem;       // it was never readable: why
    std::string told;          // why it could not be read, as it was logged last
  };

  template <typename File>
  const Kept<File>& keep(std::map<std::string, Kept<File>>& files, const std::string& path,
                         File (*parse)(std::string_view));
  const Kept<PasswordFile>& passwords_of(const Options& rule);
  const std::string& other_hash(const PasswordFile& file, std::string_view user) const;

  std::map<std::string, Kept<PasswordFile>> passwords_;  // by path, or entry
  std::map<std::string, Kept<GroupFile>> groups_;
  Digest secret_{};
};

}  // namespace cgisrv::auth

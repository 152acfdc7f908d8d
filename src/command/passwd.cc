#include "command/passwd.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <string_view>

#include "auth/password_file.h"
#include "auth/password_hash.h"
#include "auth/text_file.h"
#include "base/exit_status.h"
#include "base/regular_file.h"
#include "base/text.h"
#include "base/tree.h"
#include "base/write_all.h"
#include "cgisrv/fd.h"
#include "command/password_prompt.h"

namespace cgisrv::command {

namespace {

int say(int status, std::string_view what) {
  std::fprintf(stderr, "cgisrv passwd: %.*s\n", static_cast<int>(what.size()), what.data());
  return status;
}

int exit_status_for(const Error& error) {
  const bool is_forbidden = error.code == EACCES || error.code == EPERM;
  return is_forbidden ? exit_status::permission : exit_status::cannot_create;
}

// The file as it is, locked against others who replace it; no descriptor: there is none yet.
struct Present {
  Fd lock;
  struct stat status {};
  std::string text;
};

Result<Present> lock_and_read(const std::string& path) {
  while (true) {
    Present present;
    auto opened = open_regular(path);
    if (!opened && opened.error().code == ENOENT) return present;
    if (!opened)
      return fail_as(opened.error().code, "cannot read {}: {}", path, opened.error().what);
    present.lock = std::move(*opened);
    if (::flock(present.lock.get(), LOCK_EX) != 0 ||
        ::fstat(present.lock.get(), &present.status) != 0)
      return fail_errno(errno, "cannot read {}", path);
    struct stat now {};
    const bool is_same = ::stat(path.c_str(), &now) == 0 && now.st_ino == present.status.st_ino &&
                         now.st_dev == present.status.st_dev;
    if (!is_same) continue;  // replaced while we waited for the lock
    auto text = auth::read_text_file(path);
    if (!text) return std::unexpected(text.error());
    present.text = std::move(*text);
    return present;
  }
}

// A new file of root's is of no use to a server that runs as www-data, unless that may read it.
void give_to_the_servers_group(int file) {
  if (::geteuid() != 0) return;
  if (const ::group* const entry = ::getgrnam("www-data"); entry != nullptr)
    (void)!::fchown(file, static_cast<uid_t>(-1), entry->gr_gid);
}

Result<void> write_durably(int file, std::string_view text) {
  if (const int code = write_all(file, text); code != 0) return fail_errno(code, "cannot write");
  if (::fsync(file) != 0) return fail_errno(errno, "cannot write");
  return {};
}

// With the owner and mode of the old one: 0640 of a new one.
Result<void> dress(int file, const Present& present) {
  if (!present.lock) {
    give_to_the_servers_group(file);
    if (::fchmod(file, 0640) != 0) return fail_errno(errno, "chmod");
    return {};
  }
  const auto& [owner, group] = std::pair{present.status.st_uid, present.status.st_gid};
  struct stat mine {};
  if (::fstat(file, &mine) != 0) return fail_errno(errno, "stat");
  const bool is_owned = mine.st_uid == owner && mine.st_gid == group;
  if (!is_owned && ::fchown(file, owner, group) != 0)
    return fail_errno(errno, "the new file cannot have the owner of the old one");
  if (::fchmod(file, present.status.st_mode & 0777) != 0) return fail_errno(errno, "chmod");
  return {};
}

// The server and others see the old file or the new one, never a part.
Result<void> replace(const std::string& path, const Present& present, std::string_view text) {
  std::string name = path + ".XXXXXX";
  const Fd file(::mkostemp(name.data(), O_CLOEXEC));
  if (!file)
    return fail_errno(errno, "no file can be made in {}",
                      std::filesystem::path(path).parent_path().string());
  auto done = dress(file.get(), present);
  if (done) done = write_durably(file.get(), text);
  if (done && ::rename(name.c_str(), path.c_str()) != 0)
    done = fail_errno(errno, "cannot replace {}", path);
  if (!done) ::unlink(name.c_str());
  return done;
}

}  // namespace

Result<std::string> ask_hash(const std::string& user) {
  auto password = ask_password(fmt::format("Password for {}", text::printable(user, 80)));
  if (!password) return std::unexpected(password.error());
  std::string hash = auth::make_hash(*password);
  if (hash.empty()) return fail_errno(errno, "the password cannot be hashed");
  return hash;
}

int run_passwd(const PasswdCommand& command) {
  if (const auto problem = auth::check_user_name(command.user); !problem.empty())
    return say(exit_status::usage, problem);
  const Result<std::string> hash = command.removes ? std::string() : ask_hash(command.user);
  if (!hash) return say(exit_status::no_input, hash.error().what);
  std::string path = real_path(command.file);  // links are followed, so that they stay
  if (path.empty()) path = std::filesystem::absolute(command.file);
  const auto present = lock_and_read(path);
  if (!present) return say(exit_status_for(present.error()), present.error().what);
  const std::string text = command.removes ? auth::without_entry(present->text, command.user)
                                           : auth::with_entry(present->text, command.user, *hash);
  if (command.removes && text == present->text)
    return say(exit_status::no_input,
               fmt::format("there is no user {} in {}", text::printable(command.user, 80),
                           text::printable(command.file, 200)));
  if (auto done = replace(path, *present, text); !done)
    return say(exit_status_for(done.error()), done.error().what);
  for (const auto& fault : auth::parse_password_file(text).faults)
    say(0, "note: " + auth::fault_text(command.file, fault));
  std::printf("cgisrv passwd: %s %s %s\n", text::printable(command.user, 80).c_str(),
              command.removes ? "is removed from" : "has a password in",
              text::printable(command.file, 200).c_str());
  return exit_status::ok;
}

}  // namespace cgisrv::command

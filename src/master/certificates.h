// The certificates of the sites, in the master: it alone reads their files, with the rights that it
// was started with, and gives what is in them to the workers by fork.
#pragma once

#include <cgisrv/loop.h>
#include <cgisrv/parent_only.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/forward.h"
#include "status/report.h"
#include "tls/contexts.h"
#include "tls/ticket_keys.h"

namespace cgisrv::master {

// What tells one state of the files from another.
class FileStates {
 public:
  FileStates() = default;  // none
  static FileStates of(const config::Config& config);

  bool operator==(const FileStates&) const = default;

 private:
  struct State {
    std::uint64_t device = 0, inode = 0, bytes = 0;
    std::int64_t modified_ns = 0;

    bool operator==(const State&) const = default;
  };
  void add(const std::string& path);

  std::vector<State> states_;
};

struct LoadedCertificates {
  std::unique_ptr<tls::Contexts> contexts;  // null: no listener has TLS
  std::unique_ptr<tls::Contexts> admin;     // null: the admin listener has none
  FileStates files;  // as they were before they were read, so that no replacement is missed
};
// `keys` get their first key if they are empty, and outlive the contexts.
Result<LoadedCertificates> load_certificates(const config::Config& config, tls::TicketKeys& keys);

// For the report. Of what its files hold now: empty if nobody has TLS.
std::vector<status::Report::Certificate> reported_certificates(const config::Config& config);

// Follows the certificates of the configuration that serves. Once a minute it looks at their files:
// if these have changed since they were read, not in the last minute, and can be used, it calls
// `replaced`; if they cannot, it says so once, the old ones stay in service, and it tries again.
// Once a day it logs what an administrator should know, such as that one expires soon. Once an hour
// it makes a key for session tickets.
class CertificateWatch {
 public:
  static constexpr std::chrono::minutes interval{1};

  // `keys` outlive it.
  CertificateWatch(Loop& loop, tls::TicketKeys& keys, std::function<void()> replaced);

  // `config`, which outlives this or the next call, serves from now on. `read`: what its files were
  // when they were read; workers have started since.
  void follow(const config::Config& config, FileStates read);
  void look();  // as each minute

 private:
  void look_at_files();
  void due();

  tls::TicketKeys& keys_;
  const std::function<void()> replaced_;
  const config::Config* config_ = nullptr;
  FileStates read_;
  FileStates seen_;                     // by the last look
  std::optional<FileStates> rejected_;  // could not be used
  std::string told_;                    // why, as it was logged
  TimePoint rotated_ = Clock::now();
  TimePoint noted_ = Clock::now();
  Timer timer_;
};

}  // namespace cgisrv::master

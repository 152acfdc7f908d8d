// The certificates of the sites, in the master: it alone reads their files, with the rights that it
// was started with, and gives what is in them to the workers by fork.
#pragma once

#include <cgisrv/loop.h>
#include <cgisrv/parent_only.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "status/report.h"
#include "tls/contexts.h"
#include "tls/ticket_keys.h"

namespace cgisrv::master {

// Null: no listener has TLS. `keys` get their first key if they are empty, and outlive it.
Result<std::unique_ptr<tls::Contexts>> load_certificates(const config::Config& config,
                                                         tls::TicketKeys& keys);

// For the report. Of what its files hold now: empty if no listener has TLS.
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

  // `config`, which outlives this or the next call, serves from now on; its files were just read.
  void follow(const config::Config& config);
  void look();  // as each minute

 private:
  // What tells one state of a file from another.
  struct FileState {
    std::uint64_t device = 0, inode = 0, bytes = 0;
    std::int64_t modified_ns = 0;

    bool operator==(const FileState&) const = default;
  };
  using State = std::vector<FileState>;

  static State state_of(const config::Config& config);
  void look_at_files();
  void due();

  tls::TicketKeys& keys_;
  const std::function<void()> replaced_;
  const config::Config* config_ = nullptr;
  State read_;        // when they were read
  State seen_;        // by the last look
  State rejected_;    // could not be used
  std::string told_;  // why, as it was logged
  TimePoint rotated_ = Clock::now();
  TimePoint noted_ = Clock::now();
  Timer timer_;
};

}  // namespace cgisrv::master

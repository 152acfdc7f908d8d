// What was seen of one exchange: its programs, and what the server would have logged.
#pragma once

#include <cgisrv/loop.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "cgi/observer.h"
#include "exec/kept.h"

namespace cgisrv::exec {

// One program that was started, or could not be.
struct Program {
  cgi::Script script;
  std::string runs;                      // what runs it: an interpreter, or its first line
  std::vector<std::string> environment;  // "NAME=value", sorted
  std::shared_ptr<const account::Account> account;
  Kept output;
  Kept errors;

  const account::Costs& costs() const { return account->costs(); }
};

class Record final : public cgi::Observer {
 public:
  // `passes_on`: the first program's output and errors go to ours as they come, too. `changed` is
  // called when a run is over.
  Record(bool passes_on, Callback changed) : passes_on_(passes_on), changed_(changed) {}

  const std::vector<Program>& programs() const { return programs_; }  // more than one: redirects
  bool settled() const;
  // All but the programs' standard error.
  const std::vector<std::string>& log() const { return log_; }
  // Why the server answered with a failure of its own making, or cut the response; the line of the
  // log without its lead. Empty: it did not.
  const std::string& failure() const { return failure_; }

  // For log::divert().
  void logged(log::Level level, std::string_view request_id, std::string_view text);

  // ---- cgi::Observer
  void starting(const cgi::Script& script, const cgi::Environment& environment,
                std::shared_ptr<const account::Account> account) override;
  void printed(std::string_view bytes) override;
  void complained(std::string_view bytes) override;
  void over() override { changed_(0); }

 private:
  bool is_standard_error(std::string_view line) const;

  bool passes_on_;
  Callback changed_;
  std::vector<Program> programs_;
  std::vector<std::string> log_;
  std::string failure_;
};

// All of it, to one of our own descriptors; quietly less when nobody reads on.
void write_all(int fd, std::string_view bytes);

}  // namespace cgisrv::exec

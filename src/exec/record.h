// Observations of one exchange: its programs, and what the server would have logged.
#pragma once

#include <cgisrv/loop.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "cgi/observer.h"
#include "exec/bounded_capture.h"

namespace cgisrv::exec {

// One program that was started, or could not be.
struct ProgramRun {
  cgi::Script script;
  std::string runs;                      // what runs it: an interpreter, or its first line
  std::vector<std::string> environment;  // "NAME=value", sorted
  std::shared_ptr<const account::Account> account;
  BoundedCapture output;
  BoundedCapture errors;

  const account::Usage& usage() const { return account->usage; }
};

class Record final : public cgi::Observer {
 public:
  // `passes_on`: also copies the first program's output and errors to ours as they come. `changed`
  // is called when a run is over.
  Record(bool passes_on, Callback changed) : passes_on_(passes_on), changed_(changed) {}

  const std::vector<ProgramRun>& programs() const { return programs_; }  // more than one: redirects
  bool is_final() const;
  // All except the programs' standard error.
  const std::vector<std::string>& log() const { return log_; }
  // Why the server answered with an error of its own, or cut the response: the line of the log
  // without its prefix. Empty: it did neither.
  const std::string& failure() const { return failure_; }

  // For log::divert().
  void logged(log::Level level, std::string_view request_id, std::string_view text);

  // ---- cgi::Observer
  void starting(const cgi::Script& script, const cgi::Environment& environment,
                std::shared_ptr<const account::Account> account) override;
  void printed(std::string_view bytes) override;
  void complained(std::string_view bytes) override;
  void over() override { changed_(); }

 private:
  bool is_standard_error(std::string_view line) const;

  bool passes_on_;
  Callback changed_;
  std::vector<ProgramRun> programs_;
  std::vector<std::string> log_;
  std::string failure_;
};

}  // namespace cgisrv::exec

// One run of a CGI program for one exchange: standard input, output and error, and the exit.
//
// Standard output and exit are joined: the run is over when the program has exited and its output
// has ended, or when one of these has happened and the other does not follow in time. The client
// does not wait for that once the response's length shows that it is whole.
#pragma once

#include <cgisrv/loop.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "account/account.h"
#include "cgi/responder.h"
#include "cgi/start.h"
#include "event/turn_queue.h"
#include "handler/exchange.h"
#include "process/child.h"

namespace cgisrv::cgi {

class Run final : public Responder {
 public:
  Run(RunContext& context, handler::Exchange& exchange, Answerer answerer);
  // Ends the program with its group, if it still runs.
  ~Run() override;

 private:
  // ---- input
  Result<void> collected() override;
  void feed() override;
  std::string_view next_input();
  void stdin_writable(std::uint32_t events);
  void ignore_body();
  void close_stdin();
  std::size_t unread_input() const;
  bool has_body() const override { return !stdin_ || exchange_.body_complete(); }

  // ---- start
  void admitted() override;
  void launch();
  bool open_pipes(bool streams);
  void started();
  bool watch();
  void watch_rest();

  // ---- output
  void stdout_readable();
  bool read_output() override;
  void take_output(std::string_view bytes);
  Progress progress() const override;
  void stderr_readable(std::uint32_t events);
  bool read_errors();
  void close_stderr();

  // ---- end (run_end.cc)
  void exited();
  bool reap();
  bool has_ended() const override { return exit_ && !stdout_; }
  void complete() override;
  const process::Exit* bad_exit() const;  // its exit, if that was a failure
  std::string bad_end() const override;
  void close_well() override;
  std::string ending(const process::Exit& exit, std::string_view when) const;
  void phase_due() override;
  void overdue(std::string_view what, std::string_view limit, Options::Duration duration,
               std::string_view why = {}) override;
  std::string_view silence() const;
  void add_to(handler::Failure& failure) const override;
  void let_go();
  void leave() override;

  Fd input_;  // a body that was collected whole, instead of a pipe
  TurnQueue::Work launch_;
  std::unique_ptr<ProgramStart> start_;
  process::Child child_;
  std::optional<process::Exit> exit_;
  WatchedFd stdin_;
  WatchedFd stdout_;
  std::size_t in_pipe_ = 0;       // bytes of the body, after the last write
  std::uint64_t own_output_ = 0;  // after its exit: output that is still to be read
  Fd stderr_;
  Watch stderr_watch_;
  Watch exit_watch_;
  Timer watch_timer_;            // starts the watching of errors and exit
  std::uint64_t oom_kills_ = 0;  // when it was started
};

}  // namespace cgisrv::cgi

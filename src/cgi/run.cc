#include "cgi/run.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "base/shortage.h"
#include "cgi/diagnosis.h"
#include "cgi/ending.h"
#include "event/turn.h"

namespace cgisrv::cgi {

namespace {

using Duration = Options::Duration;
using account::Outcome;

// Most programs end within this time. Only the end of their output is watched then: each watch must
// be opened, registered and closed. Too short for anybody to notice.
constexpr Duration unwatched_time{20};
constexpr Duration look_again{100};  // if the kernel refuses to watch it

// What a program holds for as long as its process lives. The permit is released when the process is
// gone, not when the response is sent. Only then is its usage final, too.
struct ProcessResources final : process::ExitHook {
  ProcessResources(admission::Permit taken, std::shared_ptr<account::Account> accounted)
      : permit(std::move(taken)), account(std::move(accounted)) {}
  void on_exit(const process::Exit& exit) override { account->reaped(exit); }
  admission::Permit permit;
  std::shared_ptr<account::Account> account;
};

}  // namespace

Run::Run(RunContext& context, handler::Exchange& exchange, Answerer answerer)
    : Responder(context, exchange, std::move(answerer), {}),
      launch_(Callback::of<&Run::launch>(*this)),
      watch_timer_(context.loop, Callback::of<&Run::watch_rest>(*this)) {}

Run::~Run() {
  const char* const why = context_.stopping ? "the server stops"
                          : body_failed_    ? "its request's body failed"
                                            : "its client has gone";
  if (child_ && !over())
    note(log::Level::info, fmt::format("{}: ended, since {}", script_.filename, why));
  abandon();
}

// ---- input -------------------------------------------------------------------------------------

Result<void> Run::collected() {
  auto input = intake_.take_whole();
  if (!input) return std::unexpected(input.error());
  input_ = std::move(*input);
  return {};
}

void Run::feed() {
  if (!stdin_) return;
  starved_ = false;
  // Filling the pipe of a program that does not read does not extend its time.
  if (in_pipe_ > 0) {
    const std::size_t unread = unread_input();
    has_progressed_ |= unread < in_pipe_;
    in_pipe_ = unread;
  }
  Turn turn;
  for (auto bytes = next_input(); !bytes.empty(); bytes = next_input()) {
    const ssize_t written = ::write(stdin_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EAGAIN) return;
    if (written <= 0) return ignore_body();
    intake_.drop(static_cast<std::size_t>(written));
    account_->usage.bytes_in += static_cast<std::uint64_t>(written);
    in_pipe_ += static_cast<std::size_t>(written);
    if (turn.is_over()) return resume_timer_.arm_after(Duration::zero());
  }
  if (over()) return;
  if (exchange_.body_complete()) return close_stdin();
  starved_ = true;
}

std::string_view Run::next_input() {
  const auto bytes = intake_.next(context_.scratch);
  if (bytes) return *bytes;
  fail_to_collect(bytes.error());
  return {};
}

void Run::stdin_writable(std::uint32_t events) {
  if (over()) return;
  if ((events & EPOLLERR) != 0)
    ignore_body();  // pipe(7): nobody has the other end any more
  else
    feed();
  if (over()) return;
  exchange_.flush();
  await();
}

// The program does not read on, which is its right. The client may send on; the bytes are dropped.
void Run::ignore_body() {
  close_stdin();
  intake_.discard();
}

// Bytes written to the program that it has not read.
std::size_t Run::unread_input() const {
  int bytes = 0;
  return stdin_ && ::ioctl(stdin_.get(), FIONREAD, &bytes) == 0 ? static_cast<std::size_t>(bytes)
                                                                : 0;
}

void Run::close_stdin() {
  stdin_.reset();
  starved_ = false;
}

// ---- start -------------------------------------------------------------------------------------

void Run::admitted() {
  context_.starts.ask(launch_);
}

void Run::launch() {
  const bool streams = !input_ && exchange_.request().framing != http::Framing::none;
  if (streams) exchange_.open_body();
  start_ = std::make_unique<ProgramStart>(script_, options_, context_.pid_table, context_.zygotes,
                                          Callback::of<&Run::started>(*this));
  if (!open_pipes(streams))
    return fail(Outcome::not_started, 503,
                fmt::format("{}: no pipe to it could be opened: {}; raise the limit of open files",
                            script_.filename, errno_text(errno)));
  context_.permissions.review(script_, options_);
  start_->begin(environment(), input_.get(), context_.descriptors, context_.cgroups);
}

// Idle connections hold descriptors too: a few of them are closed before a request is refused.
bool Run::open_pipes(bool streams) {
  if (start_->open_pipes(streams)) return true;
  if (errno != EMFILE || context_.short_of_descriptors.object == nullptr) return false;
  context_.short_of_descriptors();
  return start_->open_pipes(streams);
}

void Run::started() {
  if (start_->lost())
    return fail(Outcome::not_started, 502,
                fmt::format("{}: its process was killed as it began", script_.filename));
  if (!start_->result) {
    auto [status, sentence] = diagnose_start(start_->result.error(), script_);
    return fail(Outcome::not_started, status, std::move(sentence));
  }
  child_ = std::move(*start_->result);
  begin_running();
  account::Usage& usage = account_->usage;
  usage.started = start_->warm() ? account::StartKind::warm : account::StartKind::cold;
  usage.cold_reason = start_->why_cold();
  if (input_) usage.bytes_in = intake_.content_length().value_or(0);
  admission::Permit permit = permit_request_.take();
  permit.runs(child_.pid());
  child_.set_exit_hook(std::make_unique<ProcessResources>(std::move(permit), account_));
  input_.reset();
  oom_kills_ = context_.oom_kills.recent_count(context_.loop.now());
  if (!watch())
    return fail(Outcome::not_started, 503,
                "the kernel refused to watch one more descriptor; raise "
                "fs.epoll.max_user_watches or add memory");
  start_->release();
  deadlines_.start();
  // An observer must see errors and output in their order.
  watch_timer_.arm_after(context_.observer == nullptr ? unwatched_time : Duration::zero());
  feed();
  await();
}

bool Run::watch() {
  const bool streams = static_cast<bool>(start_->body);
  stdout_ = WatchedFd(context_.loop, std::move(start_->output), EPOLLIN | EPOLLET,
                      WatchCallback::of<&Run::stdout_readable>(*this));
  stderr_ = std::move(start_->error);
  if (streams)
    stdin_ = WatchedFd(context_.loop, std::move(start_->body), EPOLLOUT | EPOLLET,
                       WatchCallback::of<&Run::stdin_writable>(*this));
  return stdout_ && (!streams || stdin_);
}

void Run::watch_rest() {
  exited();
  if (over()) return;
  if (!exit_ && !exit_watch_)
    exit_watch_ =
        Watch(context_.loop, child_.exit_fd(), EPOLLIN, WatchCallback::of<&Run::exited>(*this));
  if (stderr_ && !stderr_watch_)
    stderr_watch_ = Watch(context_.loop, stderr_.get(), EPOLLIN,
                          WatchCallback::of<&Run::stderr_readable>(*this));
  if ((exit_ || exit_watch_) && (!stderr_ || stderr_watch_)) return;
  if (stderr_ && !stderr_watch_) read_errors();
  watch_timer_.arm_after(look_again);
}

// ---- output ------------------------------------------------------------------------------------

void Run::stdout_readable() {
  pump();
  await();
}

Progress Run::progress() const {
  Progress progress = Responder::progress();
  progress.exited = exit_.has_value();
  progress.output_open = static_cast<bool>(stdout_);
  progress.starved = starved_ && unread_input() == 0;
  progress.unread = own_output_;
  return progress;
}

// Returns whether there may be more to read now.
bool Run::read_output() {
  const std::size_t room = stdout_ ? output_room() : 0;
  if (room == 0) return false;
  const ssize_t size = ::read(stdout_.get(), context_.scratch.data(), room);
  if (size > 0) {
    // Little is no sign of the end, even if nobody is left to write: of a pipe with O_DIRECT, each
    // read takes one packet.
    take_output({context_.scratch.data(), static_cast<std::size_t>(size)});
    return true;
  }
  if (size < 0 && errno == EAGAIN) {
    own_output_ = 0;
    return false;
  }
  stdout_.reset();
  // Most programs end with their output: asking at once saves a turn.
  if (reap()) return false;
  watch_timer_.arm_after(Duration::zero());
  return false;
}

void Run::take_output(std::string_view bytes) {
  pass_on(bytes);
  // The program has exited and all its output is read: a child of it in the background keeps the
  // output open, and may even write on. The response does not wait for that.
  own_output_ -= std::min<std::uint64_t>(own_output_, bytes.size());
}

// One read a turn: a flood of errors must not delay the output.
void Run::stderr_readable(std::uint32_t events) {
  if (events == EPOLLHUP) return close_stderr();
  read_errors();
}

// Returns whether there may be more.
bool Run::read_errors() {
  const auto size = ::read(stderr_.get(), context_.scratch.data(), context_.scratch.size());
  if (size > 0) pass_on_errors({context_.scratch.data(), static_cast<std::size_t>(size)});
  if (size == 0 || (size < 0 && errno != EAGAIN)) close_stderr();
  return size > 0;
}

void Run::close_stderr() {
  stderr_watch_.forget();
  stderr_.reset();
  stderr_log_.end();
}

}  // namespace cgisrv::cgi

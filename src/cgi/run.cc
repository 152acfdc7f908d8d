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

constexpr unsigned reads_per_turn = 8;  // of its output, before other connections' turn

// What a program holds for as long as its process lives. The permit is released when the process is
// gone, not when the response is sent. Only then is its usage final, too.
struct ProcessResources final : process::ExitListener {
  ProcessResources(admission::Permit taken, std::shared_ptr<account::Account> accounted)
      : permit(std::move(taken)), account(std::move(accounted)) {}
  void on_exit(const process::Exit& exit) override { account->reaped(exit); }
  admission::Permit permit;
  std::shared_ptr<account::Account> account;
};

}  // namespace

Run::Run(RunContext& context, handler::Exchange& exchange, Script script,
         const Endpoints& endpoints, const Options& options, Redirected redirected)
    : context_(context),
      exchange_(exchange),
      script_(std::move(script)),
      endpoints_(endpoints),
      options_(options),
      redirected_(std::move(redirected)),
      request_id_(exchange.request_id()),
      intake_(exchange, options, context.spool_memory),
      permit_request_(context.admission_client, options, script_.filename, endpoints.client,
                      Callback::of<&Run::decided>(*this)),
      account_(std::make_shared<account::Account>()),
      relay_(exchange, script_, options, account_->usage),
      stderr_log_(request_id_, script_.label()),
      launch_(Callback::of<&Run::launch>(*this)),
      deadlines_(context.loop, options, Callback::of<&Run::phase_due>(*this),
                 Callback::of<&Run::total_due>(*this)),
      watch_timer_(context.loop, Callback::of<&Run::watch_rest>(*this)),
      resume_timer_(context.loop, Callback::of<&Run::resume>(*this)) {}

Run::~Run() {
  const char* const why = context_.stopping ? "the server stops"
                          : body_failed_    ? "its request's body failed"
                                            : "its client has gone";
  if (child_ && !over())
    log::write(log::Level::info, request_id_,
               fmt::format("{}: ended, since {}", script_.filename, why));
  if (!over()) close(body_failed_ ? Outcome::bad_body : Outcome::client_left);
  end_child();
  if (context_.observer != nullptr) context_.observer->over();
}

void Run::body_failed() {
  body_failed_ = true;  // the exchange drops us next
}

// An incomplete body would end too early for the program: then the program is ended instead.
bool Run::client_left() {
  if (state_ != State::running || options_.on_disconnect != OnDisconnect::finish ||
      (stdin_ && !exchange_.body_complete()))
    return false;
  log::write(log::Level::info, request_id_,
             fmt::format("{}: runs on, though its client has gone", script_.filename));
  resume_timer_.arm_after(Duration::zero());  // it may have waited for the client
  return true;
}

// ---- input -------------------------------------------------------------------------------------

void Run::start() {
  exchange_.set_account(account_);
  if (intake_.begin()) return enter();
  if (const auto why = permit_request_.refused_beforehand(); !why.empty()) return refuse(why);
  exchange_.open_body();
  collect();
}

void Run::collect() {
  const auto step = intake_.collect();
  if (!step) return fail_to_spool(step.error());
  if (*step == Intake::Step::turn_over) return resume_timer_.arm_after(Duration::zero());
  if (*step == Intake::Step::waiting) return;
  auto input = intake_.take_whole();
  if (!input) return fail_to_spool(input.error());
  input_ = std::move(*input);
  enter();
}

void Run::fail_to_spool(const Error& error) {
  fail(Outcome::not_started, failure_status(error.code),
       fmt::format("{}: {}", script_.filename, error.what));
}

void Run::body_ready() {
  if (over()) return;
  if (state_ == State::collecting) return collect();
  feed_stdin();
  await();
}

void Run::feed_stdin() {
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
  const std::string reason = fmt::format("{}: {}", script_.filename, bytes.error().what);
  if (in_head())
    fail(Outcome::bad_body, failure_status(bytes.error().code), reason);
  else
    cut(Outcome::bad_body, reason);
  return {};
}

void Run::stdin_writable(std::uint32_t events) {
  if (over()) return;
  if ((events & EPOLLERR) != 0)
    ignore_body();  // pipe(7): nobody has the other end any more
  else
    feed_stdin();
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

// Ends a span of the account, and begins the next.
account::Duration Run::lap() {
  const TimePoint began = std::exchange(lap_began_, Clock::now());
  return std::chrono::duration_cast<account::Duration>(lap_began_ - began);
}

void Run::enter() {
  state_ = State::waiting;
  lap();
  permit_request_.enter();
}

void Run::decided() {
  if (permit_request_.is_admitted()) return admitted();
  if (permit_request_.has_waited()) account_->usage.queue = lap();
  refuse(permit_request_.why_refused());
}

void Run::refuse(std::string_view why) {
  fail(Outcome::refused, 503, fmt::format("{}: {}", script_.filename, why));
}

void Run::admitted() {
  account_->usage.queue = lap();
  state_ = State::starting;
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
  Environment environment = request_environment({.exchange = exchange_,
                                                 .script = script_,
                                                 .endpoints = endpoints_,
                                                 .options = options_,
                                                 .fields = context_.fields,
                                                 .content_length = intake_.content_length(),
                                                 .redirected = redirected_});
  if (context_.observer != nullptr) context_.observer->starting(script_, environment, account_);
  start_->begin(std::move(environment), input_.get(), context_.descriptors, context_.cgroups);
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
  account::Usage& usage = account_->usage;
  usage.start = lap();
  usage.began = lap_began_;
  usage.started = start_->warm() ? account::StartKind::warm : account::StartKind::cold;
  usage.cold_reason = start_->why_cold();
  if (input_) usage.bytes_in = intake_.content_length().value_or(0);
  account_->belongs_to(permit_request_.stats());
  admission::Permit permit = permit_request_.take();
  permit.runs(child_.pid());
  child_.set_exit_listener(std::make_unique<ProcessResources>(std::move(permit), account_));
  input_.reset();
  oom_kills_ = context_.oom_kills.recent_count(context_.loop.now());
  state_ = State::running;
  if (!watch())
    return fail(Outcome::not_started, 503,
                "the kernel refused to watch one more descriptor; raise "
                "fs.epoll.max_user_watches or add memory");
  start_->release();
  deadlines_.start();
  // An observer must see errors and output in their order.
  watch_timer_.arm_after(context_.observer == nullptr ? unwatched_time : Duration::zero());
  feed_stdin();
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

void Run::stdout_readable(std::uint32_t events) {
  all_written_ = (events & EPOLLHUP) != 0;
  pump_output();
  await();
}

void Run::room_ready() {
  pump_output();
  await();
}

// After each event: starts the time of whomever the run now waits for.
void Run::await() {
  if (state_ != State::running) return;
  const bool has_progressed = std::exchange(has_progressed_, false);
  deadlines_.await(awaited({.exited = exit_.has_value(),
                            .output_open = static_cast<bool>(stdout_),
                            .in_head = in_head(),
                            .broken = is_broken(),
                            .starved = starved_ && unread_input() == 0,
                            .has_room = exchange_.room() > 0,
                            .unread = own_output_}),
                   has_progressed);
}

void Run::resume() {
  if (over()) return;
  if (state_ == State::collecting) return collect();
  feed_stdin();
  pump_output();
  await();
}

// Moves output to the client until there is none, or the client or our share of the turn is full.
void Run::pump_output() {
  if (over()) return;
  unsigned turns = reads_per_turn;
  while (turns > 0 && !over() && stdout_ && read_output())
    --turns;
  if (over()) return;
  if (exit_ && !stdout_) return complete();  // which flushes: the end of it goes in one packet
  // A client that has its whole response can send its next request before the program's end.
  if (!has_left_ && !in_head() && !stdin_) has_left_ = exchange_.leave();
  exchange_.flush();
  if (turns == 0) resume_timer_.arm_after(Duration::zero());
}

// Returns whether there may be more to read now.
bool Run::read_output() {
  std::size_t room = context_.scratch.size();
  if (!in_head()) {
    if (exchange_.room() == 0) exchange_.flush();
    room = std::min(room, exchange_.room());
    if (room == 0) return false;
  }
  const ssize_t size = ::read(stdout_.get(), context_.scratch.data(), room);
  if (size > 0) {
    take_output({context_.scratch.data(), static_cast<std::size_t>(size)});
    // The end need not be read if nobody is left to write and everything was read.
    if (!all_written_ || static_cast<std::size_t>(size) == room || over()) return true;
  } else if (size < 0 && errno == EAGAIN) {
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
  account_->usage.bytes_out += bytes.size();
  if (context_.observer != nullptr) context_.observer->printed(bytes);
  relay_.take(bytes);
  if (relay_.is_hopeless()) return fail_head();
  has_progressed_ |= relay_.phase() == Relay::Phase::body;
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
  if (size > 0) {
    const std::string_view bytes(context_.scratch.data(), static_cast<std::size_t>(size));
    if (context_.observer != nullptr) context_.observer->complained(bytes);
    stderr_log_.feed(bytes);
    exchange_.complain(bytes);
  }
  if (size == 0 || (size < 0 && errno != EAGAIN)) close_stderr();
  return size == static_cast<ssize_t>(context_.scratch.size());
}

void Run::close_stderr() {
  stderr_watch_.forget();
  stderr_.reset();
  stderr_log_.end();
}

}  // namespace cgisrv::cgi

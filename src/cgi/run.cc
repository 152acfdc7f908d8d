#include "cgi/run.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/log.h"
#include "base/shortage.h"
#include "cgi/diagnosis.h"
#include "cgi/ending.h"
#include "cgi/tenancy.h"

namespace cgisrv::cgi {

namespace {

using Duration = Options::Duration;
using account::Outcome;

// The program has ended, but its output has not (a child of its own holds it), or the other way
// round: how long the other half is waited for.
constexpr Duration drain_patience{100};
constexpr Duration exit_patience{1000};

// Most programs end within it, and are watched by the end of their output alone: what is watched
// has to be opened, registered and closed. Short enough that nobody notices.
constexpr Duration unwatched_time{20};
constexpr Duration look_again{100};  // where the kernel refuses to watch it

constexpr std::size_t turn_bytes_max = 512 << 10;  // each way, before other connections' turn

}  // namespace

Run::Run(RunContext& context, http::Exchange& exchange, Script script, const Endpoints& endpoints,
         const Options& options, std::string redirect_url)
    : context_(context),
      exchange_(&exchange),
      script_(std::move(script)),
      endpoints_(endpoints),
      options_(options),
      redirect_url_(std::move(redirect_url)),
      request_id_(exchange.request_id()),
      spool_(options.spool_memory),
      account_(std::make_shared<account::Account>()),
      relay_(exchange, script_, options, *account_),
      stderr_log_(request_id_, script_.name),
      phase_timer_(context.loop, Callback::of<&Run::phase_due>(*this)),
      total_timer_(context.loop, Callback::of<&Run::total_due>(*this)),
      watch_timer_(context.loop, Callback::of<&Run::watch_rest>(*this)),
      resume_timer_(context.loop, Callback::of<&Run::resume>(*this)) {}

Run::~Run() {
  const char* const why = context_.stopping ? "the server stops"
                          : body_failed_    ? "its request's body failed"
                                            : "its client has gone";
  if (child_ && !over())
    log::write(log::Level::info, request_id_,
               fmt::format("{}: ended, since {}", script_.filename, why));
  account_->close(Outcome::client_left);
  end_child();
  if (context_.observer != nullptr) context_.observer->over();
}

void Run::body_failed() {
  body_failed_ = true;
  account_->close(Outcome::bad_body);
}

// A body that has not come through whole would end too early for it: then it is ended instead.
void Run::client_left(std::unique_ptr<http::Handler>& self) {
  if (state_ != State::running || stdin_ || context_.unattended == nullptr ||
      options_.on_disconnect != OnDisconnect::finish)
    return;
  log::write(log::Level::info, request_id_,
             fmt::format("{}: runs on, though its client has gone", script_.filename));
  attend_to_nobody(std::move(self));
  resume_timer_.arm_after(Duration::zero());  // it may have waited for the client
}

// ---- input -------------------------------------------------------------------------------------

void Run::start() {
  exchange_->charge(account_);
  const http::Request& request = exchange_->request();
  if (request.framing == http::Framing::chunked && options_.chunked == ChunkedBody::spool) {
    exchange_->open_body();
    return spool_more();
  }
  std::optional<std::uint64_t> length;
  if (request.framing == http::Framing::length) length = request.content_length;
  enter(Fd(), length);
}

void Run::body_ready() {
  if (over()) return;
  if (state_ == State::spooling) return spool_more();
  feed_stdin();
}

void Run::spool_more() {
  std::size_t moved = 0;
  for (auto bytes = exchange_->body(); !bytes.empty(); bytes = exchange_->body()) {
    if (moved >= turn_bytes_max) return resume_timer_.arm_after(Duration::zero());
    moved += bytes.size();
    if (auto kept = spool_.append(bytes); !kept)
      return fail(Outcome::not_started, failure_status(kept.error().code), kept.error().what);
    exchange_->consume(bytes.size());
  }
  if (!exchange_->body_complete()) return;
  const std::uint64_t length = spool_.size();
  auto input = spool_.take();
  if (!input)
    return fail(Outcome::not_started, failure_status(input.error().code), input.error().what);
  enter(std::move(*input), length);
}

void Run::feed_stdin() {
  if (!stdin_) return;
  std::size_t moved = 0;
  for (auto bytes = exchange_->body(); !bytes.empty(); bytes = exchange_->body()) {
    if (moved >= turn_bytes_max) return resume_timer_.arm_after(Duration::zero());
    const ssize_t written = ::write(stdin_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EAGAIN) return expect_program();
    if (written <= 0) return ignore_body();
    exchange_->consume(static_cast<std::size_t>(written));
    account_->wrote(static_cast<std::uint64_t>(written));
    moved += static_cast<std::size_t>(written);
    client_is_due_ = true;  // a program cannot answer before it has its input
    expect_program();
    if (!stdout_ && !exit_) phase_timer_.arm_after(exit_patience);  // it reads on
  }
  if (exchange_->body_complete()) return close_stdin();
  if (!stdout_) return;  // it is only its end that is waited for
  client_is_due_ = true;
  phase_timer_.disarm();  // body_timeout runs
}

// It is the program that is waited for again, not the client, and its time starts anew.
void Run::expect_program() {
  const bool has_room = in_head() || exchange_->room() > 0;  // else the client is the slow one
  if (std::exchange(client_is_due_, false) && stdout_ && !exit_ && has_room)
    phase_timer_.arm_after(patience());
}

void Run::stdin_writable(std::uint32_t events) {
  if (over()) return;
  if ((events & EPOLLERR) != 0)
    ignore_body();  // pipe(7): nobody has the other end any more
  else
    feed_stdin();
  exchange_->flush();
}

// It does not read on: that is its right. The client may send on, to nobody.
void Run::ignore_body() {
  close_stdin();
  exchange_->discard_body();
}

void Run::close_stdin() {
  stdin_.reset();
  expect_program();
}

// ---- start -------------------------------------------------------------------------------------

// A spooled body is whole by now, so that nobody holds a place while it comes in; any other is not
// asked for before there is a place.
void Run::enter(Fd input, std::optional<std::uint64_t> content_length) {
  input_ = std::move(input);
  content_length_ = content_length;
  state_ = State::waiting;
  account_->asks();
  if (context_.door == nullptr) return launch();
  entry_.emplace(*context_.door, Callback::of<&Run::decided>(*this));
  const auto state =
      entry_->enter({.location = options_.location,
                     .file = script_.filename,
                     .client = endpoints_.client,
                     .warm = options_.warm.enabled,
                     .limits = {.max_running = options_.max_running,
                                .max_running_per_client = options_.max_running_per_client,
                                .queue_size = options_.queue.size},
                     .timeout = options_.queue.timeout});
  account_->belongs_to(*entry_->figures());
  if (state != admission::Entry::State::waiting) decided(0);
}

void Run::decided(std::uint32_t) {
  using enum admission::Entry::State;
  if (!entry_ || entry_->state() == admitted) return launch();
  if (entry_->state() == timed_out) {
    account_->waited();
    return fail(Outcome::refused, 503,
                fmt::format("{}: no place became free for it within {} (queue.timeout)",
                            script_.filename, seconds_text(options_.queue.timeout)));
  }
  fail(Outcome::refused, 503,
       fmt::format("{}: no place to run in, and none to wait in (max_running {}, "
                   "queue.size {})",
                   script_.filename, options_.max_running, options_.queue.size));
}

void Run::launch() {
  account_->waited();
  const bool streams = !input_ && exchange_->request().framing != http::Framing::none;
  if (streams) exchange_->open_body();
  start_ = std::make_unique<Start>(script_, options_, context_.roster, context_.zygotes,
                                   Callback::of<&Run::started>(*this));
  if (!start_->open_pipes(streams))
    return fail(Outcome::not_started, 503,
                fmt::format("{}: no pipe to it could be opened: {}; raise the limit of open files",
                            script_.filename, errno_text(errno)));
  context_.permissions.look(script_, options_);
  Environment environment = build_environment({.request = exchange_->request(),
                                               .script = script_,
                                               .endpoints = endpoints_,
                                               .configured = options_.env,
                                               .request_id = request_id_,
                                               .content_length = content_length_,
                                               .pass_authorization = options_.authorization,
                                               .user_field = options_.remote_user,
                                               .redirect_url = redirect_url_});
  if (context_.observer != nullptr) context_.observer->starting(script_, environment, account_);
  state_ = State::starting;
  start_->begin(std::move(environment), input_.get(), context_.descriptors, context_.cgroups);
}

void Run::started(std::uint32_t) {
  if (start_->lost())
    return fail(Outcome::not_started, 502,
                fmt::format("{}: its process was killed as it began", script_.filename));
  if (!start_->result) {
    auto [status, sentence] = diagnose_start(start_->result.error(), script_);
    return fail(Outcome::not_started, status, std::move(sentence));
  }
  child_ = std::move(*start_->result);
  account_->started(start_->warm() ? account::Start::warm : account::Start::cold,
                    start_->why_cold());
  if (input_) account_->wrote(content_length_.value_or(0));
  child_.hold(std::make_unique<Tenancy>(entry_ ? entry_->take() : admission::Place(), account_));
  input_.reset();
  started_ = context_.loop.now();
  oom_kills_ = context_.oom_kills.recent_count(started_);
  state_ = State::running;
  if (!watch())
    return fail(Outcome::not_started, 503,
                "the kernel refused to watch one more descriptor; raise "
                "fs.epoll.max_user_watches or add memory");
  start_->release();
  phase_timer_.arm_after(options_.header_timeout);
  total_timer_.arm_after(options_.timeout);
  // Who looks on is to see errors and output in their order.
  watch_timer_.arm_after(context_.observer == nullptr ? unwatched_time : Duration::zero());
  feed_stdin();
}

bool Run::watch() {
  const bool streams = static_cast<bool>(start_->body);
  stdout_ = WatchedFd(context_.loop, std::move(start_->output), EPOLLIN | EPOLLET,
                      Callback::of<&Run::stdout_readable>(*this));
  stderr_ = std::move(start_->error);
  if (streams)
    stdin_ = WatchedFd(context_.loop, std::move(start_->body), EPOLLOUT | EPOLLET,
                       Callback::of<&Run::stdin_writable>(*this));
  return stdout_ && (!streams || stdin_);
}

void Run::watch_rest(std::uint32_t) {
  exited(0);
  if (over()) return;
  if (!exit_ && !exit_watch_)
    exit_watch_ = Watch(context_.loop, child_.pidfd(), EPOLLIN, Callback::of<&Run::exited>(*this));
  if (stderr_ && !stderr_watch_)
    stderr_watch_ =
        Watch(context_.loop, stderr_.get(), EPOLLIN, Callback::of<&Run::stderr_readable>(*this));
  if ((exit_ || exit_watch_) && (!stderr_ || stderr_watch_)) return;
  if (stderr_ && !stderr_watch_) read_errors();
  watch_timer_.arm_after(look_again);
}

// ---- output ------------------------------------------------------------------------------------

void Run::stdout_readable(std::uint32_t events) {
  all_written_ = (events & EPOLLHUP) != 0;
  pump_output();
}

void Run::room_ready() {
  pump_output();
}

void Run::resume(std::uint32_t) {
  if (over()) return;
  if (state_ == State::spooling) return spool_more();
  feed_stdin();
  if (!over()) pump_output();
}

// Moves output to the client until there is none, or the client or our share of the turn is full.
void Run::pump_output() {
  if (over()) return;
  std::size_t turns = turn_bytes_max / context_.scratch.size();
  while (turns > 0 && !over() && stdout_ && read_output())
    --turns;
  if (over()) return;
  if (exit_ && !stdout_) return complete();  // which flushes: the end of it goes in one packet
  leave_exchange();
  exchange_->flush();
  if (turns == 0) resume_timer_.arm_after(Duration::zero());
}

// A client that has all of its response need not wait for the program's end with its next request.
void Run::leave_exchange() {
  if (has_left_ || in_head() || stdin_ || context_.unattended == nullptr) return;
  auto self = exchange_->leave();
  if (!self) return;
  has_left_ = true;
  attend_to_nobody(std::move(self));
}

void Run::attend_to_nobody(std::unique_ptr<http::Handler> self) {
  exchange_ = &context_.unattended->adopt(std::move(self), request_id_);
  relay_.turn_to(*exchange_);
}

// Returns whether there may be more to read now.
bool Run::read_output() {
  std::size_t room = context_.scratch.size();
  if (!in_head()) {
    if (exchange_->room() == 0) exchange_->flush();
    room = std::min(room, exchange_->room());
    if (room == 0) {
      if (!exit_ || own_output_ > 0) phase_timer_.disarm();  // it is the client that is slow
      return false;
    }
  }
  const ssize_t size = ::read(stdout_.get(), context_.scratch.data(), room);
  if (size > 0) {
    take_output({context_.scratch.data(), static_cast<std::size_t>(size)});
    // The end need not be read where nobody is left to write and we have read all.
    if (!all_written_ || static_cast<std::size_t>(size) == room || over()) return true;
  } else if (size < 0 && errno == EAGAIN) {
    if (!in_head() && !exit_ && !phase_timer_.armed()) expect_output();
    if (exit_) expect_end();
    return false;
  }
  stdout_.reset();
  // Most end with their output: asked at once, that saves a turn.
  if (reap()) return false;
  phase_timer_.arm_after(exit_patience);
  watch_timer_.arm_after(Duration::zero());
  return false;
}

void Run::take_output(std::string_view bytes) {
  account_->read(bytes.size());
  if (context_.observer != nullptr) context_.observer->printed(bytes);
  relay_.take(bytes);
  if (relay_.phase() == Relay::Phase::broken) return fail_head();
  if (!in_head() && !exit_) expect_output();
  if (!exit_) return;
  own_output_ -= std::min<std::uint64_t>(own_output_, bytes.size());
  if (own_output_ == 0) expect_end();
}

void Run::expect_output() {
  if (!client_is_due_) phase_timer_.arm_after(options_.idle_timeout);
}

// The program has ended and all that it printed is read: what keeps its output open, and may even
// write on, is a child of it that runs in the background, which the response does not wait for.
void Run::expect_end() {
  if (!phase_timer_.armed()) phase_timer_.arm_after(drain_patience);
}

// One read a turn: a flood of errors must not keep the output waiting.
void Run::stderr_readable(std::uint32_t events) {
  if (events == EPOLLHUP) return close_stderr();
  read_errors();
}

// Returns whether there may be more.
bool Run::read_errors() {
  const auto size = ::read(stderr_.get(), context_.scratch.data(), context_.scratch.size());
  if (size > 0) take_error({context_.scratch.data(), static_cast<std::size_t>(size)});
  if (size == 0 || (size < 0 && errno != EAGAIN)) close_stderr();
  return size == static_cast<ssize_t>(context_.scratch.size());
}

void Run::close_stderr() {
  stderr_watch_.forget();
  stderr_.reset();
  stderr_log_.end();
}

void Run::take_error(std::string_view bytes) {
  if (context_.observer != nullptr) context_.observer->complained(bytes);
  stderr_log_.feed(bytes);
}

}  // namespace cgisrv::cgi

#include "cgi/run.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include "base/log.h"
#include "base/text.h"
#include "cgi/diagnosis.h"

namespace cgisrv::cgi {

namespace {

using Duration = Options::Duration;

// The program has ended, but its output has not (a child of its own holds it), or the other way
// round: how long the other half is waited for.
constexpr Duration drain_patience{100};
constexpr Duration exit_patience{1000};

constexpr std::size_t turn_bytes_max = 512 << 10;  // of output, before other connections' turn

struct Pipe {
  Fd ours;    // non-blocking
  Fd theirs;  // blocking, as programs expect
};

std::optional<Pipe> open_pipe(bool we_write) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::nullopt;
  Pipe pipe{Fd(ends[we_write ? 1 : 0]), Fd(ends[we_write ? 0 : 1])};
  if (::fcntl(pipe.ours.get(), F_SETFL, O_NONBLOCK) != 0) return std::nullopt;
  return pipe;
}

std::vector<process::ResourceLimit> system_limits(const ResourceLimits& limits,
                                                  const rlimit& descriptors) {
  std::vector<process::ResourceLimit> result = {{RLIMIT_NOFILE, descriptors}};
  const auto add = [&](int resource, const std::optional<std::uint64_t>& value) {
    if (value) result.push_back({resource, {*value, *value}});
  };
  add(RLIMIT_CPU, limits.cpu_seconds);
  add(RLIMIT_AS, limits.address_space);
  add(RLIMIT_NOFILE, limits.open_files);
  add(RLIMIT_NPROC, limits.processes);
  add(RLIMIT_FSIZE, limits.file_size);
  add(RLIMIT_CORE, limits.core);
  return result;
}

std::string seconds(Duration duration) {
  return fmt::format("{:g} s", std::chrono::duration<double>(duration).count());
}

}  // namespace

Run::Run(RunContext& context, http::Exchange& exchange, Script script, const Endpoints& endpoints,
         const Options& options, std::string redirect_url)
    : context_(context),
      exchange_(exchange),
      script_(std::move(script)),
      endpoints_(endpoints),
      options_(options),
      redirect_url_(std::move(redirect_url)),
      request_id_(exchange.request_id()),
      spool_(options.spool_memory),
      stderr_log_(request_id_, script_.name),
      phase_timer_(context.loop, Callback::of<&Run::phase_due>(*this)),
      total_timer_(context.loop, Callback::of<&Run::total_due>(*this)),
      resume_timer_(context.loop, Callback::of<&Run::resume>(*this)) {}

Run::~Run() {
  if (child_ && !over())
    log::write(log::Level::info, request_id_,
               fmt::format("{}: ended, since its client has gone", script_.filename));
  exit_watch_.cancel();  // the reaper watches from here on
  context_.reaper.end(std::move(child_), options_.grace);
}

// ---- input -------------------------------------------------------------------------------------

void Run::start() {
  const http::Request& request = exchange_.request();
  if (request.framing != http::Framing::none) exchange_.open_body();
  if (request.framing == http::Framing::chunked && options_.chunked == ChunkedBody::spool)
    return spool_more();
  std::optional<std::uint64_t> length;
  if (request.framing == http::Framing::length) length = request.content_length;
  launch(Fd(), length);
}

void Run::body_ready() {
  if (over()) return;
  if (state_ == State::spooling) return spool_more();
  feed_stdin();
}

void Run::spool_more() {
  for (auto bytes = exchange_.body(); !bytes.empty(); bytes = exchange_.body()) {
    if (auto kept = spool_.append(bytes); !kept) return fail(500, kept.error().what);
    exchange_.consume(bytes.size());
  }
  if (!exchange_.body_complete()) return;
  const std::uint64_t length = spool_.size();
  auto input = spool_.take();
  if (!input) return fail(500, input.error().what);
  launch(std::move(*input), length);
}

void Run::feed_stdin() {
  if (!stdin_) return;
  std::size_t moved = 0;
  for (auto bytes = exchange_.body(); !bytes.empty(); bytes = exchange_.body()) {
    if (moved >= turn_bytes_max) return resume_timer_.arm_after(Duration::zero());
    const ssize_t written = ::write(stdin_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EAGAIN) return;
    if (written <= 0) {
      // It does not read on: that is its right. The client may send on, to nobody.
      close_stdin();
      return exchange_.discard_body();
    }
    exchange_.consume(static_cast<std::size_t>(written));
    moved += static_cast<std::size_t>(written);
    // A program cannot answer before it has its input: its time starts anew.
    if (stdout_ && phase_timer_.armed())
      phase_timer_.arm_after(state_ == State::head ? options_.header_timeout
                                                   : options_.idle_timeout);
  }
  if (exchange_.body_complete()) close_stdin();
}

void Run::stdin_writable(std::uint32_t) {
  if (over()) return;
  feed_stdin();
  exchange_.flush();
}

void Run::close_stdin() {
  stdin_.reset();
}

// ---- start -------------------------------------------------------------------------------------

void Run::launch(Fd input, std::optional<std::uint64_t> content_length) {
  const bool streams = !input && exchange_.request().framing != http::Framing::none;
  auto output = open_pipe(false);
  auto error = open_pipe(false);
  std::optional<Pipe> body = streams ? open_pipe(true) : std::nullopt;
  if (!output || !error || (streams && !body))
    return fail(503,
                fmt::format("{}: no pipe to it could be opened: {}; raise the limit of open files",
                            script_.filename, errno_text(errno)));
  context_.permissions.look(script_, options_);
  const int null_or_file = input ? input.get() : context_.null_input;
  auto child = spawn(body ? body->theirs.get() : null_or_file, output->theirs.get(),
                     error->theirs.get(), content_length);
  if (!child) {
    auto [status, sentence] = diagnose_start(child.error(), script_);
    return fail(status, std::move(sentence));
  }
  child_ = std::move(*child);
  started_ = context_.loop.now();
  state_ = State::head;
  stdout_ = WatchedFd(context_.loop, std::move(output->ours), EPOLLIN | EPOLLET,
                      Callback::of<&Run::stdout_readable>(*this));
  stderr_ = WatchedFd(context_.loop, std::move(error->ours), EPOLLIN,
                      Callback::of<&Run::stderr_readable>(*this));
  if (body)
    stdin_ = WatchedFd(context_.loop, std::move(body->ours), EPOLLOUT | EPOLLET,
                       Callback::of<&Run::stdin_writable>(*this));
  exit_watch_ = Watch(context_.loop, child_.pidfd(), EPOLLIN, Callback::of<&Run::exited>(*this));
  if (!stdout_ || !stderr_ || (body && !stdin_) || !exit_watch_)
    return fail(503,
                "the kernel refused to watch one more descriptor; raise "
                "fs.epoll.max_user_watches or add memory");
  phase_timer_.arm_after(options_.header_timeout);
  total_timer_.arm_after(options_.timeout);
  feed_stdin();
}

std::expected<process::Child, process::SpawnFailure> Run::spawn(
    int input, int output, int error, std::optional<std::uint64_t> content_length) {
  Environment environment = build_environment({.request = exchange_.request(),
                                               .script = script_,
                                               .endpoints = endpoints_,
                                               .configured = options_.env,
                                               .request_id = request_id_,
                                               .content_length = content_length,
                                               .pass_authorization = options_.authorization,
                                               .redirect_url = redirect_url_});
  process::RosterPlace place = context_.roster.claim();
  if (!place) return std::unexpected(process::SpawnFailure{process::SpawnStep::clone, EAGAIN});
  const bool interpreted = !script_.interpreter.empty();
  Tree::Place file;
  if (script_.links != Links::follow && !interpreted) {
    auto found = Tree{script_.tree, script_.links}.place(script_.filename);
    if (!found)
      return std::unexpected(process::SpawnFailure{process::SpawnStep::exec, found.error().code});
    file = std::move(*found);
    file.name.insert(0, "./");
  }
  const char* const program = interpreted ? script_.interpreter.c_str() : script_.filename.c_str();
  const std::array<char*, 3> argv = {
      const_cast<char*>(program),
      interpreted ? const_cast<char*>(script_.filename.c_str()) : nullptr, nullptr};
  const std::string directory = script_.filename.substr(0, script_.filename.rfind('/') + 1);
  const auto limits = system_limits(options_.rlimits, context_.descriptors);
  return process::spawn({.path = file.directory ? file.name.c_str() : program,
                         .argv = argv.data(),
                         .envp = environment.envp(),
                         .directory = directory.c_str(),
                         .stdin_fd = input,
                         .stdout_fd = output,
                         .stderr_fd = error,
                         .limits = limits,
                         .gains_privileges = options_.allow_setuid,
                         .directory_fd = file.directory.get()},
                        std::move(place));
}

// ---- output ------------------------------------------------------------------------------------

void Run::stdout_readable(std::uint32_t events) {
  pump_output(events);
}

void Run::room_ready() {
  pump_output();
}

void Run::resume(std::uint32_t) {
  if (over()) return;
  feed_stdin();
  if (!over()) pump_output();
}

// Moves output to the client until there is none, or the client or our share of the turn is full.
void Run::pump_output(std::uint32_t) {
  if (over()) return;
  std::size_t turns = turn_bytes_max / context_.scratch.size();
  while (turns > 0 && !over() && stdout_ && read_output())
    --turns;
  if (over()) return;
  exchange_.flush();
  if (turns == 0) resume_timer_.arm_after(Duration::zero());
  join();
}

// Returns whether there may be more to read now.
bool Run::read_output() {
  std::size_t room = context_.scratch.size();
  if (state_ == State::body) {
    if (exchange_.room() == 0) exchange_.flush();
    room = std::min(room, exchange_.room());
    if (room == 0) {
      phase_timer_.disarm();  // it is the client that is slow
      return false;
    }
  }
  const ssize_t size = ::read(stdout_.get(), context_.scratch.data(), room);
  if (size > 0) {
    take_output({context_.scratch.data(), static_cast<std::size_t>(size)});
    return true;
  }
  if (size < 0 && errno == EAGAIN) {
    if (state_ == State::body && !exit_ && !phase_timer_.armed())
      phase_timer_.arm_after(options_.idle_timeout);
    if (exit_ && !phase_timer_.armed()) phase_timer_.arm_after(drain_patience);
    return false;
  }
  stdout_.reset();
  if (!exit_) phase_timer_.arm_after(exit_patience);
  return false;
}

void Run::take_output(std::string_view bytes) {
  if (state_ == State::head) return take_head(bytes);
  if (!redirects()) exchange_.write(bytes);
  if (!exit_) phase_timer_.arm_after(options_.idle_timeout);
}

void Run::take_head(std::string_view bytes) {
  if (script_.nph) {
    state_ = State::body;
    exchange_.respond_raw(raw_status(bytes));
    return take_output(bytes);
  }
  const std::size_t taken = parser_.feed(bytes);
  if (parser_.looks_headerless() && !options_.headerless.empty()) {
    take_headerless();
    return take_output(bytes.substr(taken));
  }
  if (parser_.state() == ResponseParser::State::malformed) return fail_head();
  if (parser_.state() == ResponseParser::State::incomplete) return;
  // A local redirect waits for the program's end; its body, if any, is nobody's.
  if (!redirects()) respond();
  state_ = State::body;
  if (!exit_) phase_timer_.arm_after(options_.idle_timeout);
  if (taken < bytes.size()) take_output(bytes.substr(taken));
}

void Run::fail_head() {
  std::string reason = fmt::format("{}: {}", script_.filename, parser_.problem());
  if (!parser_.offending_line().empty())
    reason += fmt::format(": \"{}\"", text::escape(parser_.offending_line(), 200));
  fail(502, std::move(reason), parser_.collected());
}

void Run::take_headerless() {
  http::Response response;
  response.add("Content-Type", options_.headerless);
  exchange_.respond(std::move(response));
  state_ = State::body;
  take_output(parser_.collected());
}

void Run::respond() {
  exchange_.respond(parser_.head().response);
}

// Cookies that came with the redirect are meant for the client whatever is answered.
void Run::redirect() {
  std::vector<http::Field> cookies;
  for (http::Field& field : parser_.head().response.fields)
    if (text::equals_ignoring_case(field.name, "Set-Cookie")) cookies.push_back(std::move(field));
  exchange_.redirect(parser_.head().location, std::move(cookies));
}

bool Run::redirects() {
  return parser_.state() == ResponseParser::State::complete &&
         parser_.head().kind == ResponseKind::local_redirect;
}

void Run::stderr_readable(std::uint32_t) {
  // One read a turn: a flood of errors must not keep the output waiting.
  const ssize_t size = ::read(stderr_.get(), context_.scratch.data(), context_.scratch.size());
  if (size > 0) return stderr_log_.feed({context_.scratch.data(), static_cast<std::size_t>(size)});
  if (size < 0 && errno == EAGAIN) return;
  stderr_.reset();
  stderr_log_.end();
}

// ---- end ---------------------------------------------------------------------------------------

void Run::exited(std::uint32_t) {
  if (over()) return;
  exit_ = child_.try_wait();
  if (!exit_) return;
  exit_watch_.cancel();  // the pidfd stays open, and ready
  if (stdin_) {
    close_stdin();
    exchange_.discard_body();
  }
  total_timer_.disarm();
  phase_timer_.disarm();
  if (stderr_) stderr_readable(0);
  if (!over()) pump_output();
}

void Run::join() {
  if (!over() && exit_ && !stdout_) complete();
}

void Run::complete() {
  stderr_log_.end();
  if (state_ == State::head) return complete_without_head();
  if (exit_ && exit_->signalled && redirects())
    return fail(502, fmt::format("{}: {} after its Location", script_.filename, exit_->text()));
  if (exit_ && exit_->signalled)
    return cut(fmt::format("{}: {} after its header; the response is cut", script_.filename,
                           exit_->text()));
  if (exit_ && !exit_->success())
    log::write(log::Level::notice, request_id_,
               fmt::format("{}: ended with {}", script_.filename, exit_->text()));
  state_ = State::over;
  if (redirects()) return redirect();
  exchange_.finish();
}

void Run::complete_without_head() {
  if (exit_ && !exit_->success() && parser_.collected().empty())
    return fail(502,
                fmt::format("{}: {} before it printed a header{}", script_.filename, exit_->text(),
                            stderr_log_.tail().empty() ? "" : "; its standard error says why"));
  const bool headerless = !options_.headerless.empty() && !parser_.collected().empty();
  parser_.end();
  if (headerless && parser_.state() != ResponseParser::State::complete) {
    take_headerless();
    return complete();
  }
  if (parser_.state() == ResponseParser::State::complete) {
    if (!redirects()) respond();
    state_ = State::body;
    return complete();
  }
  fail(502, fmt::format("{}: {}", script_.filename, parser_.problem()), parser_.collected());
}

void Run::phase_due(std::uint32_t) {
  if (over()) return;
  if (exit_ || !stdout_) {
    // The other half of the join is not coming: a child of the program holds its output, or it
    // works on without it. Neither keeps the response.
    stdout_.reset();
    exit_watch_.cancel();
    context_.reaper.release(std::move(child_), options_.timeout, options_.grace);
    return complete();
  }
  if (state_ == State::head)
    return overdue("printed no header", "header_timeout", options_.header_timeout);
  overdue("printed nothing", "idle_timeout", options_.idle_timeout);
}

void Run::total_due(std::uint32_t) {
  if (!over()) overdue("did not end", "timeout", options_.timeout);
}

void Run::overdue(std::string_view what, std::string_view limit, Duration duration) {
  std::string reason = fmt::format("{}: {} within {} ({}); it was ended", script_.filename, what,
                                   seconds(duration), limit);
  if (state_ == State::head || redirects()) return fail(504, std::move(reason));
  cut(reason);
}

void Run::fail(int status, std::string reason, std::string_view output_head) {
  state_ = State::over;
  if (stderr_) stderr_readable(0);
  if (exit_)
    if (const auto lost = lost_privileges(script_, options_); !lost.empty()) reason += "; " + lost;
  exchange_.fail({.status = status,
                  .reason = std::move(reason),
                  .exit = exit_ ? exit_->text() : std::string(),
                  .stderr_tail = stderr_log_.tail(),
                  .output_head = std::string(output_head.substr(0, 1024))});
}

void Run::cut(const std::string& reason) {
  log::write(log::Level::warn, request_id_, reason);
  state_ = State::over;
  exchange_.abort();
}

}  // namespace cgisrv::cgi

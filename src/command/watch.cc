#include "command/watch.h"

#include <cgisrv/loop.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "base/exit_status.h"
#include "base/text.h"
#include "base/write_all.h"

namespace cgisrv::command {

namespace {

// False if nobody reads any more.
bool print(std::string_view text) {
  return write_all(STDOUT_FILENO, text) == 0;
}

// The terminal's second screen, without a cursor, for as long as this lives; console_codes(4) and
// xterm's control sequences.
class FullScreen {
 public:
  FullScreen() { print("\033[?1049h\033[?25l"); }
  FullScreen(const FullScreen&) = delete;
  FullScreen& operator=(const FullScreen&) = delete;
  ~FullScreen() { print("\033[?25h\033[?1049l"); }

  // Overwrites the screen in one write: clearing it first flickers.
  static bool draw(std::string_view text) {
    std::string out = "\033[H";
    for (bool first = true; !text.empty(); first = false)
      out.append(first ? "" : "\n").append(text::take_until(text, '\n')).append("\033[K");
    return print(out.append("\033[J"));
  }
};

class Watcher {
 public:
  Watcher() {
    sigemptyset(&signals_);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH})
      sigaddset(&signals_, number);
    ::sigprocmask(SIG_BLOCK, &signals_, nullptr);  // they are received while we wait
    const char* const terminal = std::getenv("TERM");
    in_place_ =
        ::isatty(STDOUT_FILENO) == 1 && terminal != nullptr && std::string_view(terminal) != "dumb";
    if (in_place_) screen_.emplace();
  }

  bool draw(const status::Report& now, const status::Report* before) const {
    status::Screen size = output_screen();
    if (!in_place_) return print(status::report_table(now, before, size) + "\n");
    if (size.columns > 1) --size.columns;  // a full line would lose its last character
    return FullScreen::draw(status::report_table(now, before, size));
  }

  // A signal, or 0 when the next report is due.
  int wait_until(TimePoint due) const {
    const auto left = std::max(Clock::duration::zero(), due - Clock::now());
    const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
    const timespec timeout{.tv_sec = seconds.count(),
                           .tv_nsec = std::chrono::nanoseconds(left - seconds).count()};
    return std::max(0, ::sigtimedwait(&signals_, nullptr, &timeout));
  }

  // Ctrl-Z: restores the terminal for the shell.
  void suspend() {
    screen_.reset();
    ::raise(SIGSTOP);
    if (in_place_) screen_.emplace();
  }

 private:
  sigset_t signals_{};
  bool in_place_ = false;
  std::optional<FullScreen> screen_;
};

}  // namespace

status::Screen output_screen() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return {.columns = 0, .lines = 0};
  return {.columns = size.ws_col != 0 ? size.ws_col : 80U, .lines = size.ws_row};
}

int watch(const std::function<Result<status::Report>()>& fetch,
          std::chrono::duration<double> interval) {
  std::optional<Watcher> watcher(std::in_place);
  std::optional<status::Report> before;
  for (;;) {
    const TimePoint due = Clock::now() + std::chrono::duration_cast<Clock::duration>(interval);
    auto now = fetch();
    if (!now) {
      watcher.reset();
      std::fprintf(stderr, "cgisrv: %s\n", now.error().what.c_str());
      return exit_status::unavailable;
    }
    int number = 0;
    do {
      if (!watcher->draw(*now, before ? &*before : nullptr)) return exit_status::ok;
      number = watcher->wait_until(due);
      if (number == SIGTSTP) watcher->suspend();
    } while (number == SIGWINCH || number == SIGTSTP);
    if (number != 0) return number == SIGINT ? exit_status::ok : 128 + number;
    before = std::move(*now);
  }
}

}  // namespace cgisrv::command

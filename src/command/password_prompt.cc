#include "command/password_prompt.h"

#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "auth/basic.h"
#include "auth/digest.h"
#include "base/text.h"

namespace cgisrv::command {

namespace {

volatile std::sig_atomic_t interrupted_by = 0;

// The terminal shows nothing that is typed; a signal that would end us first lets it show again.
class SilentTerminal {
 public:
  SilentTerminal() {
    struct sigaction action {};
    action.sa_handler = [](int signal) { interrupted_by = signal; };  // no SA_RESTART: read(2) ends
    for (std::size_t i = 0; i < signals.size(); ++i)
      ::sigaction(signals[i], &action, &old_actions_[i]);
    is_changed_ = ::tcgetattr(STDIN_FILENO, &old_) == 0;
    if (!is_changed_) return;
    termios silent = old_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;
  ~SilentTerminal() {
    if (is_changed_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &old_);
    for (std::size_t i = 0; i < signals.size(); ++i)
      ::sigaction(signals[i], &old_actions_[i], nullptr);
    if (interrupted_by != 0) ::raise(interrupted_by);
  }

 private:
  static constexpr std::array signals{SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGTSTP};
  std::array<struct sigaction, signals.size()> old_actions_{};
  termios old_{};
  bool is_changed_ = false;
};

// Byte by byte, so that nothing after the line is taken from whoever reads standard input next.
Result<auth::Secret> read_line() {
  std::array<char, auth::password_bytes_max + 1> line{};
  std::size_t size = 0;
  const auto done = [&](auto result) {
    ::explicit_bzero(line.data(), line.size());
    return result;
  };
  while (true) {
    char byte = 0;
    const ssize_t got = ::read(STDIN_FILENO, &byte, 1);
    if (got < 0) {
      const int code = errno;
      return done(Result<auth::Secret>(fail_errno(code, "no password could be read")));
    }
    if (got == 0 || byte == '\n') break;
    if (size == line.size())
      return done(Result<auth::Secret>(
          fail("the password has more than {} bytes", auth::password_bytes_max)));
    line[size++] = byte;
  }
  if (size > 0 && line[size - 1] == '\r') --size;
  return done(Result<auth::Secret>(auth::Secret({line.data(), size})));
}

Result<auth::Secret> ask_once(std::string_view question) {
  std::fprintf(stderr, "%.*s: ", static_cast<int>(question.size()), question.data());
  auto line = read_line();
  std::fputc('\n', stderr);
  return line;
}

}  // namespace

Result<auth::Secret> ask_password(std::string_view question) {
  Result<auth::Secret> password;
  if (::isatty(STDIN_FILENO) != 0) {
    const SilentTerminal silent;
    password = ask_once(question);
    if (!password) return password;
    const auto again = ask_once("The same again");
    if (!again) return fail("{}", again.error().what);
    if (!auth::is_same(password->view(), again->view()))
      return fail("the two passwords differ; try again");
  } else {
    password = read_line();
    if (!password) return password;
  }
  if (password->view().empty()) return fail("the password is empty");
  if (text::has_controls(password->view()))
    return fail("the password holds a control character, which browsers cannot send");
  return password;
}

}  // namespace cgisrv::command

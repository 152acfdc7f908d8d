#include "event/signals.h"

#include <sys/signalfd.h>

#include "base/check.h"

namespace cgisrv {

namespace {
Fd open_signalfd(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : signals)
    sigaddset(&set, number);
  CGISRV_CHECK(::sigprocmask(SIG_BLOCK, &set, nullptr) == 0);
  Fd fd(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd) cannot_begin("signalfd");
  return fd;
}
}  // namespace

Signals::Signals(Loop& loop, std::initializer_list<int> signals, SignalCallback handler)
    : handler_(handler),
      fd_(WatchedFd(loop, open_signalfd(signals), EPOLLIN,
                    WatchCallback::of<&Signals::ready>(*this))) {
  if (!*fd_) cannot_begin("watching signals");
}

// One in each turn of the loop: whoever sends them faster than they are carried out holds up
// nothing.
void Signals::ready() {
  signalfd_siginfo info;
  if (::read(fd_->get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info))
    handler_(static_cast<int>(info.ssi_signo));
}

void set_default_dispositions() {
  for (int number = 1; number < SIGRTMIN; ++number)
    ::signal(number, SIG_DFL);  // SIGKILL and SIGSTOP refuse, as expected
  struct sigaction nothing {};
  nothing.sa_handler = [](int) {};
  nothing.sa_flags = SA_RESTART;
  // A failed write, without a reader or beyond RLIMIT_FSIZE, is an ordinary error, not our end.
  ::sigaction(SIGPIPE, &nothing, nullptr);
  ::sigaction(SIGXFSZ, &nothing, nullptr);
}

}  // namespace cgisrv

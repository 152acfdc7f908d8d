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

Signals::Signals(Loop& loop, std::initializer_list<int> signals, Callback handler)
    : handler_(handler),
      fd_(loop, open_signalfd(signals), EPOLLIN, Callback::of<&Signals::ready>(*this)) {
  if (!fd_) cannot_begin("watching signals");
}

void Signals::ready(std::uint32_t) {
  signalfd_siginfo info;
  while (::read(fd_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info))
    handler_(info.ssi_signo);
}

void set_default_dispositions() {
  for (int number = 1; number < SIGRTMIN; ++number)
    ::signal(number, SIG_DFL);  // SIGKILL and SIGSTOP refuse, as they should
  struct sigaction nothing {};
  nothing.sa_handler = [](int) {};
  nothing.sa_flags = SA_RESTART;
  // A write that cannot be is an error like others, not the end: to nobody, or past RLIMIT_FSIZE.
  ::sigaction(SIGPIPE, &nothing, nullptr);
  ::sigaction(SIGXFSZ, &nothing, nullptr);
}

}  // namespace cgisrv

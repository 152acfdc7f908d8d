// What claims and pidfds tell of processes whose zygotes are silent.
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <set>

#include "warm/zygotes.h"

namespace cgisrv::warm {

namespace {

// How long a zygote may take to report that a process has ended.
constexpr auto silence_max = std::chrono::seconds(5);

}  // namespace

// Whether it has not begun, and never will. The program has the claim, too, and may have made reads
// of it block.
bool Zygotes::ForkRecord::take_back() const {
  std::uint64_t one = 0;
  const iovec room{&one, sizeof one};
  ssize_t got = ::preadv2(claim, &room, 1, -1, RWF_NOWAIT);
  pollfd asked{claim, POLLIN, 0};
  if (got < 0 && errno == EOPNOTSUPP && ::poll(&asked, 1, 0) > 0)  // before Linux 5.8
    got = ::read(claim, &one, sizeof one);
  return got == sizeof one;
}

// If the pidfd is not its process's, its end is unknown: for us it is over at once. A failure for
// lack of descriptors or memory is retried by look_for_silence().
void Zygotes::ForkRecord::watch_for_end() {
  const PidfdCheck found = check_pidfd();
  if (found == PidfdCheck::unable) return;
  if (found == PidfdCheck::wrong) {
    Fd over(::eventfd(1, EFD_CLOEXEC));
    if (!over) return;
    report->is_of(std::move(over));
  }
  orphan = Watch(zygotes.loop_, report->pidfd(), EPOLLIN,
                 WatchCallback::of<&ForkRecord::orphan_ended>(*this));
}

// Whether the descriptor is the process's pidfd: proc(5), fdinfo. -1: it has been reaped.
Zygotes::PidfdCheck Zygotes::ForkRecord::check_pidfd() {
  if (pidfd != PidfdCheck::unable) return pidfd;
  zygotes.spare_fd_.reset();
  std::ifstream info(fmt::format("/proc/self/fdinfo/{}", report->pidfd()));
  if (info) pidfd = PidfdCheck::wrong;
  for (std::string line; std::getline(info, line);)
    if (line == fmt::format("Pid:\t{}", pid) || line == "Pid:\t-1") pidfd = PidfdCheck::right;
  info.close();
  zygotes.hold_spare_fd();
  return pidfd;
}

// Asks the process that reaped it how it ended. Without an answer, only its output can tell.
void Zygotes::ForkRecord::orphan_ended() {
  orphan.cancel();
  silent_since = zygotes.loop_.now();
  is_asked = true;
  if (!zygotes.news_ ||
      !send_message(zygotes.manager_, {.kind = ManagerMessage::Kind::orphan, .pid = pid}))
    zygotes.finish(*this, {});
}

// Found by its pid, which is unique: it has ended, and was reaped just now.
void Zygotes::on_end(const ManagerMessage& message) {
  const auto meant = std::ranges::find_if(records_, [&](const auto& each) {
    return each.second.is_asked && each.second.pid == message.pid;
  });
  if (meant != records_.end())
    finish(meant->second, process::exit_of(message.status, message.usage));
}

// A zygote that is stopped, or silent for another reason, would otherwise hold its processes'
// resources for as long as it lives, above all permits.
void Zygotes::check_silence() {
  std::vector<pollfd> asked;
  std::vector<std::uint64_t> ids, unknown;
  std::set<std::shared_ptr<ZygoteLink>> silent, wrong;
  for (auto& [id, record] : records_) {
    if (record.pid == 0 || record.orphan) continue;
    if (record.is_asked) {
      if (loop_.now() - record.silent_since >= silence_interval) unknown.push_back(id);
      continue;
    }
    if (!record.zygote->control) {  // failed before, for lack of descriptors or memory
      record.watch_for_end();
      continue;
    }
    if (record.check_pidfd() == PidfdCheck::wrong) wrong.insert(record.zygote);
    asked.push_back({record.report->pidfd(), POLLIN, 0});
    ids.push_back(id);
  }
  for (const std::uint64_t id : unknown)
    finish(records_.at(id), {});
  if (!records_.empty()) silence_.arm_after(silence_interval);
  if (asked.empty() || ::poll(asked.data(), asked.size(), 0) < 0) return;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (asked[i].revents == 0) continue;
    ForkRecord& record = records_.at(ids[i]);
    if (record.silent_since == TimePoint{}) record.silent_since = loop_.now();
    if (loop_.now() - record.silent_since > silence_max) silent.insert(record.zygote);
  }
  for (const auto& zygote : wrong)
    condemn(*zygote, "a process of its has shown another in its stead");
  for (const auto& zygote : silent)
    condemn(*zygote, "it does not tell of processes that have ended");
}

// The claim has served. The process has it, too, and could make our writes to it block.
void Zygotes::renew_event(ForkRecord& record) {
  const auto open = [] { return Fd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)); };
  Fd event = open();
  if (!event) {
    spare_fd_.reset();
    event = open();
  }
  record.claim = -1;
  if (event) record.report->tell_by(std::move(event));  // and the claim is closed
  if (!spare_fd_) hold_spare_fd();
}

void Zygotes::hold_spare_fd() {
  spare_fd_.reset(::fcntl(manager_, F_DUPFD_CLOEXEC, 3));
}

}  // namespace cgisrv::warm

#include "warm/zygote_process.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <ctime>
#include <fstream>

#include "base/collect.h"
#include "base/packet.h"
#include "process/kin.h"
#include "warm/wire.h"

namespace cgisrv::warm {

namespace {
// clock_getcpuclockid(3)
std::uint64_t processor_us_of(pid_t pid) {
  clockid_t clock{};
  timespec time{};
  if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &time) != 0) return 0;
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000 +
         static_cast<std::uint64_t>(time.tv_nsec) / 1'000;
}

// From before it became undumpable: proc(5), status. Nothing: not readable now.
std::optional<bool> is_traced(pid_t pid) {
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  constexpr std::string_view name = "TracerPid:";
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(name)) return !line.ends_with("\t0");
  return std::nullopt;
}

// Messages to another kind of socket might never arrive.
bool is_control(int fd) {
  const auto is = [fd](int option, int wanted) {
    int found = 0;
    socklen_t size = sizeof found;
    return ::getsockopt(fd, SOL_SOCKET, option, &found, &size) == 0 && found == wanted;
  };
  return is(SO_DOMAIN, AF_UNIX) && is(SO_TYPE, SOCK_SEQPACKET);
}

AllLimits limits_of(pid_t pid) {
  AllLimits limits{};
  for (int resource = 0; resource < RLIM_NLIMITS; ++resource)
    ::prlimit(pid, static_cast<__rlimit_resource>(resource), nullptr,
              &limits.at(static_cast<std::size_t>(resource)));
  return limits;
}

}  // namespace

ZygoteManager::ZygoteProcess::ZygoteProcess(Loop& loop, Boot boot, Options options, Stamp script,
                                            std::uint64_t generation, Callback on_status)
    : loop_(loop),
      boot_(std::move(boot)),
      options_(std::move(options)),
      script_(script),
      generation_(generation),
      on_status_(on_status),
      watch_(loop, boot_.channel.get(), EPOLLIN, WatchCallback::of<&ZygoteProcess::listen>(*this)),
      timeout_(loop, Callback::of<&ZygoteProcess::end>(*this)),
      began_(loop.now()),
      last_use_(loop.now()) {
  timeout_.arm_after(boot_timeout);
}

void ZygoteManager::ZygoteProcess::listen(std::uint32_t events) {
  if (boot_status_ != BootStatus::none) return;
  std::array<char, sizeof(cgisrv_warm_header) + CGISRV_WARM_REASON_MAX> room{};
  auto packet = receive_packet(boot_.channel.get(), room);
  watch_.cancel();  // nothing more comes from there; reaping reports its end
  timeout_.disarm();
  end_reading(boot_.channel.get());
  const bool is_over = (events & (EPOLLHUP | EPOLLRDHUP)) != 0;
  const bool is_reaped = events == 0;  // its pid may then be nobody's, or another's
  if (packet)
    boot_status_ = understand(std::move(*packet), is_reaped);
  else if (!is_reaped && !is_over)
    boot_status_ = BootStatus::wrong;  // an empty one
  // Unless it has died by itself: without a valid report it is useless.
  const bool is_useless = boot_status_ == BootStatus::wrong || boot_status_ == BootStatus::unseen;
  if (!is_reaped && ((!packet && is_over) || is_useless)) kill();
  on_status_();
}

// Only the zygote may report here: any other process with the channel would be asked instead of it.
ZygoteManager::ZygoteProcess::BootStatus ZygoteManager::ZygoteProcess::understand(Packet packet,
                                                                                  bool is_reaped) {
  cgisrv_warm_header header{};
  if (!packet.whole && packet.descriptors == 0) {
    reason_ = "there was no descriptor free for its control socket";
    return BootStatus::unseen;
  }
  if (!packet.whole || packet.bytes.size() < sizeof header || packet.sender != boot_.pid)
    return BootStatus::wrong;
  std::memcpy(&header, packet.bytes.data(), sizeof header);
  if (header.magic != CGISRV_WARM_MAGIC) return BootStatus::wrong;
  if (header.type == CGISRV_WARM_REFUSED) {
    reason_ = packet.bytes.substr(sizeof header);
    return BootStatus::refused;
  }
  if (header.type != CGISRV_WARM_READY || packet.descriptors != 1) return BootStatus::wrong;
  if (!is_control(packet.descriptor.get())) return BootStatus::wrong;
  if (is_reaped) return BootStatus::none;
  const auto traced = is_traced(boot_.pid);
  if (!traced) {
    reason_ = fmt::format("/proc/{}/status, which says whether it is traced, could not be read",
                          boot_.pid);
    return BootStatus::unseen;
  }
  if (*traced || !take_stamps()) return BootStatus::wrong;
  control_ = std::move(packet.descriptor);
  end_reading(control_.get());  // it only takes requests; nothing is read from it
  boot_us_ = processor_us_of(boot_.pid);
  limits_ = limits_of(boot_.pid);
  last_use_ = loop_.now();
  return BootStatus::ready;
}

// Only now is it known which files it has read. A file changed since the boot began may have been
// read in its old form.
bool ZygoteManager::ZygoteProcess::take_stamps() {
  auto paths = files_of(boot_.slate.get());
  if (paths.empty()) return false;  // it has at least libraries
  paths.push_back(boot_.executable);
  for (std::string& path : paths) {
    const Stamp stamp = stamp_of(path);
    doubtful_ = doubtful_ || changed_since(path, boot_.began_ns);
    files_.emplace_back(std::move(path), stamp);
  }
  return true;
}

// Kills it. It is reaped and reported later.
void ZygoteManager::ZygoteProcess::end() {
  overdue_ = true;
  kill();
}

void ZygoteManager::ZygoteProcess::kill() const {
  ::kill(boot_.pid, SIGKILL);
}

void ZygoteManager::ZygoteProcess::used(std::uint64_t requests, std::uint64_t processor_us) {
  requests_ += requests;
  processor_us_ += processor_us;
  last_use_ = loop_.now();
}

std::optional<ZygoteManager::ZygoteProcess::Gain> ZygoteManager::ZygoteProcess::gain() const {
  constexpr std::uint64_t requests_min = 10;
  if (requests_ < requests_min || boot_us_ == 0) return std::nullopt;
  return Gain{boot_us_, processor_us_ / requests_};
}

bool ZygoteManager::ZygoteProcess::is_idle() const {
  return loop_.now() - last_use_ > options_.idle;
}

std::vector<std::string> ZygoteManager::ZygoteProcess::paths() const {
  return collect(files_, &std::pair<std::string, Stamp>::first);
}

std::string_view ZygoteManager::ZygoteProcess::fault(Clock::duration settling) const {
  if (!suspicion.empty()) return suspicion;
  if (loop_.now() - began_ > options_.max_age) return "it is older than max_age";
  if (requests_ >= options_.max_requests) return "it has served max_requests";
  if (has_changed()) return "a file that it has loaded has changed";
  if (doubtful_ && loop_.now() - began_ >= settling)
    return "a file that it has loaded was changed meanwhile";
  if (is_too_large().value_or(false)) return "it is larger than max_memory";
  if (has_lowered_limits())
    return "another process has lowered its resource limits, as prlimit(1) does";
  return {};
}

// Each of its processes has them too.
bool ZygoteManager::ZygoteProcess::has_lowered_limits() const {
  return !std::ranges::equal(
      limits_of(boot_.pid), limits_, [](const rlimit& now, const rlimit& then) {
        return now.rlim_cur >= then.rlim_cur && now.rlim_max >= then.rlim_max;
      });
}

bool ZygoteManager::ZygoteProcess::has_changed() const {
  return std::ranges::any_of(files_,
                             [](const auto& file) { return stamp_of(file.first) != file.second; });
}

std::optional<bool> ZygoteManager::ZygoteProcess::is_too_large() const {
  const auto now = process::resident_bytes(boot_.pid);
  return now ? std::optional(*now > options_.max_memory) : std::nullopt;
}

}  // namespace cgisrv::warm

#include "warm/keeper_zygote.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <fstream>
#include <ranges>

#include "base/packet.h"
#include "warm/wire.h"

namespace cgisrv::warm {

namespace {
// From its start to the point where it would begin to look at a request.
constexpr auto boot_patience = std::chrono::seconds(10);
}  // namespace

Keeper::Zygote::Zygote(Loop& loop, Boot boot, Options options, Stamp script,
                       std::uint64_t generation, Callback heard)
    : loop_(loop),
      boot_(std::move(boot)),
      options_(std::move(options)),
      script_(script),
      generation_(generation),
      heard_(heard),
      watch_(loop, boot_.control.get(), EPOLLIN, Callback::of<&Zygote::listen>(*this)),
      patience_(loop, Callback::of<&Zygote::end>(*this)),
      began_(loop.now()),
      last_use_(loop.now()) {
  patience_.arm_after(boot_patience);
}

void Keeper::Zygote::listen(std::uint32_t) {
  if (word_ != Word::none) return;
  std::array<char, sizeof(cgisrv_warm_header) + CGISRV_WARM_REASON_MAX> room{};
  const auto packet = receive_packet(boot_.control.get(), room);
  watch_.cancel();  // nothing more comes from there; its end is seen when it is reaped
  patience_.disarm();
  cgisrv_warm_header header{};
  if (!packet || packet->bytes.size() < sizeof header) return;
  std::memcpy(&header, packet->bytes.data(), sizeof header);
  if (header.magic != CGISRV_WARM_MAGIC) return;
  if (header.type == CGISRV_WARM_REFUSED) {
    word_ = Word::refused;
    reason_ = packet->bytes.substr(sizeof header);
  } else if (header.type == CGISRV_WARM_READY) {
    word_ = Word::ready;
    take_stamps();
    last_use_ = loop_.now();
  }
  heard_(0);
}

// Only now is it known which files it has read. What was changed since it began to read them may
// have been read as it was before.
void Keeper::Zygote::take_stamps() {
  auto paths = files_of(boot_.slate.get());
  paths.push_back(boot_.executable);
  for (std::string& path : paths) {
    const Stamp stamp = stamp_of(path);
    doubtful_ = doubtful_ || changed_since(path, boot_.began_ns);
    files_.emplace_back(std::move(path), stamp);
  }
}

// It is reaped, and reported then.
void Keeper::Zygote::end(std::uint32_t) {
  overdue_ = true;
  kill();
}

void Keeper::Zygote::kill() const {
  ::kill(boot_.pid, SIGKILL);
}

void Keeper::Zygote::used(std::uint64_t requests) {
  requests_ += requests;
  last_use_ = loop_.now();
}

bool Keeper::Zygote::is_idle() const {
  return loop_.now() - last_use_ > options_.idle;
}

std::vector<std::string> Keeper::Zygote::paths() const {
  const auto names = files_ | std::views::keys;
  return {names.begin(), names.end()};
}

std::string_view Keeper::Zygote::fault(Clock::duration settling) const {
  if (!suspicion.empty()) return suspicion;
  if (loop_.now() - began_ > options_.max_age) return "it is older than max_age";
  if (requests_ >= options_.max_requests) return "it has served max_requests";
  if (has_changed()) return "a file that it has loaded has changed";
  if (doubtful_ && loop_.now() - began_ >= settling)
    return "a file that it has loaded was changed meanwhile";
  if (is_too_large()) return "it is larger than max_memory";
  return {};
}

bool Keeper::Zygote::has_changed() const {
  return std::ranges::any_of(files_,
                             [](const auto& file) { return stamp_of(file.first) != file.second; });
}

// Resident, proc(5): statm counts pages.
std::uint64_t Keeper::Zygote::memory() const {
  std::ifstream statm(fmt::format("/proc/{}/statm", boot_.pid));
  std::uint64_t pages = 0;
  statm >> pages >> pages;
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace cgisrv::warm

#include "warm/zygote_manager.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>

#include "base/log.h"
#include "base/packet.h"
#include "process/kin.h"
#include "warm/zygote_process.h"

namespace cgisrv::warm {

namespace {

constexpr std::size_t zygotes_max = 64;
constexpr std::chrono::milliseconds at_once{0};
// How long a changed module may still be served in its old form.
constexpr auto poll_interval = std::chrono::milliseconds(500);
// A log that was moved away keeps its disk space until all processes close it.
constexpr auto follow_interval = std::chrono::seconds(5);
// The longest time to keep a zygote whose files changed while it loaded them.
constexpr auto settling_max = std::chrono::hours(1);
constexpr auto short_life = std::chrono::seconds(5);
constexpr auto after_trouble = std::chrono::minutes(1);
constexpr auto stop_timeout = std::chrono::seconds(1);
// For one that has served: it should report most of its processes itself.
constexpr auto retire_timeout = std::chrono::seconds(10);

// 0: none has ended. The child is not reaped.
pid_t ended_child() {
  siginfo_t info{};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 ? info.si_pid : 0;
}

std::string folder_of(const std::string& file) {
  return file.substr(0, file.rfind('/') + 1);
}

}  // namespace

ZygoteManager::ZygoteManager(Fd channel, Fd lifeline, Lookup lookup, std::string library,
                             const rlimit& descriptors)
    : signals_(loop_, {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD},
               SignalCallback::of<&ZygoteManager::on_signal>(*this)),
      channel_(loop_, std::move(channel), EPOLLIN,
               WatchCallback::of<&ZygoteManager::channel_ready>(*this)),
      lifeline_(loop_, std::move(lifeline), 0, WatchCallback::of<&ZygoteManager::stop>(*this)),
      lookup_(std::move(lookup)),
      library_(std::move(library)),
      descriptors_(descriptors),
      poll_timer_(loop_, Callback::of<&ZygoteManager::poll>(*this)),
      follow_(loop_, Callback::of<&ZygoteManager::follow_log>(*this)),
      count_due_(loop_, Callback::of<&ZygoteManager::count>(*this)),
      end_(loop_, Callback::of<&ZygoteManager::kill_all>(*this)),
      // Workers' messages about a former manager's zygote must not match one of ours.
      generations_(static_cast<std::uint64_t>(::getpid()) << 32) {}

ZygoteManager::~ZygoteManager() = default;

int ZygoteManager::run() {
  // Children of a dead zygote live on, as our children.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  if (!channel_ || !lifeline_) return 1;
  follow_log();
  loop_.run();
  return 0;
}

void ZygoteManager::on_signal(int number) {
  if (number == SIGCHLD) reap();
}

// Zygotes end by themselves as soon as nobody can ask them for anything.
void ZygoteManager::stop() {
  stopping_ = true;
  lifeline_.reset();
  managed_.clear();
  if (alive_.empty()) return loop_.stop();
  end_.arm_after(stop_timeout);
}

void ZygoteManager::kill_all() {
  for (const auto& [pid, process] : alive_)
    ::kill(pid, SIGKILL);
  loop_.stop();
}

void ZygoteManager::channel_ready() {
  std::array<char, manager_message_bytes_max> room;
  auto packet = receive_packet(channel_.get(), room);
  if (!packet) return;
  if (const auto message = unpack(packet->bytes))
    on_message(*message, std::move(packet->descriptor));
}

void ZygoteManager::on_message(const ManagerMessage& message, Fd descriptor) {
  if (stopping_) return;
  if (message.kind == ManagerMessage::Kind::subscribe) {
    if (!descriptor) return;
    Subscriber& made = subscribers_.emplace_back(*this, std::move(descriptor));
    made.self = std::prev(subscribers_.end());
    if (!tell_what_there_is(made)) subscribers_.pop_back();
    return;
  }
  if (message.kind == ManagerMessage::Kind::wanted) return wanted(message.key);
  if (message.kind == ManagerMessage::Kind::orphan) return tell_end(message.pid);
  if (message.kind == ManagerMessage::Kind::condemned) {
    const auto meant = std::ranges::find_if(
        alive_, [&](const auto& each) { return each.second.generation == message.generation; });
    if (meant != alive_.end()) condemn(meant->first, message.reason);
    return;
  }
  const auto found = managed_.find(message.key);
  if (found == managed_.end() || !found->second.serving) return;
  ZygoteProcess& zygote = *found->second.serving;
  if (zygote.generation() != message.generation) return;
  if (message.kind == ManagerMessage::Kind::used) {
    zygote.used(message.count, message.processor_us);
    tell_gain(found->first, found->second);
  }
  if (message.kind == ManagerMessage::Kind::suspect) {
    zygote.suspicion = message.reason;
    poll_timer_.arm_after(at_once);
  }
}

// ---- zygotes -----------------------------------------------------------------------------------

void ZygoteManager::wanted(const ZygoteKey& key) {
  const auto [found, is_new] = managed_.try_emplace(key);
  ManagedZygote& managed = found->second;
  const Stamp now = stamp_of(key.file);
  if (managed.coming) return;
  // A worker that has not been told yet, or has dropped its zygote.
  if (managed.serving && managed.serving->script() == now && managed.serving->suspicion.empty())
    return tell_all(make_message(ManagerMessage::Kind::zygote, key, managed),
                    managed.serving->control());
  if (const Refusal* known = refusal_of(key); known != nullptr && known->script == now) {
    if (known != &managed.refusal) managed.refusal = *known;
    return tell_all(make_message(ManagerMessage::Kind::refused, key, managed));
  }
  if (loop_.now() < managed.not_before) return;
  make_room();
  begin(key, managed);
}

void ZygoteManager::begin(const ZygoteKey& key, ManagedZygote& managed) {
  const auto warm_config = lookup_(key);
  if (!warm_config) return;
  // The loader skips a library that it cannot open, and the program would run for real.
  if (::access((library_ + "/libcgisrv-warm.so").c_str(), R_OK) != 0)
    return refuse(
        key, managed,
        fmt::format("The user that programs run as cannot read libcgisrv-warm.so in \"{}\"; "
                    "it belongs beside the server, or in ../lib/cgisrv.",
                    library_));
  const Stamp stamp = stamp_of(key.file);  // before it is read: an edit meanwhile shows
  const auto recipe = make_recipe(warm_config->program, warm_config->options, library_);
  if (!recipe && recipe.error().passes) return put_off(key, managed, recipe.error().why);
  if (!recipe) return refuse(key, managed, recipe.error().why, recipe.error().by_kind);
  auto place = table_ != nullptr ? table_->claim() : nullptr;
  auto started = boot(*recipe, folder_of(key.file), descriptors_, place.get());
  if (!started) {
    log::line(log::Level::warn, "{}: no zygote could be started: {}", key.file,
              started.error().what);
    managed.not_before = loop_.now() + short_life;
    return;
  }
  managed.is_native = recipe->is_native;
  alive_.emplace(started->pid, Alive{generations_ + 1, key.file, std::move(place)});
  managed.coming = std::make_unique<ZygoteProcess>(
      loop_, std::move(*started), warm_config->options, stamp, ++generations_,
      Callback::of<&ZygoteManager::on_boot_status>(*this));
}

void ZygoteManager::became_ready(const ZygoteKey& key, ManagedZygote& managed) {
  managed.serving = std::move(managed.coming);  // its predecessor retires
  Alive& process = alive_.at(managed.serving->pid());
  process.has_served = true;
  if (process.place) process.place->has_served = true;
  managed.refusal = {};
  // Twice as long for each successive zygote in doubt: the program itself may write the file each
  // time that it loads.
  managed.settling =
      managed.serving->is_doubtful()
          ? std::clamp<Clock::duration>(2 * managed.settling, poll_interval, settling_max)
          : Clock::duration::zero();
  log::line(log::Level::info, "{}: started warm from now on (zygote {})", key.file,
            managed.serving->pid());
  tell_all(make_message(ManagerMessage::Kind::zygote, key, managed), managed.serving->control());
}

// A warm start need not pay: the slow part may be loaded after the point where the zygote waits.
void ZygoteManager::tell_gain(const ZygoteKey& key, ManagedZygote& managed) {
  const auto gain = managed.serving->gain();
  if (!gain || managed.is_native || std::exchange(managed.gain_told, true)) return;
  if (gain->once_us >= gain->each_us) return;
  log::line(
      log::Level::info,
      "{}: a request takes {:.1f} ms of a processor although it is started warm, which spares "
      "it at most {:.1f} ms; what it loads for each request can be loaded once: see what "
      "\"cgisrv exec --verify\" proposes for preload",
      key.file, static_cast<double>(gain->each_us) / 1000,
      static_cast<double>(gain->once_us) / 1000);
}

// It is reaped like any other, and its children live on. Their pidfds report their ends.
void ZygoteManager::condemn(pid_t pid, std::string_view why) {
  Alive& process = alive_.at(pid);
  if (std::exchange(process.is_condemned, true)) return;
  log::line(log::Level::warn, "{}: its zygote {} is killed: {}", process.file, pid, why);
  ::kill(pid, SIGKILL);
  for (auto& [key, managed] : managed_)
    if (managed.serving && managed.serving->pid() == pid) lose(key, managed);
}

// A program can stop its parent. A stopped zygote reaps nothing, and reports no end. Takes two
// checks: a signal that briefly stops all of us is not aimed at the zygotes.
void ZygoteManager::check_stopped() {
  for (auto& [pid, process] : alive_) {
    const bool is_stopped = process::is_stopped(pid);
    if (is_stopped && process.was_stopped) condemn(pid, "it has been stopped (SIGSTOP)");
    process.was_stopped = is_stopped;
  }
}

// A refused or replaced zygote ends by itself once it has no processes, but that decision is in the
// program's memory. If its processes outlive it, we report their ends.
void ZygoteManager::check_retired() {
  std::set<pid_t> wanted;
  for (const auto& [key, managed] : managed_)
    for (const ZygoteProcess* const zygote : {managed.serving.get(), managed.coming.get()})
      if (zygote != nullptr) wanted.insert(zygote->pid());
  for (auto& [pid, process] : alive_) {
    if (wanted.contains(pid)) continue;
    if (process.to_end == TimePoint{}) process.to_end = loop_.now();
    if (loop_.now() - process.to_end < (process.has_served ? retire_timeout : stop_timeout))
      continue;
    if (!std::exchange(process.is_condemned, true))
      log::line(log::Level::info, "{}: its zygote {} is killed: it has not ended by itself",
                process.file, pid);
    ::kill(pid, SIGKILL);
  }
}

// A refusal of one of the program's zygotes holds for all of them; null: none.
const ZygoteManager::Refusal* ZygoteManager::refusal_of(const ZygoteKey& key) const {
  for (const auto& [other, managed] : managed_)
    if (!managed.refusal.reason.empty() && other.location == key.location && other.file == key.file)
      return &managed.refusal;
  return nullptr;
}

void ZygoteManager::refuse(const ZygoteKey& key, ManagedZygote& managed, std::string reason,
                           bool by_kind) {
  const Refusal* const known = refusal_of(key);
  const bool is_new = known == nullptr || known->reason != reason;
  managed.refusal.script = managed.coming ? managed.coming->script() : stamp_of(key.file);
  managed.refusal.reason = std::move(reason);
  managed.refusal.since_ns = managed.coming ? managed.coming->began_ns() : time_of_changes_ns();
  if (managed.serving) {
    managed.refusal.suspects = managed.serving->paths();
    managed.not_before = loop_.now() + short_life;
  }
  managed.coming.reset();
  managed.serving.reset();
  if (managed.is_suspected() && !poll_timer_.armed()) poll_timer_.arm_after(poll_interval);
  if (by_kind && told_kinds_.insert(managed.refusal.reason).second)
    log::line(log::Level::info,
              "{}: started cold, not warm: {} This is said once for all of its kind.", key.file,
              managed.refusal.reason);
  if (!by_kind && is_new)
    log::line(log::Level::warn, "{}: started cold, not warm: {}", key.file, managed.refusal.reason);
  tell_all(make_message(ManagerMessage::Kind::refused, key, managed));
}

// A module may have been at fault: then the program's own file stays unchanged.
bool ZygoteManager::is_mended(ManagedZygote& managed) const {
  if (!managed.is_suspected() || loop_.now() < managed.not_before) return false;
  return std::ranges::any_of(managed.refusal.suspects, [&](const std::string& path) {
    return changed_since(path, managed.refusal.since_ns);
  });
}

void ZygoteManager::reap() {
  for (pid_t pid; (pid = ended_child()) > 0;) {
    // Before its number can be reused: a reused one must not be in the table.
    const bool was_zygote = alive_.erase(pid) > 0;
    int status = 0;
    rusage usage{};
    ::wait4(pid, &status, 0, &usage);
    if (!was_zygote) remember_end(pid, status, usage);
    for (auto& [key, managed] : managed_) {
      const bool was_serving = managed.serving && managed.serving->pid() == pid;
      if (was_serving || (managed.coming && managed.coming->pid() == pid)) {
        died(key, managed, was_serving, process::exit_of(status, usage));
        break;
      }
    }
  }
  if (stopping_ && alive_.empty()) loop_.stop();
}

// After the death of one that has served: boots another at once for the first request, unless it
// had only just begun.
void ZygoteManager::lose(const ZygoteKey& key, ManagedZygote& managed) {
  if (loop_.now() - managed.serving->began() <= short_life)
    managed.not_before = loop_.now() + short_life;
  tell_all(make_message(ManagerMessage::Kind::gone, key, managed));
  managed.serving.reset();
}

void ZygoteManager::died(const ZygoteKey& key, ManagedZygote& managed, bool was_serving,
                         const process::Exit& exit) {
  if (was_serving) {
    log::line(log::Level::warn, "{}: its zygote {} has {}; the next requests are started cold",
              key.file, managed.serving->pid(), exit.text());
    return lose(key, managed);
  }
  managed.coming->hear_out();
  if (managed.coming->boot_status() == ZygoteProcess::BootStatus::refused)
    return refuse(key, managed, managed.coming->reason());
  const std::string complaint = managed.coming->complaint();
  const bool was_killed = exit.signalled && exit.code == SIGKILL;
  if (managed.coming->boot_status() == ZygoteProcess::BootStatus::wrong && was_killed)
    return refuse(key, managed,
                  "It is traced, or something else than the server's library in it has answered "
                  "for it while it loaded.");
  if (managed.coming->boot_status() == ZygoteProcess::BootStatus::unseen)
    return put_off(key, managed, managed.coming->reason());
  const std::string reason =
      managed.coming->is_overdue()
          ? fmt::format("it did not come to the point where it would read its request within {} s",
                        boot_timeout.count())
          : fmt::format("it ended while it was loaded ({}){}{}", exit.text(),
                        complaint.empty() ? "" : ": ", complaint);
  // Killed by us, out of time, or by another, out of memory: not its own fault.
  const bool was_short = !exit.signalled && exit.code == boot_status_shortage;
  if (was_killed || was_short) return put_off(key, managed, reason);
  refuse(key, managed, reason + ".");
}

// The serving zygote goes on.
void ZygoteManager::put_off(const ZygoteKey& key, ManagedZygote& managed, std::string_view why) {
  log::line(log::Level::warn, "{}: started cold for a minute: {}", key.file, why);
  managed.coming.reset();
  managed.not_before = loop_.now() + after_trouble;
}

// In the next turn: handling a report may destroy its sender.
void ZygoteManager::on_boot_status() {
  poll_timer_.arm_after(at_once);
}

void ZygoteManager::follow_log() {
  log::follow();
  follow_.arm_after(follow_interval);
}

// Checks what no event reports: a booting zygote's message, a changed file, an idle zygote.
void ZygoteManager::poll() {
  check_stopped();
  check_retired();
  bool any = !alive_.empty();
  for (auto& [key, managed] : managed_) {
    if (managed.coming && managed.coming->boot_status() == ZygoteProcess::BootStatus::ready) {
      // Its successor would be no smaller, and would be replaced again and again.
      const auto is_too_large = managed.coming->is_too_large();
      if (is_too_large == true)
        refuse(key, managed, "It takes more memory than max_memory allows a zygote; raise that.");
      else if (is_too_large == false)
        became_ready(key, managed);
    }
    if (managed.coming && managed.coming->boot_status() == ZygoteProcess::BootStatus::refused)
      refuse(key, managed, managed.coming->reason());
    if (is_mended(managed)) {
      managed.refusal.reason.clear();  // the suspects stay: it may still be faulty
      tell_all(make_message(ManagerMessage::Kind::gone, key, managed));
    }
    any = any || managed.is_suspected();
    if (!managed.serving) continue;
    if (managed.serving->is_idle()) {
      log::line(log::Level::info, "{}: its zygote {} retires, unused", key.file,
                managed.serving->pid());
      tell_all(make_message(ManagerMessage::Kind::gone, key, managed));
      managed.serving.reset();
      continue;
    }
    any = true;
    if (managed.coming || loop_.now() < managed.not_before) continue;
    if (const auto fault = managed.serving->fault(managed.settling); !fault.empty()) {
      log::line(log::Level::info, "{}: its zygote {} is replaced: {}", key.file,
                managed.serving->pid(), fault);
      begin(key, managed);
    }
  }
  if (any) poll_timer_.arm_after(poll_interval);
}

void ZygoteManager::count() {
  if (!count_ || stopping_) return;
  std::map<std::pair<std::uint32_t, std::string>, unsigned> ready;
  for (const auto& [key, managed] : managed_)
    ready[{key.location, key.file}] += managed.serving ? 1 : 0;
  for (const auto& [program, count] : ready)
    count_({.location = program.first, .file = program.second}, count);
}

// Retires the least recently used one.
void ZygoteManager::make_room() {
  const auto count = std::ranges::count_if(
      managed_, [](const auto& each) { return each.second.serving || each.second.coming; });
  if (static_cast<std::size_t>(count) < zygotes_max) return;
  const auto oldest = std::ranges::min_element(managed_, {}, [](const auto& each) {
    return each.second.serving ? each.second.serving->last_use() : TimePoint::max();
  });
  if (!oldest->second.serving) return;
  tell_all(make_message(ManagerMessage::Kind::gone, oldest->first, oldest->second));
  oldest->second.serving.reset();
}

}  // namespace cgisrv::warm

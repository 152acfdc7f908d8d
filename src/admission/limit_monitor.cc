#include "admission/limit_monitor.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/text.h"
#include "process/kin.h"
#include "process/shebang.h"

namespace cgisrv::admission {

namespace {

std::optional<unsigned> runnable_now() {
  return read_runnable(process::file_head("/proc/loadavg"));
}

std::uint64_t growth(std::uint64_t& before, std::uint64_t now) {
  const std::uint64_t grown = now >= before ? now - before : 0;
  before = now;
  return grown;
}

}  // namespace

std::optional<unsigned> read_runnable(std::string_view text) {
  for (int averages = 0; averages < 3; ++averages) {
    const auto space = text.find(' ');
    if (space == text.npos) return std::nullopt;
    text.remove_prefix(space + 1);
  }
  const auto slash = text.find('/');
  return slash == text.npos ? std::nullopt : text::parse_number<unsigned>(text.substr(0, slash));
}

LimitMonitor::Kernel LimitMonitor::real_kernel() {
  return {process::wants_processor, runnable_now};
}

LimitMonitor::LimitMonitor(Loop& loop, Table& table, AdmissionScheduler& scheduler, Kernel kernel)
    : table_(table),
      scheduler_(scheduler),
      kernel_(std::move(kernel)),
      timer_(loop, Callback::of<&LimitMonitor::due>(*this)) {}

void LimitMonitor::on_message(const Message& message) {
  const bool tells = message.kind == Message::Kind::ask || message.kind == Message::Kind::crowd;
  if (!tells || !message.limits.automatic || message.program >= programs_max) return;
  if (!table_.used(message.program)) return;
  watch(message.program, message.limits.max_running);
}

void LimitMonitor::watch(std::uint32_t program, unsigned most) {
  ProgramRow& row = table_.row(program);
  const std::uint32_t id = table_.id(program);
  auto found = watched_.find(program);
  if (found != watched_.end() && found->second.id != id) {
    watched_.erase(found);
    found = watched_.end();
  }
  if (found == watched_.end()) {
    row.watched = true;
    const unsigned limit = row.found;
    watched_.emplace(program, Watched{.id = id,
                                      .most = most,
                                      .limit = AutoLimit(table_.processors(), table_.start_limit(),
                                                         limit != 0 ? limit : table_.start_limit()),
                                      .ended = row.stats.ended,
                                      .computed_us = row.stats.cpu_us,
                                      .lasted_us = row.stats.run_us,
                                      .refused = row.refused});
  } else {
    found->second.most = most;
  }
  if (!timer_.armed()) timer_.arm_after(AutoLimit::interval);
}

void LimitMonitor::due() {
  if (!step()) return;
  // Not in step with programs that sleep for a round time.
  const auto a_fifth = AutoLimit::interval.count() / 5;
  std::uniform_int_distribution<std::chrono::milliseconds::rep> around(-a_fifth, a_fifth);
  timer_.arm_after(AutoLimit::interval + std::chrono::milliseconds(around(random_)));
}

bool LimitMonitor::step() {
  std::erase_if(watched_,
                [this](const auto& each) { return table_.id(each.first) != each.second.id; });
  if (watched_.empty()) return false;
  // We are one of them.
  const auto runnable = kernel_.runnable();
  const double load = runnable ? (std::max(*runnable, 1U) - 1.0) / table_.processors() : 1;
  const auto samples =
      std::clamp(all_samples_max / static_cast<unsigned>(watched_.size()), 1U, samples_max);
  std::vector<double> wishes;
  for (auto& [program, watched] : watched_) {
    see(table_.row(program), watched, load, samples);
    wishes.push_back(watched.limit.wish());
  }
  const auto shares = share_processors(table_.processors(), wishes);
  auto share = shares.begin();
  for (auto& [program, watched] : watched_) {
    watched.limit.step(*share++, watched.most);
    publish(table_.row(program), watched.limit);
  }
  scheduler_.limits_changed();
  forget_who_rests();
  return !watched_.empty();
}

void LimitMonitor::see(ProgramRow& row, Watched& watched, double load, unsigned samples) const {
  using std::chrono::microseconds;
  const auto refused = static_cast<unsigned>(growth(watched.refused, row.refused));
  // Who was turned away would have waited, with a longer queue.
  Activity activity{.running = row.permits.taken(), .waiting = row.waiting + refused, .load = load};
  activity.active = active_share(row, samples);
  activity.ended = growth(watched.ended, row.stats.ended);
  activity.computed = microseconds(growth(watched.computed_us, row.stats.cpu_us));
  activity.lasted = microseconds(growth(watched.lasted_us, row.stats.run_us));
  watched.limit.see(activity);
}

std::optional<double> LimitMonitor::active_share(const ProgramRow& row, unsigned samples) const {
  std::vector<unsigned> held;
  row.permits.each_held([&](unsigned permit) { held.push_back(permit); });
  unsigned seen = 0;
  unsigned active = 0;
  const std::size_t stride = std::max<std::size_t>(1, (held.size() + samples - 1) / samples);
  for (std::size_t i = 0; i < held.size(); i += stride) {
    const pid_t pid = row.pids[held[i]];
    const auto wants = pid == 0 ? std::optional(true) : kernel_.wants_processor(pid);  // 0: begins
    if (!wants) continue;
    ++seen;
    active += *wants ? 1 : 0;
  }
  if (seen == 0) return std::nullopt;
  return static_cast<double>(active) / seen;
}

void LimitMonitor::publish(ProgramRow& row, const AutoLimit& limit) const {
  row.found = limit.limit();
  row.reason = limit.reason();
  row.demand = static_cast<std::uint32_t>(std::lround(std::min(limit.demand(), 1.0) * 1000));
}

// Whoever needs the limit again asks, or tells that many run.
void LimitMonitor::forget_who_rests() {
  std::erase_if(watched_, [this](const auto& each) {
    if (!each.second.limit.is_at_rest()) return false;
    table_.row(each.first).watched = false;
    return true;
  });
}

}  // namespace cgisrv::admission

#include "exec/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <thread>
#include <vector>

#include "base/collect.h"
#include "base/text.h"
#include "base/write_all.h"
#include "exec/preload.h"
#include "exec/record.h"
#include "exec/run_diff.h"
#include "exec/trial.h"
#include "exec/zygote_manager_process.h"

namespace cgisrv::exec {

namespace {

using std::chrono::microseconds;

// Of the command, see command/cli.cc.
enum Status : std::uint8_t { same = 0, no_answer = 1, differs = 2, cannot = 3 };

// A warm run and a cold one, after a first cold one. More of them if there is a difference: it may
// be by chance.
constexpr std::size_t turns = 3;
constexpr std::size_t turns_max = 7;

struct Runs {
  std::vector<Trace> cold, warm;
};

using Findings = std::array<RunDiff, Trace::names.size()>;

using Texts = std::vector<std::string>;

Texts texts_of(const std::vector<Trace>& traces, std::size_t part) {
  return collect(traces, [part](const Trace& trace) { return trace.parts[part]; });
}

// Lines vary in length, so each text may have been cut after another line.
void take_lines(Texts& texts, std::ptrdiff_t count) {
  for (std::string& text : texts) {
    std::size_t end = 0;
    for (std::ptrdiff_t line = 0; line < count; ++line)
      end = text.find('\n', end) + 1;
    text.resize(end);
  }
}

std::ptrdiff_t fewest_lines(const Texts& texts) {
  std::ptrdiff_t fewest = std::numeric_limits<std::ptrdiff_t>::max();
  for (const std::string& text : texts)
    fewest = std::min(fewest, std::ranges::count(text, '\n'));
  return fewest;
}

Findings look_for_differences(const Runs& runs) {
  Findings findings;
  for (std::size_t part = 0; part < findings.size(); ++part) {
    Texts cold = texts_of(runs.cold, part);
    Texts warm = texts_of(runs.warm, part);
    const auto lines = std::min(fewest_lines(cold), fewest_lines(warm));
    if (runs.cold.front().cut[part] && lines > 0) {
      take_lines(cold, lines);
      take_lines(warm, lines);
    }
    findings[part] = compare(cold, warm);
  }
  return findings;
}

bool is_same(const RunDiff& diff) {
  return diff.kind == RunDiff::Kind::same;
}

// Makes a clock's time during loading differ from later times: fast runs would all be in one
// second.
void let_a_second_pass() {
  using namespace std::chrono;
  std::this_thread::sleep_until(ceil<seconds>(system_clock::now()) + seconds(1));
}

// ---- what is shown ------------------------------------------------------------------------------

microseconds median(const std::vector<Trace>& traces, microseconds Trace::*time) {
  auto times = collect(traces, time);
  std::ranges::sort(times);
  return times[times.size() / 2];
}

std::string times_of(const std::vector<Trace>& traces) {
  return fmt::format("{}, median {}, processor {}", traces.size(),
                     duration_text(median(traces, &Trace::took)),
                     duration_text(median(traces, &Trace::processor)));
}

std::string amount(const RunDiff& diff, const std::string& text) {
  if (diff.lines == 0) return "nothing";
  if (diff.lines == 1 && !text.ends_with('\n') && text.size() < 80) return text::printable(text);
  return text::counted(diff.lines, "line");
}

std::string what_is_masked(const RunDiff& diff) {
  if (diff.masked_lines == 0) return {};
  return fmt::format("; masked, since cold runs differ there: {} in {}, such as \"{}\"",
                     text::counted(diff.masked_words, "word"),
                     text::counted(diff.masked_lines, "line"), diff.masked);
}

std::string row(std::string_view name, const std::string& value) {
  return fmt::format("  {:<9}{}\n", name, value);
}

std::string rows(std::size_t part, const RunDiff& diff, const Trace& trace) {
  const std::string_view name = Trace::names[part];
  const std::string_view cut = trace.cut[part] ? ", of the first MiB" : "";
  switch (diff.kind) {
    case RunDiff::Kind::same:
      return row(name, fmt::format("the same: {}{}{}", amount(diff, trace.parts[part]), cut,
                                   what_is_masked(diff)));
    case RunDiff::Kind::differs:
      return row(name, fmt::format("differs, line {}", diff.line)) + row("", "cold: " + diff.cold) +
             row("", "warm: " + diff.warm);
    case RunDiff::Kind::frozen:
      return row(name, fmt::format("stands still, line {}", diff.line)) +
             row("", "cold: " + diff.cold + ", another in each run") +
             row("", "warm: " + diff.warm + " in each run");
  }
  return {};
}

std::string reason_of(std::string_view name, const RunDiff& diff) {
  if (diff.kind == RunDiff::Kind::frozen)
    return fmt::format(
        "\"{}\" in line {} of its {} is computed once, while the program loads, and is the same "
        "for "
        "all requests; compute it for each request, or start the program cold",
        diff.warm, diff.line, name);
  return fmt::format(
      "its {} differs when it is started warm; what it does while it loads must not depend on the "
      "request, nor what it does later on who its parent is: see docs/warm-start.md, or start it "
      "cold",
      name);
}

// Modules that are worth preloading, and runs that had them.
struct Proposal {
  std::vector<std::string> modules;
  std::vector<Trace> warm;
};

Verdict conclude(const Findings& findings, const Runs& runs, const Proposal& proposal) {
  const auto other = std::ranges::find_if_not(findings, is_same);
  if (other != findings.end()) {
    const auto part = static_cast<std::size_t>(other - findings.begin());
    return {false, reason_of(Trace::names[part], *other)};
  }
  const Verdict& verdict = runs.cold.front().verdict;
  if (!verdict.good)
    return {true, "it fails, and in the same way cold and warm: " + verdict.reason};
  const RunDiff& body = findings[2];
  if (body.words > 0 && body.masked_words >= body.words)
    return {true, "as far as can be told: its cold runs differ in every word of their body"};
  if (!proposal.modules.empty())
    return {true,
            fmt::format("it does the same warm as cold, but gains little, for it loads modules for "
                        "each request; with warm = {{ {} }} in its location it takes {} of a "
                        "processor, where it takes {} cold",
                        preload_text(proposal.modules),
                        duration_text(median(proposal.warm, &Trace::processor)),
                        duration_text(median(runs.cold, &Trace::processor)))};
  return {true, "it does the same warm as cold"};
}

void show(const Verdict& verdict, const Style& style) {
  write_all(STDOUT_FILENO, in_colour(verdict, verdict.good ? "yes" : "no", style) +
                               text::printable(verdict.reason) + "\n");
}

void show(const Findings& findings, const Runs& runs, const Proposal& proposal) {
  std::string text = "Runs, in turns\n";
  text += row("cold", times_of(runs.cold));
  text += row("warm", times_of(runs.warm));
  if (!proposal.modules.empty()) text += row("preload", times_of(proposal.warm));
  text += "\nCompared\n";
  for (std::size_t part = 0; part < findings.size(); ++part)
    text += rows(part, findings[part], runs.cold.front());
  write_all(STDOUT_FILENO, text + "\n");
}

int interrupted(int signal) {
  write_all(STDERR_FILENO, "cgisrv: interrupted; the program was ended\n");
  return 128 + signal;
}

// ---- what is done -------------------------------------------------------------------------------

int refuse(const std::string& why, Status status, const Style& style) {
  show({false, why}, style);
  return status;
}

std::string why_cold(const Trace& trace, ZygoteManagerProcess& zygote_manager) {
  if (const std::string complaint = zygote_manager.complaint(); !complaint.empty())
    return complaint;
  if (trace.cold_reason.empty()) return trace.verdict.reason;
  return fmt::format("it was started cold: {}, see docs/warm-start.md", trace.cold_reason);
}

// A warm run must take so many times less processor time to be worth the cost of a zygote.
constexpr int worthwhile = 2;

// A program that takes less than this loads nothing worth looking for.
constexpr auto small = std::chrono::milliseconds(20);

bool gains_little(const std::vector<Trace>& cold, const std::vector<Trace>& warm) {
  const auto cold_time = median(cold, &Trace::processor);
  return cold_time > small && median(warm, &Trace::processor) * worthwhile > cold_time;
}

// A list is only proposed after a trial: with it the program does the same, and gains.
Proposal look_for_gain(const ResolvedRequest& resolved, const ExecRequest& request,
                       const rlimit& descriptors, const Runs& runs) {
  if (!gains_little(runs.cold, runs.warm)) return {};
  Proposal proposal{.modules = propose_preload(resolved, request, descriptors), .warm = {}};
  if (proposal.modules.empty()) return {};
  Trial trial(with_preload(resolved, proposal.modules), request, descriptors, true);
  ZygoteManagerProcess zygote_manager(trial.resolved().config, descriptors);
  if (!zygote_manager.boot(trial.key())) return {};
  for (std::size_t turn = 0; turn < turns; ++turn) {
    auto trace = trial.run(zygote_manager.channel());
    if (!trace || trace->started != account::StartKind::warm) return {};
    proposal.warm.push_back(std::move(*trace));
  }
  // By a quarter at least.
  const bool is_better =
      median(proposal.warm, &Trace::processor) * 4 <= median(runs.warm, &Trace::processor) * 3;
  const Runs both{runs.cold, proposal.warm};
  if (!is_better || !std::ranges::all_of(look_for_differences(both), is_same)) return {};
  return proposal;
}

}  // namespace

int verify(const ResolvedRequest& resolved, const ExecRequest& request, const rlimit& descriptors,
           const Style& style) {
  Trial plain(resolved, request, descriptors, false);
  Trial warm(resolved, request, descriptors, true);
  if (warm.script().empty()) return refuse(warm.problem(), no_answer, style);
  ZygoteManagerProcess zygote_manager(warm.resolved().config, descriptors);
  if (const auto booted = zygote_manager.boot(warm.key()); !booted)
    return refuse("it cannot be kept warm: " + booted.error(), cannot, style);
  let_a_second_pass();
  Runs runs;
  Findings findings;
  for (std::size_t turn = 0; turn <= turns_max; ++turn) {
    if (turn > 0) {
      auto trace = warm.run(zygote_manager.channel());
      if (!trace) return interrupted(warm.signal());
      if (trace->started != account::StartKind::warm)
        return refuse("it cannot be kept warm: " + why_cold(*trace, zygote_manager), cannot, style);
      runs.warm.push_back(std::move(*trace));
    }
    auto trace = plain.run();
    if (!trace) return interrupted(plain.signal());
    if (trace->timed_out) return refuse(trace->verdict.reason, no_answer, style);
    runs.cold.push_back(std::move(*trace));
    if (turn < turns) continue;
    findings = look_for_differences(runs);
    if (std::ranges::all_of(findings, is_same)) break;
  }
  Proposal proposal;
  if (std::ranges::all_of(findings, is_same))
    proposal = look_for_gain(resolved, request, descriptors, runs);
  show(findings, runs, proposal);
  const Verdict verdict = conclude(findings, runs, proposal);
  show(verdict, style);
  return verdict.good ? same : differs;
}

}  // namespace cgisrv::exec

#include "exec/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <thread>
#include <vector>

#include "base/text.h"
#include "exec/keeper_process.h"
#include "exec/likeness.h"
#include "exec/record.h"
#include "exec/trial.h"

namespace cgisrv::exec {

namespace {

using std::chrono::microseconds;

// Of the command, see server/cli.cc.
enum Status : std::uint8_t { same = 0, no_answer = 1, differs = 2, cannot = 3 };

// A warm run and a cold one, after a first cold one. More of them where a difference shows: it may
// be one by chance.
constexpr std::size_t turns = 3;
constexpr std::size_t turns_max = 7;

struct Runs {
  std::vector<Trace> cold, warm;
};

using Findings = std::array<Likeness, Trace::names.size()>;

using Texts = std::vector<std::string>;

Texts texts_of(const std::vector<Trace>& traces, std::size_t part) {
  Texts texts;
  texts.reserve(traces.size());
  for (const Trace& trace : traces)
    texts.push_back(trace.parts[part]);
  return texts;
}

// Lines are not of one length, so that each may have been cut after another one.
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

bool is_same(const Likeness& likeness) {
  return likeness.kind == Likeness::Kind::same;
}

// What a clock says while it loads is then another second than what it says later, and all runs are
// in one, if they are fast.
void let_a_second_pass() {
  using namespace std::chrono;
  std::this_thread::sleep_until(ceil<seconds>(system_clock::now()) + seconds(1));
}

// ---- what is shown ------------------------------------------------------------------------------

std::string counted(std::size_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string median(const std::vector<Trace>& traces) {
  std::vector<microseconds> times;
  times.reserve(traces.size());
  for (const Trace& trace : traces)
    times.push_back(trace.took);
  std::ranges::sort(times);
  return duration_text(times[times.size() / 2]);
}

std::string amount(const Likeness& likeness, const std::string& text) {
  if (likeness.lines == 0) return "nothing";
  if (likeness.lines == 1 && !text.ends_with('\n') && text.size() < 80)
    return text::printable(text);
  return counted(likeness.lines, "line");
}

std::string what_is_masked(const Likeness& likeness) {
  if (likeness.masked_lines == 0) return {};
  return fmt::format("; masked, since cold runs differ there: {} in {}, such as \"{}\"",
                     counted(likeness.masked_words, "word"), counted(likeness.masked_lines, "line"),
                     likeness.masked);
}

std::string row(std::string_view name, const std::string& value) {
  return fmt::format("  {:<9}{}\n", name, value);
}

std::string rows(std::size_t part, const Likeness& likeness, const Trace& trace) {
  const std::string_view name = Trace::names[part];
  const std::string_view cut = trace.cut[part] ? ", of the first MiB" : "";
  switch (likeness.kind) {
    case Likeness::Kind::same:
      return row(name, fmt::format("the same: {}{}{}", amount(likeness, trace.parts[part]), cut,
                                   what_is_masked(likeness)));
    case Likeness::Kind::differs:
      return row(name, fmt::format("differs, line {}", likeness.line)) +
             row("", "cold: " + likeness.cold) + row("", "warm: " + likeness.warm);
    case Likeness::Kind::frozen:
      return row(name, fmt::format("stands still, line {}", likeness.line)) +
             row("", "cold: " + likeness.cold + ", another in each run") +
             row("", "warm: " + likeness.warm + " in each run");
  }
  return {};
}

std::string reason_of(std::string_view name, const Likeness& likeness) {
  if (likeness.kind == Likeness::Kind::frozen)
    return fmt::format(
        "\"{}\" in line {} of its {} is computed once, while the program loads, and is the same "
        "for "
        "all requests; compute it for each request, or start the program plainly",
        likeness.warm, likeness.line, name);
  return fmt::format(
      "its {} differs when it is started warm; what it does while it loads must not depend on the "
      "request, nor what it does later on who its parent is: see docs/warm-start.md, or start it "
      "plainly",
      name);
}

struct Sentence {
  bool yes = false;
  std::string text;
};

Sentence conclude(const Findings& findings, const Runs& runs) {
  const auto other = std::ranges::find_if_not(findings, is_same);
  if (other != findings.end()) {
    const auto part = static_cast<std::size_t>(other - findings.begin());
    return {false, reason_of(Trace::names[part], *other)};
  }
  const Verdict& verdict = runs.cold.front().verdict;
  if (!verdict.good)
    return {true, "it fails, and in the same way cold and warm: " + verdict.reason};
  const Likeness& body = findings[2];
  if (body.words > 0 && body.masked_words >= body.words)
    return {true, "as far as can be told: its cold runs differ in every word of their body"};
  return {true, "it does the same warm as cold"};
}

void show(const Sentence& sentence, const Style& style) {
  const std::string_view colour = sentence.yes ? "\x1b[1;32m" : "\x1b[1;31m";
  write_all(STDOUT_FILENO,
            fmt::format("{}{}:{} {}\n", style.colour ? colour : "", sentence.yes ? "yes" : "no",
                        style.colour ? "\x1b[0m" : "", text::printable(sentence.text)));
}

void show(const Findings& findings, const Runs& runs) {
  std::string text = "Runs, in turns\n";
  text += row("cold", fmt::format("{}, median {}", runs.cold.size(), median(runs.cold)));
  text += row("warm", fmt::format("{}, median {}", runs.warm.size(), median(runs.warm)));
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

std::string why_cold(const Trace& trace, KeeperProcess& keeper) {
  if (const std::string complaint = keeper.complaint(); !complaint.empty()) return complaint;
  if (trace.cold_reason.empty()) return trace.verdict.reason;
  return fmt::format("it was started cold: {}, see docs/warm-start.md", trace.cold_reason);
}

}  // namespace

int verify(const Place& place, const Request& request, const rlimit& descriptors,
           const Style& style) {
  Trial plain(place, request, descriptors, false);
  Trial warm(place, request, descriptors, true);
  if (warm.script().empty()) return refuse(warm.problem(), no_answer, style);
  KeeperProcess keeper(warm.place().config, descriptors);
  if (const auto booted = keeper.boot(warm.subject()); !booted)
    return refuse("it cannot be kept warm: " + booted.error(), cannot, style);
  let_a_second_pass();
  Runs runs;
  Findings findings;
  for (std::size_t turn = 0; turn <= turns_max; ++turn) {
    if (turn > 0) {
      auto trace = warm.run(keeper.channel());
      if (!trace) return interrupted(warm.signal());
      if (trace->started != account::Start::warm)
        return refuse("it cannot be kept warm: " + why_cold(*trace, keeper), cannot, style);
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
  show(findings, runs);
  const Sentence sentence = conclude(findings, runs);
  show(sentence, style);
  return sentence.yes ? same : differs;
}

}  // namespace cgisrv::exec

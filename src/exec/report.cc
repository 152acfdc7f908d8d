#include "exec/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "exec/utf8.h"

namespace cgisrv::exec {

namespace {

using std::chrono::microseconds;

constexpr std::size_t terminal_lines_max = 40;
constexpr std::size_t terminal_bytes_max = 8 * 1024;

// The same in every request to a server, or of no use to a program.
constexpr std::array<std::string_view, 13> usual_variables = {
    "GATEWAY_INTERFACE", "REDIRECT_STATUS", "REMOTE_ADDR", "REMOTE_PORT",     "REQUEST_ID",
    "REQUEST_SCHEME",    "SERVER_ADDR",     "SERVER_NAME", "SERVER_PROTOCOL", "SERVER_PORT",
    "SERVER_SOFTWARE",   "UNIQUE_ID",       "PATH"};

// Text that people can read; other control bytes mean data.
bool is_text(std::string_view bytes) {
  return std::ranges::none_of(bytes, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 && (byte < '\b' || byte > '\r') && byte != 0x1b;
  });
}

class Text {
 public:
  explicit Text(const Style& style) : style_(style) {}

  void heading(std::string_view title) {
    if (!out_.empty()) out_ += '\n';
    out_.append(style_.colour ? "\x1b[1m" : "").append(title);
    out_.append(style_.colour ? "\x1b[0m\n" : "\n");
  }
  void line(std::string_view text) { out_.append("  ").append(shown(text)).append("\n"); }
  void row(std::string_view term, std::string_view value) {
    if (!value.empty()) line(fmt::format("{:<11}{}", term, value));
  }
  void note(std::string_view text) { out_ += fmt::format("  ({})\n", text); }

  // A readable part, and how much more there is. `more` says how to see it.
  void block(const BoundedCapture& capture, std::string_view more) {
    if (!is_text(capture.bytes()))
      return note(fmt::format("{}, binary; {}", text::counted(capture.total(), "byte"), more));
    std::string_view rest = shown_of(capture);
    std::uint64_t left = capture.total() - rest.size();
    for (std::size_t lines = 0; !rest.empty(); ++lines) {
      if (style_.terminal && lines == terminal_lines_max) break;
      line(text::take_line(rest));
    }
    left += rest.size();
    if (left > 0) note(fmt::format("and {} more; {}", text::counted(left, "byte"), more));
  }

  void verdict(const Verdict& verdict) {
    out_.append("\n").append(in_colour(verdict, verdict.good ? "good" : "bad", style_));
    out_.append(shown(verdict.reason)).append("\n");
  }

  std::string take() && { return std::move(out_); }

 private:
  std::string_view shown_of(const BoundedCapture& capture) const {
    std::string_view bytes = capture.bytes();
    if (style_.terminal) bytes = bytes.substr(0, terminal_bytes_max);
    return bytes.size() < capture.total() ? without_cut_character(bytes) : bytes;
  }

  const Style& style_;
  std::string out_;
};

void add_head(Text& text, std::string_view head) {
  while (!head.empty())
    if (const auto line = text::take_line(head); !line.empty()) text.line(line);
}

void add_request(Text& text, const ExecRequest& request) {
  text.heading("Request");
  add_head(text, request.head);
  if (request.body) text.note(text::counted(request.body->length, "byte") + " of body");
}

void add_environment(Text& text, const ProgramRun& program) {
  text.heading("Environment");
  std::size_t hidden = 0;
  for (const std::string& variable : program.environment) {
    const auto name = std::string_view(variable).substr(0, variable.find('='));
    if (std::ranges::find(usual_variables, name) != usual_variables.end()) {
      ++hidden;
    } else {
      text.line(variable);
    }
  }
  text.note(fmt::format("and {} that are much the same for all; see --env", hidden));
}

std::string how_it_ended(const ProgramRun& program) {
  const auto& usage = program.usage();
  if (!usage.start) return "never started";
  return usage.exit ? usage.exit->text() : "unknown: it worked on after its output";
}

std::string how_it_started(const account::Usage& usage) {
  std::string how(account::text(usage.started));
  if (!usage.cold_reason.empty()) how += ": " + usage.cold_reason;
  if (usage.cold_reason == "no-zygotes") how += "; exec starts nothing warm, but see --verify";
  return how;
}

void add_program(Text& text, const ExecResult& result, const ProgramRun& program, bool redirected) {
  const std::string& file = program.script.filename;
  text.heading(redirected ? "Program, after a local redirect" : "Program");
  text.row("file", file);
  text.row("run by", program.runs);
  text.row("directory", file.substr(0, file.rfind('/')));
  text.row("user", result.user);
  if (!result.note.empty()) text.note(result.note);
  text.row("started", how_it_started(program.usage()));
  text.row("ended", how_it_ended(program));
  add_environment(text, program);
  if (program.errors.total() > 0) {
    text.heading("Standard error");
    text.block(program.errors, "see --raw");
  }
  // Otherwise it is in the response.
  if (!result.record.failure().empty() && program.output.total() > 0) {
    text.heading("Standard output");
    text.block(program.output, "see --raw");
  }
}

// What the verdict does not say.
void add_log(Text& text, const Record& record) {
  std::vector<std::string> lines = record.log();
  std::erase(lines, record.failure());
  if (lines.empty()) return;
  text.heading("Log");
  for (const std::string& line : lines)
    text.line(line);
}

void add_response(Text& text, const ExecResult& result) {
  text.heading("Response");
  add_head(text, result.response.head());
  if (result.response.body().total() > 0) {
    text.line("");
    text.block(result.response.body(), "see --raw");
  }
  if (!result.response.whole()) text.note("here the connection ended; the response is not whole");
}

// The times of events since the request; an account has its own start.
void add_times(Text& text, const ExecResult& result) {
  std::vector<std::pair<microseconds, std::string_view>> events;
  microseconds begin{0};
  for (const ProgramRun& program : result.record.programs()) {
    const account::Usage& usage = program.usage();
    if (usage.start) {
      const microseconds started = begin + usage.queue.value_or(microseconds(0)) + *usage.start;
      events.emplace_back(started, "program started");
      if (usage.header) events.emplace_back(started + *usage.header, "its header was whole");
      if (usage.run) events.emplace_back(started + *usage.run, "it ended");
    }
    begin += usage.total;
  }
  events.emplace_back(result.took, "response was whole");
  std::ranges::stable_sort(events, {}, &std::pair<microseconds, std::string_view>::first);
  text.heading("Time");
  for (const auto& [when, what] : events)
    text.line(fmt::format("{:>9}  {}", duration_text(when), what));
}

void add_resources(Text& text, const ProgramRun& program, bool one_of_many) {
  const account::Usage& usage = program.usage();
  if (!usage.exit) return;
  const rusage& resources = usage.exit->usage;
  text.heading(one_of_many ? "Resources of " + program.script.label() : "Resources");
  text.row("CPU", fmt::format("{} user, {} system", duration_text(usage.exit->user_time()),
                              duration_text(usage.exit->system_time())));
  text.row("memory",
           fmt::format("{:.1f} MiB at its peak", static_cast<double>(resources.ru_maxrss) / 1024));
  text.row("faults", fmt::format("{} minor, {} major", resources.ru_minflt, resources.ru_majflt));
  text.row("input", text::counted(usage.bytes_in, "byte"));
  text.row("output", text::counted(usage.bytes_out, "byte"));
}

}  // namespace

std::string in_colour(const Verdict& verdict, std::string_view word, const Style& style) {
  if (!style.colour) return fmt::format("{}: ", word);
  return fmt::format("\x1b[1;{}m{}:\x1b[0m ", verdict.good ? 32 : 31, word);
}

std::string as_text(const ExecResult& result, const Style& style) {
  Text text(style);
  add_request(text, result.request);
  bool redirected = false;
  for (const ProgramRun& program : result.record.programs())
    add_program(text, result, program, std::exchange(redirected, true));
  add_response(text, result);
  add_log(text, result.record);
  add_times(text, result);
  for (const ProgramRun& program : result.record.programs())
    add_resources(text, program, result.record.programs().size() > 1);
  text.verdict(result.verdict);
  return std::move(text).take();
}

std::string as_environment(const Record& record) {
  std::string out;
  if (record.programs().empty()) return out;
  for (const std::string& variable : record.programs().front().environment)
    out.append(variable).append("\n");
  return out;
}

}  // namespace cgisrv::exec

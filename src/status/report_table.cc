#include "status/report_table.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <span>
#include <tuple>
#include <vector>

#include "base/human.h"
#include "base/text.h"

namespace cgisrv::status {

namespace {

using Worker = Report::Worker;

// A program, with figures that take two reports.
struct Row {
  Report::Program program;
  double rate = 0;  // requests per second
  double cpu = 0;   // of one processor
};

template <typename T>
struct Column {
  std::string_view title;
  unsigned width;
  unsigned screen_min;  // omitted on a narrower screen
  std::string (*text)(const T&);
};

// Of its starts.
std::string warm_share(const Report::Program& program) {
  const auto warm = static_cast<double>(program.warm_starts);
  const double all = warm + static_cast<double>(program.cold_starts);
  return human::percent(all > 0 ? warm / all : 0);
}

// Runs that answered and then exited with a status other than 0.
std::uint64_t bad_exits(const Report::Program& program) {
  const auto found = program.outcomes.find("bad-exit");
  return found == program.outcomes.end() ? 0 : found->second;
}

// clang-format off
constexpr Column<Row> program_columns[] = {
    {"RUN", 4, 0, [](const Row& row) { return human::count(row.program.running); }},
    {"WAIT", 4, 0, [](const Row& row) { return human::count(row.program.waiting); }},
    {"LIMIT", 5, 100, [](const Row& row) { return human::count(row.program.limit); }},
    {"WHY", 7, 120, [](const Row& row) { return text::escape(row.program.limit_reason); }},
    {"REQ/S", 5, 0, [](const Row& row) { return human::rate(row.rate); }},
    {"CPU", 5, 0, [](const Row& row) { return human::percent(row.cpu); }},
    {"P50", 5, 0, [](const Row& row) { return human::duration(row.program.time_p50_seconds); }},
    {"P99", 5, 0, [](const Row& row) { return human::duration(row.program.time_p99_seconds); }},
    {"WAIT99", 6, 120, [](const Row& row) { return human::duration(row.program.wait_p99_seconds); }},
    {"MEMORY", 6, 120, [](const Row& row) { return human::bytes(row.program.memory_peak_bytes); }},
    {"DONE", 5, 100, [](const Row& row) { return human::count(row.program.finished); }},
    {"FAILED", 6, 0, [](const Row& row) { return human::count(row.program.failed); }},
    {"REFUSED", 7, 0, [](const Row& row) { return human::count(row.program.refused); }},
    {"BADEXIT", 7, 0, [](const Row& row) { return human::count(bad_exits(row.program)); }},
    {"WARM", 5, 0, [](const Row& row) { return warm_share(row.program); }},
};
constexpr Column<Worker> worker_columns[] = {
    {"WORKER", 6, 0, [](const Worker& worker) { return fmt::to_string(worker.index); }},
    {"PID", 8, 0, [](const Worker& worker) { return fmt::to_string(worker.pid); }},
    {"OPEN", 6, 0, [](const Worker& worker) { return human::count(worker.connections); }},
    {"ACCEPTED", 8, 0, [](const Worker& worker) { return human::count(worker.accepted); }},
    {"RESTARTS", 8, 0, [](const Worker& worker) { return human::count(worker.restarts); }},
    {"MEMORY", 6, 0, [](const Worker& worker) { return human::bytes(worker.memory_bytes); }},
};
// clang-format on

// Some columns are only shown if they have content.
std::vector<Column<Row>> shown_columns(const Report& report) {
  const bool any_warm = std::ranges::any_of(
      report.programs, [](const Report::Program& program) { return program.warm_starts > 0; });
  const bool any_bad = std::ranges::any_of(
      report.programs, [](const Report::Program& program) { return bad_exits(program) > 0; });
  std::vector<Column<Row>> shown;
  std::ranges::copy_if(program_columns, std::back_inserter(shown), [&](const Column<Row>& column) {
    return (any_warm || column.title != "WARM") && (any_bad || column.title != "BADEXIT");
  });
  return shown;
}

// The columns to the right, then a name that gets the remaining width, and loses its beginning.
template <typename T>
class Table {
 public:
  Table(std::span<const Column<T>> columns, const Screen& screen)
      : columns_(columns), screen_(screen) {}

  std::string title(std::string_view name) const {
    return line([](const Column<T>& column) { return std::string(column.title); }, name);
  }
  std::string row(const T& values, std::string_view name) const {
    return line([&](const Column<T>& column) { return column.text(values); }, name);
  }

 private:
  template <typename Text>
  std::string line(const Text& text, std::string_view name) const {
    std::string out;
    for (const Column<T>& column : columns_)
      if (screen_.columns == 0 || screen_.columns >= column.screen_min)
        fmt::format_to(std::back_inserter(out), "{:>{}} ", text(column), column.width);
    return out.append(" ").append(tail(name, out.size() + 1)).append("\n");
  }
  std::string tail(std::string_view name, std::size_t used) const {
    constexpr std::string_view cut = "...";
    std::string escaped = text::escape(name);
    const std::size_t room = screen_.columns > used ? screen_.columns - used : 0;
    if (screen_.columns == 0 || escaped.size() <= room) return escaped;
    if (room < cut.size()) return {};
    return std::string(cut).append(escaped.substr(escaped.size() - (room - cut.size())));
  }

  std::span<const Column<T>> columns_;
  Screen screen_;
};

std::vector<Row> rows(const Report& now, const Report* before) {
  const double seconds =
      now.server.uptime_seconds - (before != nullptr ? before->server.uptime_seconds : 0);
  const auto growth = [&](double then, double value) {
    return seconds > 0 ? std::max(0.0, value - then) / seconds : 0;
  };
  std::vector<Row> found;
  for (const Report::Program& program : now.programs) {
    Report::Program then;
    if (before != nullptr)
      if (const auto same = std::ranges::find(before->programs, program.id, &Report::Program::id);
          same != before->programs.end())
        then = *same;
    found.push_back(
        {program, growth(static_cast<double>(then.finished), static_cast<double>(program.finished)),
         growth(then.cpu_seconds, program.cpu_seconds)});
  }
  // The most important first.
  std::ranges::sort(found, std::greater{}, [](const Row& row) {
    return std::tuple(row.program.running + row.program.waiting, row.cpu, row.rate,
                      row.program.finished);
  });
  return found;
}

// Relative to the served directory, which the head names, if below it.
std::string_view shown_name(std::string_view file, const Report::Server& server) {
  const bool below = !server.configured && file.size() > server.serves.size() &&
                     file.starts_with(server.serves) && file[server.serves.size()] == '/';
  return below ? file.substr(server.serves.size() + 1) : file;
}

std::string counted(std::uint64_t number, std::string_view noun) {
  return fmt::format("{} {}{}", human::count(number), noun, number == 1 ? "" : "s");
}

std::string expiry(const Report::Certificate& certificate) {
  const std::int64_t left = certificate.seconds_left;
  return left <= 0
             ? fmt::format("the certificate {} has expired\n", text::escape(certificate.file))
             : fmt::format("the certificate {} expires in {}\n", text::escape(certificate.file),
                           human::age(static_cast<double>(left)));
}

std::string head(const Report& now, const Report* before) {
  const Report::Server& server = now.server;
  std::uint64_t connections = 0;
  std::uint64_t memory = 0;
  for (const Worker& worker : now.workers) {
    connections += worker.connections;
    memory += worker.memory_bytes;
  }
  const auto up = std::ranges::count(now.workers, "running", &Worker::state);
  std::string out = fmt::format("cgisrv {}, pid {}, up {}, {} {}\n", text::escape(server.version),
                                server.pid, human::age(server.uptime_seconds),
                                text::escape(server.state), text::escape(server.serves));
  for (const std::string& listener : server.listeners)
    out.append(text::escape(listener)).append("\n");
  out += fmt::format("{} of {} running, {} open, {} of memory\n", up,
                     counted(now.workers.size(), "worker"), counted(connections, "connection"),
                     human::bytes(memory));
  out += fmt::format("{} running of {}, {} waiting\n", counted(now.admission.running, "program"),
                     now.admission.limit, human::count(now.admission.waiting));
  for (const Report::Certificate& each : now.certificates)
    if (each.expires_soon()) out += expiry(each);
  if (before == nullptr) return out.append("All since the start\n\n");
  return out.append(fmt::format("REQ/S and CPU since {:.1f} s ago, all else since the start\n\n",
                                server.uptime_seconds - before->server.uptime_seconds));
}

std::string first_lines(std::string_view text, const Screen& screen) {
  std::string out;
  const std::size_t columns =
      screen.columns == 0 ? std::numeric_limits<std::size_t>::max() : screen.columns;
  for (unsigned line = 0; !text.empty() && (screen.lines == 0 || line < screen.lines); ++line)
    out.append(text::take_until(text, '\n').substr(0, columns)).append("\n");
  return out;
}

}  // namespace

std::string report_table(const Report& now, const Report* before, const Screen& screen) {
  std::string out = head(now, before);
  const auto columns = shown_columns(now);
  const Table<Row> programs(columns, screen);
  if (now.programs.empty()) {
    out += "No program has been asked for yet.\n";
  } else {
    out += programs.title("PROGRAM");
  }
  for (const Row& row : rows(now, before))
    out += programs.row(row, shown_name(row.program.file, now.server));
  const Table<Worker> workers(worker_columns, screen);
  out.append("\n").append(workers.title("STATE"));
  for (const Worker& worker : now.workers)
    out += workers.row(worker, worker.state);
  return first_lines(out, screen);
}

}  // namespace cgisrv::status

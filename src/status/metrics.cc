#include "status/metrics.h"

#include <map>

#include "base/log_file.h"
#include "status/exposition.h"
#include "status/health.h"

namespace cgisrv::status {

namespace {

using Program = Report::Program;
using Worker = Report::Worker;

// Nothing where nobody has TLS.
void add_tls(Exposition& out, const Report& report) {
  if (report.certificates.empty()) return;
  const Report::Totals& totals = report.totals;
  out.family("cgisrv_tls_handshakes_total", "counter",
             "Handshakes of TLS: in full, resumed, or begun and not completed.");
  out.sample({{"result", "full"}}, totals.tls_handshakes);
  out.sample({{"result", "resumed"}}, totals.tls_resumed);
  out.sample({{"result", "failed"}}, totals.tls_failed);
  out.family("cgisrv_certificate_not_after_seconds", "gauge",
             "Until when a certificate is valid, in Unix time.");
  for (const Report::Certificate& each : report.certificates)
    out.sample({{"site", each.site}, {"file", each.file}}, each.not_after);
}

// Nothing where nobody has spoken it.
void add_http2(Exposition& out, const Report& report) {
  const Report::Totals& totals = report.totals;
  if (totals.http2_connections == 0) return;
  out.single("cgisrv_http2_connections_total", "counter", totals.http2_connections,
             "Connections of HTTP/2.");
  out.single("cgisrv_http2_streams_total", "counter", totals.http2_streams, "Requests by HTTP/2.");
  out.single("cgisrv_http2_resets_total", "counter", totals.http2_resets,
             "Streams that a client has reset, or that were reset for what it did.");
  out.single("cgisrv_http2_refused_total", "counter", totals.http2_refused,
             "Connections of HTTP/2 that were ended for what their clients did.");
}

void add_server(Exposition& out, const Report& report) {
  const Report::Server& server = report.server;
  const Report::Totals& totals = report.totals;
  out.family("cgisrv_build_info", "gauge", "Which server this is; always 1.");
  out.sample({{"version", server.version}}, 1);
  out.single("cgisrv_ready", "gauge", why_not_ready(report).empty() ? 1 : 0,
             "Whether it wants requests: 1 while /readyz says 200, else 0.");
  out.single("cgisrv_uptime_seconds", "gauge", server.uptime_seconds,
             "Since the server was started.");
  out.single("cgisrv_generation", "gauge", server.generation,
             "Which configuration serves: 1 at the start, one more for each that took its place.");
  out.single(
      "cgisrv_drained", "gauge", server.is_drained() ? 1 : 0,
      "1 while the administrator has drained the server: load balancers send it nothing new.");
  out.single("cgisrv_connections_accepted_total", "counter", totals.connections_accepted,
             "Connections that workers have accepted.");
  out.single("cgisrv_worker_deaths_total", "counter", totals.worker_deaths,
             "Workers that ended without being told to.");
  out.single("cgisrv_worker_retirements_total", "counter", totals.worker_retirements,
             "Workers that were replaced, since they had served enough.");
  out.family("cgisrv_lost_log_lines_total", "counter",
             "Lines that no log took: its disk was full, or its reader slow.");
  out.sample({{"log", "access"}}, log::lost(log::Kind::access));
  out.sample({{"log", "error"}}, log::lost(log::Kind::error));
  out.family("cgisrv_reloads_total", "counter", "Reloads of the configuration.");
  out.sample({{"result", "done"}}, totals.reloads);
  out.sample({{"result", "failed"}}, totals.reloads_failed);
  add_tls(out, report);
  add_http2(out, report);
  out.single("cgisrv_programs_running", "gauge", report.admission.running,
             "Programs that run now.");
  out.single("cgisrv_programs_running_max", "gauge", report.admission.limit,
             "How many programs may run now.");
  out.single("cgisrv_requests_waiting", "gauge", report.admission.waiting,
             "Requests that wait for a place to run in.");
}

void add_workers(Exposition& out, const Report& report) {
  std::map<std::string_view, unsigned> states = {{"down", 0},     {"starting", 0}, {"running", 0},
                                                 {"draining", 0}, {"stopping", 0}, {"killed", 0}};
  for (const Worker& worker : report.workers)
    ++states[worker.state];
  out.family("cgisrv_workers", "gauge", "Workers by their state.");
  for (const auto& [state, count] : states)
    out.sample({{"state", state}}, count);
  const auto of_each = [&](std::string_view name, std::string_view help, auto value) {
    out.family(name, "gauge", help);
    for (const Worker& worker : report.workers)
      out.sample({{"worker", fmt::to_string(worker.index)}}, worker.*value);
  };
  of_each("cgisrv_worker_connections", "Connections that are open.", &Worker::connections);
  of_each("cgisrv_worker_connections_busy",
          "Of these, those on which a request or its answer is under way.",
          &Worker::connections_busy);
  of_each("cgisrv_worker_connections_max", "How many connections it may hold.",
          &Worker::connections_max);
  of_each("cgisrv_worker_memory_bytes", "Resident memory of the process.", &Worker::memory_bytes);
}

void add_requests(Exposition& out, const telemetry::Traffic& traffic) {
  out.family("cgisrv_requests_total", "counter",
             "Requests that ended, by who answered and how; 499: the client left before that.");
  traffic.each([&](const telemetry::TrafficRow& row) {
    for (unsigned status = telemetry::status_min; status <= telemetry::status_max; ++status)
      if (const std::uint64_t count = row.with_status(status); count > 0)
        out.sample({{"site", row.site()},
                    {"location", row.location()},
                    {"status", fmt::to_string(status)}},
                   count);
  });
  out.family("cgisrv_request_duration_seconds", "histogram",
             "From the request's head to the end of its response, over all sites.");
  out.histogram({}, traffic.durations.counts(), traffic.durations.sum());
}

// Two locations may run the same file: the id tells them apart.
class Programs {
 public:
  Programs(Exposition& out, const Report& report, admission::Table& table)
      : out_(out), report_(report), table_(table) {}

  void add() {
    add_requests();
    starts();
    histograms();
    gauges();
    counters();
  }

 private:
  template <typename Visit>
  void each(std::string_view name, std::string_view type, std::string_view help, Visit visit) {
    out_.family(name, type, help);
    for (const Program& program : report_.programs)
      visit(program, fmt::to_string(program.id));
  }
  template <typename Value>
  void one(std::string_view name, std::string_view type, std::string_view help, Value value) {
    each(name, type, help, [&](const Program& program, const std::string& id) {
      out_.sample({{"program", program.file}, {"id", id}}, program.*value);
    });
  }

  void add_requests() {
    each("cgisrv_program_requests_total", "counter", "Requests for the program, by how they ended.",
         [&](const Program& program, const std::string& id) {
           for (const auto& [outcome, count] : program.outcomes)
             out_.sample({{"program", program.file}, {"id", id}, {"outcome", outcome}}, count);
         });
  }
  void starts() {
    each("cgisrv_program_starts_total", "counter",
         "How its processes came to be: executed (cold), or forked from a zygote (warm).",
         [&](const Program& program, const std::string& id) {
           out_.sample({{"program", program.file}, {"id", id}, {"start", "cold"}},
                       program.cold_starts);
           out_.sample({{"program", program.file}, {"id", id}, {"start", "warm"}},
                       program.warm_starts);
         });
  }
  void histogram(std::string_view name, std::string_view help,
                 account::Histogram account::ProgramStats::*which) {
    each(name, "histogram", help, [&](const Program& program, const std::string& id) {
      const account::Histogram& found = table_.row(program.row).stats.*which;
      const auto counts = found.counts();
      const auto sum = found.sum();
      if (table_.id(program.row) != program.id) return;  // it has lost its row since the report
      out_.histogram({{"program", program.file}, {"id", id}}, counts, sum);
    });
  }
  void histograms() {
    histogram("cgisrv_program_duration_seconds",
              "From the request to the end of the program's output, waiting included.",
              &account::ProgramStats::total);
    histogram("cgisrv_program_wait_seconds", "How long requests waited for a place to run in.",
              &account::ProgramStats::queue);
  }
  void limit_reasons() {
    each(
        "cgisrv_program_limit_reason", "gauge",
        "Why so many may run: fixed, or what max_running = \"auto\" has found; always 1.",
        [&](const Program& program, const std::string& id) {
          out_.sample({{"program", program.file}, {"id", id}, {"reason", program.limit_reason}}, 1);
        });
  }
  void gauges() {
    one("cgisrv_program_running", "gauge", "Processes of the program that run now.",
        &Program::running);
    one("cgisrv_program_running_max", "gauge", "How many of them may run now.", &Program::limit);
    one("cgisrv_program_running_bound", "gauge", "How many of them may ever run: max_running.",
        &Program::limit_max);
    limit_reasons();
    one("cgisrv_program_demand_ratio", "gauge",
        "Of a run's time, the share that it would compute if it never waited for a processor, as "
        "max_running = \"auto\" has found.",
        &Program::demand);
    one("cgisrv_program_waiting", "gauge", "Requests that wait for it.", &Program::waiting);
    one("cgisrv_program_waiting_max", "gauge", "How many may wait for it: the size of its queue.",
        &Program::queue_size);
    each("cgisrv_program_warm", "gauge", "Whether it is to start warm, as configured: 1, else 0.",
         [&](const Program& program, const std::string& id) {
           out_.sample({{"program", program.file}, {"id", id}}, program.start == "warm" ? 1 : 0);
         });
    one("cgisrv_program_zygotes", "gauge", "Zygotes that are ready to be forked.",
        &Program::zygotes);
    one("cgisrv_program_memory_peak_bytes", "gauge", "Memory of the largest of its processes.",
        &Program::memory_peak_bytes);
  }
  void counters() {
    one("cgisrv_program_refused_total", "counter",
        "Requests that were answered 503 for want of a place.", &Program::refused);
    one("cgisrv_program_cpu_seconds_total", "counter", "Processor time, user and system.",
        &Program::cpu_seconds);
    one("cgisrv_program_input_bytes_total", "counter",
        "Bytes of requests' bodies that it was given.", &Program::bytes_in);
    one("cgisrv_program_output_bytes_total", "counter", "Bytes that it printed.",
        &Program::bytes_out);
  }

  Exposition& out_;
  const Report& report_;
  admission::Table& table_;
};

}  // namespace

std::string metrics_text(const Report& report, admission::Table& table,
                         telemetry::SharedStats& shared_stats) {
  Exposition out;
  add_server(out, report);
  add_workers(out, report);
  add_requests(out, shared_stats.traffic());
  Programs(out, report, table).add();
  return out.text();
}

}  // namespace cgisrv::status

#include "exec/trial.h"

#include <fmt/format.h>

#include "exec/session.h"

namespace cgisrv::exec {

namespace {

// The start of the body in a program's output; without an empty line, all of it is body.
std::size_t body_of(std::string_view output) {
  const auto lf = output.find("\n\n");
  const auto crlf = output.find("\n\r\n");
  if (lf == output.npos && crlf == output.npos) return 0;
  return lf < crlf ? lf + 2 : crlf + 3;
}

// The captured part, in whole lines.
std::string_view captured(const BoundedCapture& stream) {
  const std::string_view bytes = stream.bytes();
  const auto last = bytes.rfind('\n');
  return stream.whole() || last == bytes.npos ? bytes : bytes.substr(0, last + 1);
}

std::string end_of(const ProgramRun& program) {
  const auto& exit = program.usage().exit;
  std::string end = exit ? exit->text() : "not waited for";
  if (!program.output.whole()) end += fmt::format(", {} printed", program.output.total());
  if (!program.errors.whole()) end += fmt::format(", {} complained", program.errors.total());
  return end;
}

Trace trace_of(const Session& session) {
  const Record& record = session.record();
  const Response& response = session.response();
  Trace trace{.verdict = judge(record, response, session.took()), .took = session.took()};
  auto& [status, header, body, errors, end] = trace.parts;
  auto& [status_cut, header_cut, body_cut, errors_cut, end_cut] = trace.cut;
  const auto head = response.head();
  status = head.substr(0, head.find_first_of("\r\n"));
  if (!response.whole()) status += ", and cut";
  for (const ProgramRun& program : record.programs()) {
    if (!end.empty()) {
      header += '\n';
      end += '\n';
    }
    const std::string_view output = captured(program.output);
    const std::size_t end_of_header = body_of(output);
    header += output.substr(0, output.substr(0, end_of_header).find_last_not_of("\r\n") + 1);
    body += output.substr(end_of_header);
    errors += captured(program.errors);
    body_cut = body_cut || !program.output.whole();
    errors_cut = errors_cut || !program.errors.whole();
    end += end_of(program);
    if (program.usage().outcome == account::Outcome::timeout) trace.timed_out = true;
  }
  if (!record.programs().empty()) {
    const account::Usage& usage = record.programs().front().usage();
    trace.started = usage.started;
    if (usage.exit) trace.processor = usage.exit->processor_time();
    trace.cold_reason = usage.cold_reason;
  }
  return trace;
}

// Programs that it redirects to are not under test.
ResolvedRequest with_start(ResolvedRequest resolved, bool warm) {
  const auto destination = exec::destination(resolved);
  const auto ours = destination ? destination->location->cgi.location : 0;
  for (config::Site& site : resolved.config.sites)
    for (config::Location& location : site.locations)
      location.cgi.warm.enabled = warm && location.cgi.location == ours;
  return resolved;
}

warm::ZygoteKey key_at(const ResolvedRequest& resolved) {
  const auto destination = exec::destination(resolved);
  if (!destination) return {};
  return {destination->location->cgi.location, destination->script.filename};
}

}  // namespace

Trial::Trial(ResolvedRequest resolved, const ExecRequest& request, const rlimit& descriptors,
             bool warm)
    : resolved_(with_start(std::move(resolved), warm)),
      request_(request),
      descriptors_(descriptors),
      key_(key_at(resolved_)) {}

std::string Trial::problem() const {
  const auto found = destination(resolved_);
  if (!found) return "400: the path is none";
  return fmt::format("{}: {}", found->status, found->problem);
}

std::optional<Trace> Trial::run(int channel) {
  Session session(resolved_, request_, false, descriptors_);
  if (channel >= 0) session.use_zygote_manager(channel, key_);
  signal_ = session.run();
  if (signal_ != 0) return std::nullopt;
  return trace_of(session);
}

}  // namespace cgisrv::exec

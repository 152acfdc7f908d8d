#include "exec/trial.h"

#include <fmt/format.h>

#include <algorithm>

#include "exec/session.h"

namespace cgisrv::exec {

namespace {

// Where the body of what a program printed begins; without an empty line, all of it is body.
std::size_t body_of(std::string_view output) {
  const auto lf = output.find("\n\n");
  const auto crlf = output.find("\n\r\n");
  if (lf == output.npos && crlf == output.npos) return 0;
  return lf < crlf ? lf + 2 : crlf + 3;
}

// What was kept of it, in whole lines.
std::string_view kept(const Kept& stream) {
  const std::string_view bytes = stream.bytes();
  const auto last = bytes.rfind('\n');
  return stream.whole() || last == bytes.npos ? bytes : bytes.substr(0, last + 1);
}

std::string end_of(const Program& program) {
  const auto& exit = program.costs().exit;
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
  for (const Program& program : record.programs()) {
    if (!end.empty()) {
      header += '\n';
      end += '\n';
    }
    const std::string_view output = kept(program.output);
    const std::size_t end_of_header = body_of(output);
    header += output.substr(0, output.substr(0, end_of_header).find_last_not_of("\r\n") + 1);
    body += output.substr(end_of_header);
    errors += kept(program.errors);
    body_cut = body_cut || !program.output.whole();
    errors_cut = errors_cut || !program.errors.whole();
    end += end_of(program);
    if (program.costs().outcome == account::Outcome::timeout) trace.timed_out = true;
  }
  if (!record.programs().empty()) {
    const account::Costs& costs = record.programs().front().costs();
    trace.started = costs.started;
    trace.cold_reason = costs.cold_reason;
  }
  return trace;
}

// What it redirects to is not what is tried out.
Place with_start(Place place, bool warm) {
  const auto destination = exec::destination(place);
  const auto ours = destination ? destination->location->cgi.location : 0;
  for (server::Site& site : place.config.sites)
    for (server::Location& location : site.locations)
      location.cgi.warm.enabled = warm && location.cgi.location == ours;
  return place;
}

warm::Subject subject_at(const Place& place) {
  const auto destination = exec::destination(place);
  if (!destination) return {};
  return {destination->location->cgi.location, destination->script.filename};
}

}  // namespace

Trial::Trial(Place place, const Request& request, const rlimit& descriptors, bool warm)
    : place_(with_start(std::move(place), warm)),
      request_(request),
      descriptors_(descriptors),
      subject_(subject_at(place_)) {}

std::string Trial::problem() const {
  const auto found = destination(place_);
  if (!found) return "400: the path is none";
  return fmt::format("{}: {}", found->status, found->problem);
}

std::optional<Trace> Trial::run(int channel) {
  Session session(place_, request_, false, descriptors_);
  if (channel >= 0) session.use_keeper(channel, subject_);
  signal_ = session.run();
  if (signal_ != 0) return std::nullopt;
  return trace_of(session);
}

}  // namespace cgisrv::exec

#include "base/text.h"
#include "exec/json.h"
#include "exec/report.h"

namespace cgisrv::exec {

namespace {

void add_kept(JsonWriter& json, const std::string& key, const Kept& kept) {
  const std::string_view bytes = kept.bytes();
  json.bytes(key, kept.whole() ? bytes : without_cut_character(bytes));
  json.number(key + "_bytes", kept.total());
  if (!kept.whole()) json.boolean(key + "_truncated", true);
}

void add_duration(JsonWriter& json, std::string_view key,
                  const std::optional<account::Duration>& duration) {
  if (!duration) return json.null(key);
  json.number(key, static_cast<double>(duration->count()) / 1000);
}

void add_word(JsonWriter& json, std::string_view key, std::string_view word) {
  if (word.empty()) return json.null(key);
  json.text(key, word);
}

void add_request(JsonWriter& json, const Request& request) {
  json.begin_object("request");
  json.bytes("method", request.method);
  json.bytes("target", request.url);
  json.bytes("head", request.head);
  json.number("body_bytes", request.body ? request.body->length : 0);
  json.end_object();
}

void add_environment(JsonWriter& json, const Program& program) {
  json.begin_object("environment");
  for (const std::string& variable : program.environment) {
    const auto equals = variable.find('=');
    json.bytes(variable.substr(0, equals), std::string_view(variable).substr(equals + 1));
  }
  json.end_object();
}

void add_exit(JsonWriter& json, const account::Costs& costs) {
  if (!costs.exit) {
    json.null("exit_status");
    return json.null("signal");
  }
  const auto code = static_cast<std::uint64_t>(costs.exit->code);
  if (costs.exit->signalled) {
    json.null("exit_status");
    json.number("signal", code);
  } else {
    json.number("exit_status", code);
    json.null("signal");
  }
}

void add_costs(JsonWriter& json, const account::Costs& costs) {
  add_word(json, "start", account::text(costs.started));
  add_word(json, "cold_reason", costs.cold_reason);
  add_duration(json, "start_ms", costs.start);
  add_duration(json, "header_ms", costs.header);
  add_duration(json, "run_ms", costs.run);
  json.number("bytes_in", costs.bytes_in);
  json.number("bytes_out", costs.bytes_out);
  if (!costs.exit) return;
  const rusage& usage = costs.exit->usage;
  add_duration(json, "user_ms", account::user_time(*costs.exit));
  add_duration(json, "system_ms", account::system_time(*costs.exit));
  json.number("peak_rss_kib", static_cast<std::uint64_t>(usage.ru_maxrss));
  json.number("minor_faults", static_cast<std::uint64_t>(usage.ru_minflt));
  json.number("major_faults", static_cast<std::uint64_t>(usage.ru_majflt));
}

void add_program(JsonWriter& json, const Program& program) {
  const std::string& file = program.script.filename;
  json.begin_object();
  json.bytes("file", file);
  json.bytes("runs", program.runs);
  json.bytes("directory", file.substr(0, file.rfind('/')));
  add_environment(json, program);
  add_exit(json, program.costs());
  add_kept(json, "stderr", program.errors);
  add_kept(json, "output", program.output);
  add_costs(json, program.costs());
  json.end_object();
}

// [name, value] in their order, since a name may come twice.
void add_fields(JsonWriter& json, std::string_view head) {
  text::take_until(head, '\n');
  json.begin_list("headers");
  while (!head.empty()) {
    std::string_view value = text::take_until(head, '\n');
    if (value.ends_with('\r')) value.remove_suffix(1);
    const auto name = text::take_until(value, ':');
    json.begin_list();
    json.text("", name);
    json.text("", text::trim(value));
    json.end_list();
  }
  json.end_list();
}

void add_response(JsonWriter& json, const Response& response) {
  json.begin_object("response");
  json.number("status", static_cast<std::uint64_t>(response.status()));
  json.bytes("head", response.head());
  add_fields(json, response.head());
  add_kept(json, "body", response.body());
  json.boolean("whole", response.whole());
  json.end_object();
}

}  // namespace

std::string as_json(const Seen& seen) {
  JsonWriter json;
  json.begin_object();
  json.boolean("good", seen.verdict.good);
  json.bytes("verdict", seen.verdict.reason);
  add_request(json, seen.request);
  json.begin_list("programs");
  for (const Program& program : seen.record.programs())
    add_program(json, program);
  json.end_list();
  add_response(json, seen.response);
  json.begin_list("log");
  for (const std::string& line : seen.record.log())
    json.text("", line);
  json.end_list();
  json.bytes("user", seen.user);
  if (!seen.note.empty()) json.bytes("note", seen.note);
  add_duration(json, "total_ms", seen.took);
  json.end_object();
  return std::move(json).take();
}

}  // namespace cgisrv::exec

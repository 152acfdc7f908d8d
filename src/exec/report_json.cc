#include <cmath>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "exec/report.h"
#include "exec/utf8.h"

namespace cgisrv::exec {

namespace {

using Json = nlohmann::ordered_json;

std::string base64(std::string_view bytes) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](std::size_t at) {
      return at < bytes.size() ? static_cast<unsigned char>(bytes[at]) : 0U;
    };
    const unsigned group = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    out.push_back(digits[group >> 18]);
    out.push_back(digits[group >> 12 & 63]);
    out.push_back(i + 1 < bytes.size() ? digits[group >> 6 & 63] : '=');
    out.push_back(i + 2 < bytes.size() ? digits[group & 63] : '=');
  }
  return out;
}

// Bytes that are not UTF-8 become "KEY_base64".
void add_bytes(Json& json, const std::string& key, std::string_view value) {
  if (is_utf8(value))
    json[key] = value;
  else
    json[key + "_base64"] = base64(value);
}

void add_capture(Json& json, const std::string& key, const BoundedCapture& capture) {
  const std::string_view bytes = capture.bytes();
  add_bytes(json, key, capture.whole() ? bytes : without_cut_character(bytes));
  json[key + "_bytes"] = capture.total();
  if (!capture.whole()) json[key + "_truncated"] = true;
}

Json as_ms(const std::optional<account::Duration>& duration) {
  if (!duration) return nullptr;
  return static_cast<double>(duration->count()) / 1000;
}

Json word(std::string_view word) {
  return word.empty() ? Json() : Json(word);
}

Json request(const ExecRequest& request) {
  Json json;
  add_bytes(json, "method", request.method);
  add_bytes(json, "target", request.url);
  add_bytes(json, "head", request.head);
  json["body_bytes"] = request.body ? request.body->length : 0;
  return json;
}

Json environment(const ProgramRun& program) {
  Json json = Json::object();
  for (const std::string& variable : program.environment) {
    const auto equals = variable.find('=');
    add_bytes(json, variable.substr(0, equals), std::string_view(variable).substr(equals + 1));
  }
  return json;
}

void add_exit(Json& json, const account::Usage& usage) {
  json["exit_status"] = nullptr;
  json["signal"] = nullptr;
  if (usage.exit) json[usage.exit->signalled ? "signal" : "exit_status"] = usage.exit->code;
}

void add_usage(Json& json, const account::Usage& usage) {
  json["start"] = word(account::text(usage.started));
  json["cold_reason"] = word(usage.cold_reason);
  json["start_ms"] = as_ms(usage.start);
  json["header_ms"] = as_ms(usage.header);
  json["run_ms"] = as_ms(usage.run);
  json["bytes_in"] = usage.bytes_in;
  json["bytes_out"] = usage.bytes_out;
  if (!usage.exit) return;
  const rusage& resources = usage.exit->usage;
  json["user_ms"] = as_ms(usage.exit->user_time());
  json["system_ms"] = as_ms(usage.exit->system_time());
  json["peak_rss_kib"] = resources.ru_maxrss;
  json["minor_faults"] = resources.ru_minflt;
  json["major_faults"] = resources.ru_majflt;
}

Json program(const ProgramRun& program) {
  const std::string& file = program.script.filename;
  Json json;
  add_bytes(json, "file", file);
  add_bytes(json, "runs", program.runs);
  add_bytes(json, "directory", file.substr(0, file.rfind('/')));
  json["environment"] = environment(program);
  add_exit(json, program.usage());
  add_capture(json, "stderr", program.errors);
  add_capture(json, "output", program.output);
  add_usage(json, program.usage());
  return json;
}

// [name, value] in their order, since a name may occur twice.
Json fields(std::string_view head) {
  text::take_until(head, '\n');
  Json json = Json::array();
  while (!head.empty()) {
    std::string_view value = text::take_line(head);
    const auto name = text::take_until(value, ':');
    json.push_back(Json::array({name, text::trim(value)}));
  }
  return json;
}

Json response(const Response& response) {
  Json json;
  json["status"] = response.status();
  add_bytes(json, "head", response.head());
  json["headers"] = fields(response.head());
  add_capture(json, "body", response.body());
  json["whole"] = response.whole();
  return json;
}

}  // namespace

std::string as_json(const ExecResult& result) {
  Json json;
  json["good"] = result.verdict.good;
  add_bytes(json, "verdict", result.verdict.reason);
  json["request"] = request(result.request);
  json["programs"] = Json::array();
  for (const ProgramRun& each : result.record.programs())
    json["programs"].push_back(program(each));
  json["response"] = response(result.response);
  json["log"] = result.record.log();
  add_bytes(json, "user", result.user);
  if (!result.note.empty()) add_bytes(json, "note", result.note);
  json["total_ms"] = as_ms(result.took);
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace cgisrv::exec

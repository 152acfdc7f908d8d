#include "proxy/request_id.h"

#include <algorithm>

#include "base/text.h"

namespace cgisrv::proxy {

namespace {

constexpr std::string_view traceparent = "traceparent";
constexpr std::string_view tracestate = "tracestate";
constexpr std::string_view id_wanted =
    "1 to 128 letters, digits and -_.:@+=#, the first a letter, a digit or _";

bool begins_id(char c) {
  return text::is_alpha(c) || text::is_digit(c) || c == '_';
}

bool continues_id(char c) {
  return begins_id(c) || std::string_view("-.:@+=#").contains(c);
}

bool is_hex(std::string_view digits) {
  return digits.find_first_not_of("0123456789abcdef") == digits.npos;
}

bool is_zero(std::string_view digits) {
  return digits.find_first_not_of('0') == digits.npos;
}

std::unexpected<Error> not_taken(std::string_view sender, std::string_view name,
                                 std::string_view value, std::string_view wanted) {
  return fail("{} sent {}: {}, which is not taken as the request's id: it is not {}", sender, name,
              text::escape(value, 100), wanted);
}

}  // namespace

bool names_trace(std::string_view field_name) {
  return text::equals_ignoring_case(field_name, traceparent) ||
         text::equals_ignoring_case(field_name, tracestate);
}

bool names_request(std::string_view field_name) {
  return text::equals_ignoring_case(field_name, x_request_id) || names_trace(field_name);
}

bool is_request_id(std::string_view text) {
  return !text.empty() && text.size() <= request_id_bytes_max && begins_id(text.front()) &&
         std::ranges::all_of(text, continues_id);
}

// A later version may have more behind the flags, and is read as this one.
std::string_view trace_id_of(std::string_view value) {
  constexpr std::size_t size = 55;
  if (value.size() < size || value[2] != '-' || value[35] != '-' || value[52] != '-') return {};
  const std::string_view version = value.substr(0, 2);
  const std::string_view trace = value.substr(3, 32);
  const std::string_view parent = value.substr(36, 16);
  if (value.size() > size && (version == "00" || value[size] != '-')) return {};
  const bool all_hex =
      is_hex(version) && is_hex(trace) && is_hex(parent) && is_hex(value.substr(53, 2));
  return all_hex && version != "ff" && !is_zero(trace) && !is_zero(parent) ? trace
                                                                           : std::string_view();
}

Result<std::string_view> find_request_id(std::span<const http::FieldView> fields) {
  std::string_view id;
  std::string_view trace;
  for (const http::FieldView& field : fields) {
    if (text::equals_ignoring_case(field.name, x_request_id)) id = field.value;
    if (text::equals_ignoring_case(field.name, traceparent)) trace = field.value;
  }
  if (!id.empty()) {
    const std::string_view last = text::trim(id.substr(id.rfind(',') + 1));
    if (is_request_id(last)) return last;
    return not_taken("a trusted proxy", x_request_id, id, id_wanted);
  }
  if (trace.empty()) return trace;
  const std::string_view found = trace_id_of(trace);
  if (!found.empty()) return found;
  return not_taken("a trusted proxy", traceparent, trace,
                   "00-TRACE-PARENT-FLAGS in lower-case hexadecimal digits");
}

bool has_valid_trace(std::span<const http::FieldView> fields) {
  const auto is_parent = [](const http::FieldView& field) {
    return text::equals_ignoring_case(field.name, traceparent);
  };
  const auto found = std::ranges::find_if(fields, is_parent);
  return found != fields.end() && std::ranges::count_if(fields, is_parent) == 1 &&
         !trace_id_of(found->value).empty();
}

Result<std::string_view> check_request_id(std::string_view parameter, std::string_view value) {
  if (value.empty() || is_request_id(value)) return value;
  return not_taken("the web server", parameter, value, id_wanted);
}

}  // namespace cgisrv::proxy

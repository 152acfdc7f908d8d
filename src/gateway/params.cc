#include "gateway/params.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <unordered_map>

#include "access/ip.h"
#include "base/text.h"
#include "gateway/variables.h"
#include "http/method.h"
#include "http/octets.h"
#include "http/target.h"

namespace cgisrv::gateway {

using http::Request;
using namespace std::string_view_literals;

namespace {

using Values = std::unordered_map<std::string_view, std::string_view>;

constexpr std::string_view field_prefix = "HTTP_";

// They are about the client's connection to the web server; and Content-* have parameters of their
// own.
constexpr std::array fields_of_the_web_server = {
    "CONNECTION"sv, "CONTENT_LENGTH"sv, "CONTENT_TYPE"sv,      "EXPECT"sv,  "KEEP_ALIVE"sv,
    "TE"sv,         "TRAILER"sv,        "TRANSFER_ENCODING"sv, "UPGRADE"sv, "PROXY_CONNECTION"sv};

constexpr Refusal bad(std::string_view reason) {
  return {400, reason};
}

std::string_view value_of(const Values& values, std::string_view name) {
  const auto found = values.find(name);
  return found == values.end() ? std::string_view() : found->second;
}

// As Caddy says of a body whose length it has not been told.
bool is_unknown_length(std::string_view length) {
  return length.empty() || length == "-1";
}

bool is_number(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, text::is_digit);
}

// "user-agent" of "USER_AGENT"; empty: no field has that name.
std::string field_name(std::string_view variable) {
  std::string name;
  for (const char c : variable) {
    if (!text::is_alpha(c) && !text::is_digit(c) && c != '_') return {};
    name.push_back(c == '_' ? '-' : text::lower(c));
  }
  return name;
}

// ---- what the client chooses

// The target as the client has sent it; else as the web server has understood it.
std::string target_of(const Values& values) {
  if (const auto uri = value_of(values, "REQUEST_URI"); !uri.empty()) return std::string(uri);
  std::string path(value_of(values, "SCRIPT_NAME"));
  path.append(value_of(values, "PATH_INFO"));
  std::string target = http::encode_path(path.empty() ? "/" : path);
  if (const auto query = value_of(values, "QUERY_STRING"); !query.empty())
    target.append("?").append(query);
  return target;
}

http::Version version_of(std::string_view protocol) {
  if (protocol == "HTTP/1.0") return http::Version::http10;
  return protocol.starts_with("HTTP/2") || protocol.starts_with("HTTP/3") ? http::Version::http2
                                                                          : http::Version::http11;
}

// Where each text of the request begins in its storage, which is made of all of them at once.
class Storage {
 public:
  std::size_t keep(std::string_view text) {
    sizes_.push_back(text.size());
    all_.append(text);
    return sizes_.size() - 1;
  }
  // Once: moves them into the request.
  void move_to(Request& request) {
    std::string_view rest = request.reset(all_);
    for (const std::size_t size : sizes_) {
      parts_.push_back(rest.substr(0, size));
      rest.remove_prefix(size);
    }
  }
  std::string_view part(std::size_t number) const { return parts_[number]; }

 private:
  std::string all_;
  std::vector<std::size_t> sizes_;
  std::vector<std::string_view> parts_;
};

struct KeptField {
  std::size_t name = 0;
  std::size_t value = 0;
};

Refusal check_value(std::string_view value) {
  if (http::field_bytes.has_all(value)) return {};
  return bad("control byte in a field");
}

// The fields in the order of their parameters.
Refusal keep_fields(std::span<const Param> params, const Values& values, const ParamLimits& limits,
                    Storage& storage, std::vector<KeptField>& kept) {
  std::size_t bytes = 0;
  const auto keep = [&](std::string_view name, std::string_view value) -> Refusal {
    bytes += name.size() + value.size() + 4;
    if (bytes > limits.fields_bytes_max) return {431, "the request head is too large"};
    if (kept.size() == limits.fields_max) return {431, "too many fields in the request head"};
    if (const auto refusal = check_value(value)) return refusal;
    const std::size_t at = storage.keep(name);
    kept.push_back({at, storage.keep(text::trim(value))});
    return {};
  };
  for (const auto& [name, value] : params) {
    if (!name.starts_with(field_prefix) || value.data() != value_of(values, name).data()) continue;
    const std::string_view variable = name.substr(field_prefix.size());
    const std::string field = field_name(variable);
    const bool is_passed =
        !field.empty() &&
        std::ranges::find(fields_of_the_web_server, variable) == fields_of_the_web_server.end();
    if (!is_passed) continue;
    if (const auto refusal = keep(field, value)) return refusal;
  }
  for (const auto& [parameter, field] : {std::pair{"CONTENT_TYPE"sv, "content-type"sv},
                                         std::pair{"CONTENT_LENGTH"sv, "content-length"sv}})
    if (const auto value = value_of(values, parameter); !is_unknown_length(value))
      if (const auto refusal = keep(field, value)) return refusal;
  return {};
}

Refusal read_target(Request& request, std::string_view query, bool has_query,
                    const ParamLimits& limits) {
  if (request.raw_target.size() > limits.target_bytes_max || query.size() > limits.target_bytes_max)
    return {414, "the request target is too long"};
  if (const auto fault = http::check_method(request.method); fault.status != 0)
    return {fault.status, fault.reason};
  const auto target = http::parse_target(request.method, request.raw_target);
  if (!target || !http::target_bytes.has_all(query)) return bad("malformed request target");
  request.target = *target;
  if (has_query) {  // the web server may have rewritten it
    request.target.query = query;
    request.target.has_query = !query.empty();
  }
  return {};
}

// RFC 9112 section 3.2. A web server may have its own name for a client that has sent none.
Refusal read_host(Request& request, std::string_view server_name) {
  const auto field = request.field("host");
  const auto authority = http::parse_authority(field.value_or(server_name));
  if (!authority) return field ? bad("malformed Host field") : Refusal();
  request.host = authority->host;
  request.port = authority->port;
  if (request.target.host.empty()) return {};
  request.host = request.target.host;
  request.port = request.target.port;
  return {};
}

Refusal read_length(Request& request, std::string_view length) {
  if (is_unknown_length(length)) return {};
  const auto number = text::parse_number<std::uint64_t>(length);
  if (!number) return bad("CONTENT_LENGTH is not a number");
  request.framing = http::Framing::length;
  request.content_length = *number;
  return {};
}

// ---- the web server's word

void read_ends(const Values& values, exchange::Gateway& gateway) {
  cgi::Endpoints& ends = gateway.endpoints;
  const auto address = value_of(values, "REMOTE_ADDR");
  if (const auto ip = access::Ip::parse(address)) {
    gateway.client = access::Peer::of(*ip, ip->is_loopback());
    ends.remote_address = ip->text();
    ends.client = ip->client();
  } else if (address == "unix:" || address == "unix") {  // as nginx names such a client
    gateway.client = access::Peer::local();
  }
  const auto number = [&](std::string_view name) {
    const auto text = value_of(values, name);
    return is_number(text) ? std::string(text) : std::string();
  };
  ends.remote_port = number("REMOTE_PORT");
  ends.server_port = number("SERVER_PORT");
  if (const auto ip = access::Ip::parse(value_of(values, "SERVER_ADDR")))
    ends.server_address = ip->text();
  const auto name = value_of(values, "SERVER_NAME");
  if (http::parse_authority(name)) ends.server_name = name;
  const auto https = value_of(values, "HTTPS");
  ends.https = (!https.empty() && !text::equals_ignoring_case(https, "off") && https != "0") ||
               text::equals_ignoring_case(value_of(values, "REQUEST_SCHEME"), "https");
  gateway.user = value_of(values, "REMOTE_USER");
  gateway.request_id = value_of(values, "REQUEST_ID");
  if (gateway.request_id.empty()) gateway.request_id = value_of(values, "UNIQUE_ID");  // of Apache
}

std::string_view last_segment(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

// ProxyPass of Apache names the file as in a URL, SetHandler as it is; SCRIPT_NAME is as it is with
// both, and tells which it was.
std::string apache_file(std::string_view script_filename, std::string_view script_name) {
  std::string file(without_proxy(script_filename));
  if (file.size() == script_filename.size() || file.ends_with(last_segment(script_name)))
    return file;
  const auto decoded = http::decode_path(file);
  return decoded && decoded->text.ends_with(last_segment(script_name)) ? decoded->text : file;
}

void read_program(const Values& values, exchange::Gateway& gateway) {
  const auto script_name = value_of(values, "SCRIPT_NAME");
  site::NamedProgram named{.file = apache_file(value_of(values, "SCRIPT_FILENAME"), script_name),
                           .script_name = std::string(script_name),
                           .path_info = std::string(value_of(values, "PATH_INFO")),
                           .translated = std::string(value_of(values, "PATH_TRANSLATED")),
                           .root = std::string(value_of(values, "DOCUMENT_ROOT"))};
  named.is_made_up = named.file.empty() && !named.root.empty() && !named.script_name.empty();
  if (named.is_made_up) named.file = named.root + named.script_name;
  if (!named.file.empty()) gateway.program = std::move(named);
}

void read_variables(std::span<const Param> params, const Values& values,
                    exchange::Gateway& gateway) {
  auto added = std::make_shared<cgi::AddedVariables>();
  for (const auto& [name, value] : params) {
    if (value.data() != value_of(values, name).data() || !may_be_added(name)) continue;
    if (value.empty() && is_of_a_user(name)) continue;  // nobody has logged in
    added->variables.emplace_back(name, value);
    added->keeps_cold |= !is_known_to_vary(added->variables.back().first);
  }
  const auto directory = value_of(values, "FCGI_CHDIR");
  if (directory.starts_with('/')) added->directory = directory;
  if (directory == "-") added->directory = "/";
  gateway.added = std::move(added);
}

}  // namespace

std::string_view without_proxy(std::string_view script_filename) {
  if (!script_filename.starts_with("proxy:")) return script_filename;
  const auto authority = script_filename.find("://");
  if (authority == std::string_view::npos) return {};
  const auto path = script_filename.find('/', authority + 3);
  if (path == std::string_view::npos) return {};
  script_filename.remove_prefix(path);
  return script_filename.substr(0, script_filename.find('?'));
}

Refusal read_params(std::span<const Param> params, const ParamLimits& limits, Request& request,
                    exchange::Gateway& gateway) {
  if (params.size() > limits.params_max)
    return {431, "the web server has sent too many parameters"};
  Values values;
  bool has_nul = false;
  for (const auto& [name, value] : params) {
    values.insert_or_assign(name, value);
    has_nul |= name.contains('\0') || value.contains('\0');
  }
  Storage storage;
  const auto method = storage.keep(value_of(values, "REQUEST_METHOD"));
  const auto target = storage.keep(target_of(values));
  const auto query = storage.keep(value_of(values, "QUERY_STRING"));
  const auto server_name = storage.keep(value_of(values, "SERVER_NAME"));
  std::vector<KeptField> fields;
  const auto refusal = keep_fields(params, values, limits, storage, fields);
  storage.move_to(request);
  request.version = version_of(value_of(values, "SERVER_PROTOCOL"));
  request.method = storage.part(method);
  request.raw_target = storage.part(target);
  read_ends(values, gateway);
  if (request.method.empty())
    return bad(
        "the web server has sent no REQUEST_METHOD; nginx does by include fastcgi_params, or "
        "scgi_params, in the location");
  if (has_nul) return bad("NUL byte in a parameter");
  if (refusal) return refusal;
  for (const auto& [name, value] : fields)
    request.fields.push_back({storage.part(name), storage.part(value)});
  if (const auto fault =
          read_target(request, storage.part(query), values.contains("QUERY_STRING"), limits))
    return fault;
  if (const auto fault = read_host(request, storage.part(server_name))) return fault;
  if (const auto fault = read_length(request, value_of(values, "CONTENT_LENGTH"))) return fault;
  read_program(values, gateway);
  read_variables(params, values, gateway);
  return {};
}

}  // namespace cgisrv::gateway

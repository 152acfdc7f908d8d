#include "cgi/environment.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "access/client_certificate.h"
#include "base/collect.h"
#include "base/text.h"
#include "http/host.h"
#include "process/shebang.h"

namespace cgisrv::cgi {
namespace {

using namespace std::string_view_literals;

// They have variables of their own or only concern the connection. Proxy would become HTTP_PROXY,
// which the programs' HTTP clients obey (CVE-2016-5385).
constexpr std::array withheld_fields = {
    "Content-Type"sv, "Content-Length"sv, "Transfer-Encoding"sv, "Connection"sv, "Keep-Alive"sv,
    "TE"sv,           "Trailer"sv,        "Upgrade"sv,           "Expect"sv,     "Proxy"sv};

// They are always set, or their absence has a meaning, so configuration must not set them.
constexpr std::array computed_variables = {"CONTENT_LENGTH"sv,
                                           "CONTENT_TYPE"sv,
                                           "DOCUMENT_ROOT"sv,
                                           "GATEWAY_INTERFACE"sv,
                                           "PATH_INFO"sv,
                                           "PATH_TRANSLATED"sv,
                                           "QUERY_STRING"sv,
                                           "REDIRECT_STATUS"sv,
                                           "REDIRECT_QUERY_STRING"sv,
                                           "REDIRECT_REQUEST_METHOD"sv,
                                           "REDIRECT_URL"sv,
                                           "REMOTE_ADDR"sv,
                                           "REMOTE_PORT"sv,
                                           "REQUEST_ID"sv,
                                           "REQUEST_METHOD"sv,
                                           "REQUEST_SCHEME"sv,
                                           "REQUEST_URI"sv,
                                           "SCRIPT_FILENAME"sv,
                                           "SCRIPT_NAME"sv,
                                           "SERVER_ADDR"sv,
                                           "SERVER_NAME"sv,
                                           "SERVER_PORT"sv,
                                           "SERVER_PROTOCOL"sv,
                                           "SERVER_SOFTWARE"sv,
                                           "UNIQUE_ID"sv};

// In the original request: a local redirect replaces the target.
bool was_absolute(const http::Request& request) {
  return !request.raw_target.starts_with('/') && request.raw_target != "*";
}

std::string request_uri(std::string_view raw) {
  const auto authority = raw.find("://");
  if (raw.starts_with('/') || authority == raw.npos) return std::string(raw);
  raw.remove_prefix(authority + 3);
  raw.remove_prefix(std::min(raw.find_first_of("/?"), raw.size()));
  return raw.starts_with('/') ? std::string(raw) : "/" + std::string(raw);
}

bool is_unambiguous(std::string_view name) {
  return std::ranges::all_of(
      name, [](char c) { return text::is_alpha(c) || text::is_digit(c) || c == '-'; });
}

bool is_passed(std::string_view name, bool pass_authorization) {
  const auto is = [name](std::string_view other) {
    return text::equals_ignoring_case(name, other);
  };
  if (is("Authorization")) return pass_authorization;
  return is_unambiguous(name) && std::ranges::none_of(withheld_fields, is) &&
         !text::equals_ignoring_case(name.substr(0, 6), "Proxy-");
}

// A password that we have checked is nobody else's business. What a request sends to the program
// that fails is not for the page that tells of the failure.
bool passes_authorization(const EnvironmentInput& input) {
  const bool is_error_page = !input.redirected.method.empty();
  return input.pass_authorization && input.user.empty() && !is_error_page;
}

void add_fields(Environment& env, const http::Request& request, bool pass_authorization) {
  // RFC 9112 section 3.2.2: the host of an absolute target replaces that of Host.
  if (was_absolute(request)) {
    env.add("HTTP_HOST", request.port ? fmt::format("{}:{}", request.host, *request.port)
                                      : std::string(request.host));
  }
  std::string name;
  std::string value;
  for (auto field = request.fields.begin(); field != request.fields.end(); ++field) {
    if (!is_passed(field->name, pass_authorization)) continue;
    name = "HTTP_";
    for (const char c : field->name)
      name.push_back(c == '-' ? '_' : text::upper(c));
    if (env.has(name)) continue;  // merged into the first of its name
    value = field->value;
    const auto separator = name == "HTTP_COOKIE" ? "; "sv : ", "sv;
    for (auto next = field + 1; next != request.fields.end(); ++next) {
      if (!text::equals_ignoring_case(next->name, field->name)) continue;
      value.append(separator).append(next->value);
    }
    env.add(name, value);
  }
}

void add_git_protocol(Environment& env) {
  const auto is_plain = [](char c) {
    return text::is_alpha(c) || text::is_digit(c) || "=:.-"sv.find(c) != "=:.-"sv.npos;
  };
  const std::string value(env.get("HTTP_GIT_PROTOCOL").value_or(""));
  if (!value.empty() && std::ranges::all_of(value, is_plain)) env.add("GIT_PROTOCOL", value);
}

void add_user(Environment& env, const EnvironmentInput& input) {
  if (!input.user.empty()) env.add("AUTH_TYPE", input.auth_type);
  const auto user = input.user.empty() ? remote_user(input.request, input.user_field) : input.user;
  if (!user.empty()) env.add("REMOTE_USER", user);
}

void add_certificate(Environment& env, const access::ClientCertificate& shown) {
  env.add("SSL_CLIENT_VERIFY", shown.verified);
  if (!shown.is_verified()) return;
  const std::pair<const char*, const std::string&> said[] = {
      {"SSL_CLIENT_S_DN", shown.subject},      {"SSL_CLIENT_S_DN_CN", shown.common_name},
      {"SSL_CLIENT_SAN_Email_0", shown.email}, {"SSL_CLIENT_I_DN", shown.issuer},
      {"SSL_CLIENT_M_SERIAL", shown.serial},   {"SSL_CLIENT_V_START", shown.not_before},
      {"SSL_CLIENT_V_END", shown.not_after}};
  for (const auto& [name, value] : said)
    if (!value.empty()) env.add(name, value);
}

void add_server(Environment& env, const http::Request& request, const Endpoints& ends) {
  const bool is_bare_ipv6 = ends.server_address.contains(':');
  env.add("GATEWAY_INTERFACE", "CGI/1.1");
  env.add("SERVER_SOFTWARE", "cgisrv/" CGISRV_VERSION);
  env.add("SERVER_PROTOCOL", http::text_of(request.version));
  if (!ends.server_name.empty()) {
    env.add("SERVER_NAME", ends.server_name);
  } else if (!request.host.empty()) {
    env.add("SERVER_NAME", http::canonical_host(request.host));
  } else {
    env.add("SERVER_NAME",
            is_bare_ipv6 ? fmt::format("[{}]", ends.server_address) : ends.server_address);
  }
  if (!ends.server_port.empty()) {
    env.add("SERVER_PORT", ends.server_port);
  } else {  // a unix listener has no port, but the variable must be set
    env.add("SERVER_PORT", std::to_string(request.port.value_or(ends.https ? 443 : 80)));
  }
  env.add("SERVER_ADDR", ends.server_address);
  env.add("REMOTE_ADDR", ends.remote_address);
  env.add("REMOTE_PORT", ends.remote_port);
  env.add("REQUEST_SCHEME", ends.https ? "https" : "http");
  if (ends.https) env.add("HTTPS", "on");
  if (ends.tls_protocol.empty()) return;
  env.add("SSL_PROTOCOL", ends.tls_protocol);
  env.add("SSL_CIPHER", ends.tls_cipher);
  if (!ends.tls_server_name.empty()) env.add("SSL_TLS_SNI", ends.tls_server_name);
  if (ends.client_certificate) add_certificate(env, *ends.client_certificate);
}

void add_request(Environment& env, const EnvironmentInput& input) {
  const http::Request& request = input.request;
  env.add("REQUEST_METHOD", request.method);
  env.add("QUERY_STRING", request.target.query);
  env.add("REQUEST_URI", request_uri(request.raw_target));
  env.add("REQUEST_ID", input.request_id);
  env.add("UNIQUE_ID", input.request_id);
  if (const auto type = request.field("Content-Type")) env.add("CONTENT_TYPE", *type);
  if (input.content_length) env.add("CONTENT_LENGTH", std::to_string(*input.content_length));
  // If REDIRECT_URL and PATH_TRANSLATED are both set, php-cgi runs the latter as its script.
  const Redirected& redirected = input.redirected;
  if (!redirected.url.empty() && input.script.path_info.empty())
    env.add("REDIRECT_URL", redirected.url);
  env.add("REDIRECT_STATUS", std::to_string(redirected.status));
  if (!redirected.query.empty()) env.add("REDIRECT_QUERY_STRING", redirected.query);
  if (!redirected.method.empty()) env.add("REDIRECT_REQUEST_METHOD", redirected.method);
}

void add_script(Environment& env, const Script& script) {
  env.add("SCRIPT_NAME", script.name);
  env.add("SCRIPT_FILENAME", script.filename);
  env.add("DOCUMENT_ROOT", script.root);
  if (script.path_info.empty()) return;
  env.add("PATH_INFO", script.path_info);
  env.add("PATH_TRANSLATED",
          script.translated.empty() ? script.root + script.path_info : script.translated);
}

void add_configured(Environment& env, const Variables& configured) {
  for (auto last = configured.rbegin(); last != configured.rend(); ++last) {  // the last one wins
    const auto& [name, value] = *last;
    if (!is_computed(name) && !env.has(name)) env.add(name, value);
  }
  if (!env.has("PATH")) env.add("PATH", process::default_path);
}

// The web server's word for a user counts unless it is ours to ask for passwords.
void add_by_web_server(Environment& env, const EnvironmentInput& input) {
  for (const auto& [name, value] : input.script.added->variables) {
    const bool is_of_a_user = name == "REMOTE_USER" || name == "AUTH_TYPE";
    if (is_of_a_user && (input.keeps_password || !input.user.empty())) continue;
    if (!env.has(name)) env.add(name, value);
  }
}

std::size_t estimated_bytes(const EnvironmentInput& input) {
  std::size_t bytes = 1024 + 2 * (input.request.raw_target.size() + input.script.filename.size() +
                                  input.script.path_info.size() + input.script.root.size() +
                                  input.script.translated.size());
  for (const auto& field : input.request.fields)
    bytes += field.name.size() + field.value.size() + 7;
  for (const auto& [name, value] : input.configured)
    bytes += name.size() + value.size() + 2;
  return bytes;
}

}  // namespace

void Environment::reserve(std::size_t bytes, std::size_t variables) {
  block_.reserve(bytes);
  offsets_.reserve(variables);
}

void Environment::add(std::string_view name, std::string_view value) {
  // Such a value should not get here. If one does, passing half of it would be worse.
  if (name.empty() || name.contains('=') || name.contains('\0') || value.contains('\0')) return;
  offsets_.push_back(block_.size());
  block_.append(name).push_back('=');
  block_.append(value).push_back('\0');
}

bool Environment::has(std::string_view name) const {
  return get(name).has_value();
}

std::optional<std::string_view> Environment::get(std::string_view name) const {
  for (const auto offset : offsets_) {
    const auto rest = std::string_view(block_).substr(offset);
    if (rest.size() > name.size() && rest[name.size()] == '=' && rest.starts_with(name))
      return rest.data() + name.size() + 1;
  }
  return std::nullopt;
}

std::vector<std::string_view> Environment::entries() const {
  return collect(offsets_,
                 [this](auto offset) { return std::string_view(block_.data() + offset); });
}

char* const* Environment::envp() {
  pointers_.clear();
  pointers_.reserve(offsets_.size() + 1);
  for (const auto offset : offsets_)
    pointers_.push_back(block_.data() + offset);
  pointers_.push_back(nullptr);
  return pointers_.data();
}

bool is_computed(std::string_view name) {
  return std::ranges::find(computed_variables, name) != computed_variables.end();
}

std::string_view why_withheld(std::string_view field, bool pass_authorization) {
  if (!is_unambiguous(field))
    return "its name holds other characters than letters, digits and '-', so that its variable "
           "could be another field's";
  if (text::equals_ignoring_case(field, "Authorization") && !pass_authorization)
    return "authorization is not set for its location";
  if (text::equals_ignoring_case(field, "Proxy"))
    return "programs would take HTTP_PROXY for the proxy that they are to use";
  return {};
}

// A proxy replaces the client's field by its own: of two fields, one is not the proxy's.
std::string_view remote_user(const http::Request& request, std::string_view field) {
  const auto is_it = [field](const auto& one) {
    return text::equals_ignoring_case(one.name, field);
  };
  if (field.empty() || std::ranges::count_if(request.fields, is_it) != 1) return {};
  return request.field(field).value_or("");
}

Environment build_environment(const EnvironmentInput& input) {
  Environment env;
  env.reserve(estimated_bytes(input), 32 + input.request.fields.size() + input.configured.size());
  add_server(env, input.request, input.endpoints);
  add_request(env, input);
  add_script(env, input.script);
  add_fields(env, input.request, passes_authorization(input));
  add_git_protocol(env);
  add_user(env, input);
  add_configured(env, input.configured);
  if (input.script.added != nullptr) add_by_web_server(env, input);
  return env;
}

}  // namespace cgisrv::cgi

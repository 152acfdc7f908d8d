// The meta-variables of a program, from any head that is accepted: each name once, none that a
// client may not set, and everything in the form that execve(2) takes.
#include "cgi/environment.h"

#include <set>

#include "base/text.h"
#include "fuzz.h"
#include "request.h"

namespace cgisrv::fuzz {
namespace {

bool is_variable_name(std::string_view name) {
  return !name.empty() &&
         name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == std::string_view::npos;
}

// All that can come from a client has this prefix, or is one of those.
bool may_come_from_client(std::string_view name) {
  static const std::set<std::string_view> others = {"CONTENT_TYPE", "GIT_PROTOCOL", "PATH_INFO",
                                                    "CONTENT_LENGTH", "REDIRECT_URL"};
  return name.starts_with("HTTP_") || others.contains(name);
}

}  // namespace

CGISRV_FUZZ_TARGET(environment) {
  http::Request request;
  if (parse(input, request).state != http1::HeadStatus::State::complete) return;
  const cgi::Script script = {.name = "/a.cgi", .filename = "/srv/a.cgi", .root = "/srv"};
  const cgi::Endpoints ends = {"192.0.2.1", "1234", "192.0.2.2", "80"};
  const cgi::Variables configured = {{"HTTP_X_OURS", "1"}, {"CONTENT_LENGTH", "7"}, {"LANG", "C"}};
  auto env = cgi::build_environment({request, script, ends, configured, "id", std::nullopt});

  http::Request bare;
  parse("GET / HTTP/1.1\r\nHost: x\r\n\r\n", bare);
  auto base = cgi::build_environment({bare, script, ends, configured, "id", std::nullopt});

  std::set<std::string_view> names;
  for (char* const* entry = env.envp(); *entry != nullptr; ++entry) {
    std::string_view value = *entry;
    const auto name = text::take_until(value, '=');
    CGISRV_CHECK(is_variable_name(name));
    CGISRV_CHECK(names.insert(name).second);
    CGISRV_CHECK(base.has(name) || may_come_from_client(name));
    CGISRV_CHECK(is_printable(value) || value.contains('\t'));
  }
  CGISRV_CHECK(names.size() == env.size());
  for (const auto* never : {"HTTP_PROXY", "HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE",
                            "HTTP_TRANSFER_ENCODING", "HTTP_AUTHORIZATION", "CONTENT_LENGTH"}) {
    CGISRV_CHECK(!names.contains(never));
  }
  CGISRV_CHECK(env.get("REQUEST_METHOD") == request.method);
  CGISRV_CHECK(env.get("QUERY_STRING") == request.target.query);
  CGISRV_CHECK(env.get("SCRIPT_FILENAME") == script.filename);
  CGISRV_CHECK(env.get("REMOTE_ADDR") == ends.remote_address);
  CGISRV_CHECK(!env.get("SERVER_NAME")->empty());
}

}  // namespace cgisrv::fuzz

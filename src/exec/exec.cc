#include "exec/exec.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "base/exit_status.h"
#include "base/write_all.h"
#include "config/backend_names.h"
#include "config/run_as.h"
#include "event/signals.h"
#include "exec/report.h"
#include "exec/resolved_request.h"
#include "exec/session.h"
#include "exec/verify.h"
#include "process/privileges.h"
#include "site/access_rules.h"

namespace cgisrv::exec {

namespace {

using config::Config;
using exit_status::complain;

constexpr rlim_t descriptors_wanted = 256;

// A worker's preparations, and their result.
struct Standing {
  rlimit descriptors{};
  std::string user;
  std::string note;
};

// An author may try out what another user will run: better as the author than not at all.
std::string stay_who_we_are(Config& config) {
  if (::geteuid() == 0 || config.server.user.empty()) return {};
  const std::string user = std::exchange(config.server.user, {});
  config.server.group.clear();
  if (user == process::own_user_name()) return {};
  return fmt::format("the server runs it as {}; only root can try that", user);
}

// A failure is what its author wants to see here, and not the page that visitors see instead.
void drop_error_pages(Config& config) {
  for (config::Site& site : config.sites) {
    site.fallback.answers.error_pages.clear();
    for (config::Location& location : site.locations)
      location.answers.error_pages.clear();
  }
}

Result<Standing> take_standing(Config& config) {
  if (auto clean = process::clean_inheritance(); !clean) return std::unexpected(clean.error());
  set_default_dispositions();
  Standing standing;
  standing.descriptors = process::raise_descriptor_limit(descriptors_wanted);
  standing.note = stay_who_we_are(config);
  if (auto may = config::check_run_as(config); !may) return std::unexpected(may.error());
  if (auto dropped = process::drop_privileges(config::privileges_of(config)); !dropped)
    return std::unexpected(dropped.error());
  standing.user = process::own_user_name();
  return standing;
}

Result<std::optional<Body>> body_of(const ExecOptions& options) {
  if (!has_body(options.method, options.fields)) return std::nullopt;
  if (::isatty(STDIN_FILENO) != 0)
    std::fputs("cgisrv: the body is what you type, up to Ctrl-D; or give it a file: < FILE\n",
               stderr);
  auto body = read_body(STDIN_FILENO);
  if (!body) return std::unexpected(body.error());
  return std::move(*body);
}

Style style_of_output() {
  const bool terminal = ::isatty(STDOUT_FILENO) != 0;
  const char* const no_colour = std::getenv("NO_COLOR");
  const char* const kind = std::getenv("TERM");
  const bool dumb = kind == nullptr || std::string_view(kind) == "dumb";
  return {.colour = terminal && !dumb && (no_colour == nullptr || *no_colour == '\0'),
          .terminal = terminal};
}

void show(const ExecResult& result, ExecOptions::Show what) {
  switch (what) {
    case ExecOptions::Show::report:
      write_all(STDOUT_FILENO, as_text(result, style_of_output()));
      return;
    case ExecOptions::Show::json:
      write_all(STDOUT_FILENO, as_json(result));
      return;
    case ExecOptions::Show::environment:
      write_all(STDOUT_FILENO, as_environment(result.record));
      break;
    case ExecOptions::Show::raw:
      break;  // it has been shown as it came
  }
  if (!result.verdict.good)
    write_all(STDERR_FILENO, fmt::format("cgisrv: bad: {}\n", result.verdict.reason));
}

int run_at(const ExecOptions& options, const ResolvedRequest& resolved, const Standing& standing) {
  auto body = body_of(options);
  if (!body) return complain(body.error(), exit_status::no_input);
  const auto request =
      make_request(options.method, resolved.url, resolved.host, options.fields, std::move(*body));
  if (!request) return complain(request.error(), exit_status::usage);
  if (options.verify) return verify(resolved, *request, standing.descriptors, style_of_output());
  Session session(resolved, *request, options.show == ExecOptions::Show::raw, standing.descriptors);
  const int signal = session.run();
  ExecResult result = {.request = *request,
                       .record = session.record(),
                       .response = session.response(),
                       .verdict = judge(session.record(), session.response(), session.took()),
                       .took = session.took(),
                       .user = standing.user,
                       .note = standing.note};
  if (signal != 0) result.verdict = {false, "interrupted; the program was ended"};
  show(result, options.show);
  if (signal != 0) return 128 + signal;
  return result.verdict.good ? exit_status::ok : 1;
}

// The server that answers may be named.
Result<void> look_up_backend(ResolvedRequest& resolved) {
  const auto found = destination(resolved);
  if (!found || !found->location->backend) return {};
  return config::look_up_backends(resolved.config);
}

int status_of(const Error& error) {
  return error.code == EINVAL ? exit_status::usage : exit_status::no_input;
}

}  // namespace

int run(const ExecOptions& options, const config::DirectoryOptions& directory) {
  Config none;
  const auto standing = take_standing(none);
  if (!standing) return complain(standing.error(), exit_status::software);
  const auto resolved = resolve_request(options.script, options.url, directory);
  if (!resolved) return complain(resolved.error(), status_of(resolved.error()));
  return run_at(options, *resolved, *standing);
}

int run(const ExecOptions& options, Config config) {
  site::drop_access_rules(config);  // who may execute this may execute the program
  drop_error_pages(config);
  const auto standing = take_standing(config);
  if (!standing)
    return complain(standing.error(), standing.error().code == EPERM ? exit_status::permission
                                                                     : exit_status::configuration);
  if (!config.file.empty()) process::forbid_tracing();
  auto resolved = resolve_request(std::move(config), options.script, options.url);
  if (!resolved) return complain(resolved.error(), status_of(resolved.error()));
  if (const auto found = look_up_backend(*resolved); !found)
    return complain(found.error(), exit_status::unavailable);
  return run_at(options, *resolved, *standing);
}

}  // namespace cgisrv::exec

#include "exec/record.h"

#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "base/write_all.h"
#include "process/shebang.h"

namespace cgisrv::exec {

namespace {

// "502: ...": what exchange::Exchange::fail() writes.
bool tells_of_failure(std::string_view line) {
  return line.size() > 4 && std::all_of(line.begin(), line.begin() + 3, text::is_digit) &&
         line.substr(3, 2) == ": ";
}

std::string what_runs(const cgi::Script& script) {
  if (!script.interpreter.empty()) return script.interpreter + ", as configured";
  const std::string head = process::file_head(script.filename);
  return head.starts_with("#!") ? head.substr(0, head.find('\n')) : "itself";
}

}  // namespace

bool Record::is_final() const {
  return std::ranges::all_of(programs_,
                             [](const ProgramRun& program) { return program.account->is_final(); });
}

void Record::logged(log::Level level, std::string_view request_id, std::string_view text) {
  if (is_standard_error(text)) return;
  log_.emplace_back(text);
  if (!request_id.empty() && (level >= log::Level::warn || tells_of_failure(text))) failure_ = text;
}

bool Record::is_standard_error(std::string_view line) const {
  return !programs_.empty() &&
         line.starts_with(text::printable(programs_.back().script.label()) + ": stderr: ");
}

void Record::starting(const cgi::Script& script, const cgi::Environment& environment,
                      std::shared_ptr<const account::Account> account) {
  ProgramRun& program = programs_.emplace_back();
  program.script = script;
  program.runs = what_runs(script);
  const auto entries = environment.entries();
  program.environment.assign(entries.begin(), entries.end());
  std::ranges::sort(program.environment);
  program.account = std::move(account);
}

void Record::printed(std::string_view bytes) {
  programs_.back().output.add(bytes);
  if (passes_on_ && programs_.size() == 1) write_all(STDOUT_FILENO, bytes);
}

void Record::complained(std::string_view bytes) {
  programs_.back().errors.add(bytes);
  if (passes_on_ && programs_.size() == 1) write_all(STDERR_FILENO, bytes);
}

}  // namespace cgisrv::exec

#include "auth/password_file.h"

#include <fmt/format.h>

#include "auth/basic.h"
#include "auth/password_hash.h"
#include "base/text.h"

namespace cgisrv::auth {

namespace {

void read_entry(unsigned number, std::string_view line, PasswordFile& file) {
  const auto fault = [&](std::string what) { file.faults.push_back({number, std::move(what)}); };
  const auto colon = line.find(':');
  if (colon == line.npos)
    return fault("there is no colon; a line is USER:HASH, as cgisrv passwd writes it");
  const auto user = line.substr(0, colon);
  if (auto problem = check_user_name(user); !problem.empty()) return fault(std::move(problem));
  std::string_view rest = line.substr(colon + 1);
  const std::string hash(text::trim(text::take_until(rest, ':')));
  if (auto problem = check_hash(hash); !problem.empty())
    return fault(fmt::format("user {}: {}", text::escape(user, 80), problem));
  const auto [entry, added] = file.users.try_emplace(std::string(user), hash, number);
  if (!added)
    fault(fmt::format("user {} stands on line {} already; remove one", text::escape(user, 80),
                      entry->second.line));
}

// Whether the line, with or without its end, is that of the user.
bool is_line_of(std::string_view line, std::string_view user) {
  return line.size() > user.size() && line.starts_with(user) && line[user.size()] == ':';
}

// The next line with its end.
std::string_view take_line(std::string_view& rest) {
  const auto end = rest.find('\n');
  const auto line = rest.substr(0, end == rest.npos ? rest.size() : end + 1);
  rest.remove_prefix(line.size());
  return line;
}

}  // namespace

std::string check_user_name(std::string_view name) {
  if (name.empty()) return "the user is empty";
  if (name.size() > user_bytes_max)
    return fmt::format("the user has more than {} bytes", user_bytes_max);
  if (text::has_controls(name) || name.contains(':'))
    return "the user holds a colon or a control character";
  if (name.starts_with('#')) return "the user begins with #, which begins a comment";
  return {};
}

PasswordFile parse_password_file(std::string_view text) {
  PasswordFile file;
  for_each_line(text,
                [&](unsigned number, std::string_view line) { read_entry(number, line, file); });
  return file;
}

std::string with_entry(std::string_view text, std::string_view user, std::string_view hash) {
  const std::string entry = fmt::format("{}:{}\n", user, hash);
  std::string made;
  bool is_written = false;
  while (!text.empty()) {
    const auto line = take_line(text);
    if (!is_line_of(line, user)) {
      made.append(line);
    } else if (!is_written) {
      made.append(entry);
      is_written = true;
    }
  }
  if (is_written) return made;
  if (!made.empty() && !made.ends_with('\n')) made.push_back('\n');
  return made + entry;
}

std::string without_entry(std::string_view text, std::string_view user) {
  std::string made;
  while (!text.empty()) {
    const auto line = take_line(text);
    if (!is_line_of(line, user)) made.append(line);
  }
  return made;
}

}  // namespace cgisrv::auth

#include "config/value_check.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "auth/password_file.h"
#include "base/text.h"
#include "cgi/umask.h"
#include "http/method.h"
#include "http/octets.h"
#include "net/address.h"
#include "net/lookup.h"
#include "net/socket_activation.h"
#include "pattern/pattern.h"

namespace cgisrv::config {

namespace {

bool is_name_char(char c) {
  return text::is_alpha(c) || text::is_digit(c) || c == '_';
}

// Why `path` cannot be used; or an empty string, with `status` filled in.
std::string check_status(const std::string& path, struct stat& status) {
  if (::stat(path.c_str(), &status) == 0) return {};
  if (errno == ENOENT)
    return fmt::format("{} does not exist; {}", path,
                       path.contains("/~") || path.contains("/$")
                           ? "~ and $NAME stand for nothing here: write the whole path"
                           : "create it or correct the path");
  return fmt::format("cannot use {}: {}", path, errno_text(errno));
}

bool is_normal_path(std::string_view path) {
  if (!path.starts_with('/')) return false;
  return std::ranges::none_of(std::initializer_list<std::string_view>{"//", "/./", "/../"},
                              [&](std::string_view part) { return path.contains(part); });
}

}  // namespace

std::string check_user(const std::string& name) {
  if (::getpwnam(name.c_str()) != nullptr) return {};
  const auto number = text::parse_number<uid_t>(name);
  if (const auto* entry = number ? ::getpwuid(*number) : nullptr)
    return fmt::format("write the name of the user, \"{}\", not the number", entry->pw_name);
  return fmt::format("there is no user \"{}\"; create the account or name another", name);
}

std::string check_group(const std::string& name) {
  if (::getgrnam(name.c_str()) != nullptr) return {};
  return fmt::format("there is no group \"{}\"; create it or name another", name);
}

std::string check_address(const std::string& address) {
  if (address.starts_with(net::activation_prefix))
    return address.size() > net::activation_prefix.size()
               ? std::string()
               : "fd: needs the name of a socket that the service manager hands over, as in "
                 "\"fd:http\"";
  const auto parsed = net::parse_address(address);
  return parsed ? std::string() : parsed.error().what;
}

std::string check_backend(const std::string& address) {
  constexpr std::string_view unix_form = "unix:";
  if (address.starts_with('/') || address.starts_with("unix://"))
    return fmt::format("write unix:{} for the socket of that name",
                       address.substr(address.find_last_of(':') + 1)
                           .substr(address.starts_with("unix://") ? 2 : 0));
  if (address.starts_with(unix_form) && !address.substr(unix_form.size()).starts_with('/'))
    return fmt::format("{}: write the absolute path of the socket", address);
  const auto parsed = net::parse_address(address);
  if (!parsed && net::parse_host_port(address)) return {};
  if (!parsed && net::parse_host_port(address + ":9000"))
    return fmt::format("{0}: write the port too, as in {0}:9000", address);
  if (!parsed) return parsed.error().what;
  if (parsed->is_unix()) return {};
  if (parsed->port() == 0) return fmt::format("{}: a port from 1 to 65535 is needed", address);
  if (parsed->every_interface())
    return fmt::format("{}: name the host, such as 127.0.0.1:{}", address, parsed->port());
  return {};
}

std::string check_server_name(const std::string& name) {
  std::string_view rest = name;
  if (rest.starts_with("*.")) rest.remove_prefix(2);
  const bool v6 = rest.starts_with('[') && rest.ends_with(']');
  const bool good = std::ranges::all_of(rest, [&](char c) {
    return is_name_char(c) || c == '-' || c == '.' || (v6 && (c == ':' || c == '[' || c == ']'));
  });
  if (name == "_" || name == "*" || name == "default" || name == "_default_")
    return fmt::format(
        "\"{}\" is no host name; leave server_name out: the first site answers for all hosts that "
        "no site names",
        name);
  if (good && !rest.empty() && !rest.starts_with('.')) return {};
  return fmt::format(
      "{} is no host name; write \"example.org\" or \"*.example.org\", without scheme or port",
      text::escape(name));
}

std::string check_index(const std::string& name) {
  if (!name.empty() && !name.starts_with('.') && !name.contains('/')) return {};
  return fmt::format("{} is no name of a file to serve; write a name such as \"index.html\"",
                     name.empty() ? "\"\"" : name);
}

std::string check_include(const std::string& pattern) {
  return pattern.empty()
             ? "\"\" leads to no file; write a name, or a pattern such as \"conf.d/*.toml\""
             : std::string();
}

std::string check_media_type(const std::string& type) {
  const auto slash = type.find('/');
  if (slash != 0 && slash != std::string::npos && slash + 1 < type.size()) return {};
  return "write a media type such as \"text/html; charset=utf-8\"";
}

std::string check_charset(const std::string& name) {
  if (http::is_token(name)) return {};
  return "write the name of a character encoding such as \"utf-8\" or \"iso-8859-1\", or \"none\"";
}

std::string check_program_place(const std::string& path) {
  struct stat status {};
  if (auto problem = check_status(path, status); !problem.empty()) return problem;
  return S_ISREG(status.st_mode) ? std::string() : check_directory(path);
}

std::string check_directory(const std::string& path) {
  struct stat status {};
  if (auto problem = check_status(path, status); !problem.empty()) return problem;
  if (!S_ISDIR(status.st_mode)) return fmt::format("{} is not a directory", path);
  if (path == "/") return "/ would serve the whole machine; name a directory for the site";
  return {};
}

std::string check_executable(const std::string& path) {
  if (!path.starts_with('/'))
    return fmt::format("write the absolute path of the program, not {}", path);
  struct stat status {};
  const std::string program = path.substr(0, path.find(' '));
  if (program != path && ::stat(path.c_str(), &status) != 0 &&
      ::stat(program.c_str(), &status) == 0)
    return fmt::format(
        "{0} is named alone, without arguments; with them, let the files begin with #!{1}, be "
        "executable, and have cgi = true in place of interpreter",
        program, path);
  if (auto problem = check_status(path, status); !problem.empty()) return problem;
  if (!S_ISREG(status.st_mode)) return fmt::format("{} is not a file", path);
  if (::access(path.c_str(), X_OK) == 0) return {};
  return fmt::format("{} may not be executed; try chmod +x {}", path, text::shell_word(path));
}

std::string check_written_file(const std::string& path) {
  constexpr std::string_view words[] = {"stdout", "stderr", "syslog", "journal", "none", "off"};
  const std::string name = std::filesystem::path(path).filename();
  std::error_code ignored;
  if (std::ranges::find(words, name) != std::end(words) && !std::filesystem::exists(path, ignored))
    return fmt::format(
        "\"{}\" is none of the words that are allowed here, but a file that is not "
        "there; name one that ends in .log, /dev/stdout, \"stderr\", or for the access log \"off\"",
        name);
  if (path.contains("/|"))
    return "a log is not piped to a program: name a file, which logrotate moves away before cgisrv "
           "reopen, or a FIFO that the program reads";
  if (std::filesystem::is_directory(path, ignored))
    return fmt::format("{} is a directory; name a file in it", path);
  return {};
}

std::string check_umask(const std::string& mask) {
  if (cgi::parse_umask(mask)) return {};
  return "write three octal digits in quotes, such as \"027\"";
}

std::string check_socket_mode(const std::string& mode) {
  if (cgi::parse_umask(mode)) return {};  // the same notation
  return "write octal digits in quotes, such as \"0660\"";
}

std::string check_variable_name(const std::string& name) {
  if (!name.empty() && !text::is_digit(name.front()) && std::ranges::all_of(name, is_name_char))
    return {};
  return "the name of a variable holds letters, digits and '_' only and begins with no digit";
}

std::string check_field_name(const std::string& name) {
  const auto fits = [](char c) { return text::is_alpha(c) || text::is_digit(c) || c == '-'; };
  if (!name.empty() && std::ranges::all_of(name, fits)) return {};
  return "the name of a field holds letters, digits and '-' only, such as \"X-Remote-User\"";
}

std::string check_module(const std::string& name) {
  for (std::string_view rest = name; !rest.empty();) {
    const auto end = std::ranges::find_if_not(rest, is_name_char);
    const auto size = static_cast<std::size_t>(end - rest.begin());
    if (size == 0 || text::is_digit(rest.front())) break;
    rest.remove_prefix(size);
    if (rest.empty()) return {};
    rest.remove_prefix(rest.starts_with("::") ? 2 : rest.starts_with('.') ? 1 : 0);
  }
  return fmt::format(
      "\"{}\" is no name of a module; write it as in a program, \"package.module\" for Python, "
      "\"Package::Module\" for Perl",
      text::escape(name, 100));
}

std::string check_listed_user(const std::string& name) {
  const bool is_group = name.starts_with('@');
  if (is_group && name.size() == 1) return "write the name of a group after the @";
  return auth::check_user_name(is_group ? name.substr(1) : name);
}

std::string check_open_method(const std::string& method) {
  if (http::is_known_method(method)) return {};
  return fmt::format(
      "{} is no method that is known here; {}", method.empty() ? "\"\"" : text::escape(method, 100),
      http::is_miscased_method(method) ? "write it in capitals"
                                       : "write \"GET\", \"OPTIONS\" or another one");
}

Result<Match> parse_match(const std::string& text) {
  const auto is_ending = [](std::string_view word) {
    return word.starts_with('.') && word.size() > 1 && !word.contains('/') && !word.contains('*');
  };
  // Of a pattern of the shell, or of a regular expression.
  const auto is_literal = [](std::string_view word) {
    return word.find_first_of("{}[]()|,?$") == word.npos;
  };
  const std::string rest = text.substr(text.empty() ? 0 : 1);
  if (text.starts_with("~*"))
    return fail("write '~(?i){}' for any case", text::trim(text.substr(2)));
  if (text.starts_with("~ "))
    return fail("the blank would belong to the expression; write '~{}'", text::trim(rest));
  if (text.starts_with('~')) {
    auto pattern = pattern::Pattern::compile(rest);
    if (!pattern) return std::unexpected(pattern.error());
    return Match{.kind = MatchKind::regex,
                 .text = rest,
                 .pattern = std::make_shared<const pattern::Pattern>(std::move(*pattern))};
  }
  if (text.contains("*.") && !is_literal(text.substr(text.find("*."))))
    return fail(
        "an ending stands for itself; write a [[site.location]] for each, or a regular expression, "
        "'~\\.(cgi|pl)$'");
  if (text.starts_with("*.") && is_ending(rest))
    return Match{.kind = MatchKind::extension, .text = rest};
  if (text.starts_with('=') && is_normal_path(rest))
    return Match{.kind = MatchKind::exact, .text = rest};
  if (is_ending(text) && is_literal(text)) return fail("write \"*{}\"", text);
  if (!text.empty() && text::is_alpha(text.front()) && is_normal_path("/" + text))
    return fail("a path begins with a slash: write \"/{}\"", text);
  if (!is_normal_path(text))
    return fail("write \"/prefix/\", \"/prefix/*.ext\", \"=/exact\", \"*.ext\" or \"~regex\"");
  const auto star = text.find('*');
  const std::string prefix = text.substr(0, star);
  if (star == std::string::npos && text.ends_with('/'))
    return Match{.kind = MatchKind::prefix, .text = text};
  if (star == std::string::npos)
    return fail("write \"{}/\" for everything below, or \"={}\" for that path alone", text, text);
  const std::string ending = text.substr(star + 1);
  if (prefix.ends_with('/') && is_ending(ending))
    return Match{.kind = MatchKind::prefix_ending, .text = prefix, .ending = ending};
  return fail("a star stands between a prefix and an ending only, as in \"/prefix/*.ext\"");
}

std::string format_match(const Match& match) {
  switch (match.kind) {
    case MatchKind::exact:
      return "=" + match.text;
    case MatchKind::prefix:
      return match.text;
    case MatchKind::extension:
      return "*" + match.text;
    case MatchKind::prefix_ending:
      return match.text + "*" + match.ending;
    case MatchKind::regex:
      return "~" + match.text;
  }
  return match.text;
}

}  // namespace cgisrv::config

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "config/value_check.h"
#include "http/octets.h"
#include "http/target.h"
#include "site/locate_steps.h"

namespace cgisrv::site {

namespace {

using config::Attempt;

// What stands plain of what a request has contributed to a URL. In a query, what separates its
// fields does not.
constexpr http::ByteSet plain_in_query = http::alphanumeric.with("-._~");
constexpr http::ByteSet plain_in_path = plain_in_query.with("/:@");

// What follows the prefix of a location, with the slash before it; empty if there is nothing, or
// no prefix.
std::string rest_of(const Route& route, const http::Path& path) {
  const config::Match& match = route.location.match;
  if (!match.has_prefix() || path.text.size() <= match.text.size()) return {};
  return path.text.substr(match.text.size() - 1);
}

// The path that a step of `try` names for this request; nothing if the request made no path of it.
std::optional<http::Path> path_of(const Attempt& attempt, const Route& route,
                                  const http::Path& path) {
  std::string made = attempt.path.replace(
      [&](std::string_view name, std::string_view) { return value_of(route, path.text, name); });
  if (!made.starts_with('/') || !is_safe(made)) return std::nullopt;
  return http::plain_path(std::move(made));
}

bool is_answer(const Located& found) {
  return found.kind == Located::Kind::program || found.kind == Located::Kind::file;
}

// What is there but not to be had answers too: 403 is no reason to try the next step.
bool is_refusal(const Located& found) {
  return found.kind == Located::Kind::error && found.status != 404;
}

// The step "file" is for programs and files, the step "directory" for all else that is there.
bool fits(const Attempt& attempt, const Located& found, const http::Path& path) {
  if (is_refusal(found)) return true;
  if (found.kind == Located::Kind::error) return false;
  const bool is_file = is_answer(found) && !path.text.ends_with('/');
  return is_file == (attempt.kind == Attempt::Kind::file);
}

// A program gets the rest of the path, unless the step says itself what it gets.
std::optional<Located> locate_path(const Within& in, const Attempt& attempt, const Route& route,
                                   const http::Path& path) {
  const auto aim = path_of(attempt, route, path);
  if (!aim) return std::nullopt;
  Located found = locate_in(in, *aim);
  if (!is_answer(found) && !is_refusal(found)) return std::nullopt;
  found.tried = aim->text;
  if (found.kind != Located::Kind::program) return found;
  found.query = attempt.query.replace([&](std::string_view name, std::string_view) {
    return http::encode(value_of(route, path.text, name), plain_in_query);
  });
  const bool says_itself = attempt.path.has_names() || !attempt.query.empty();
  const std::string rest = says_itself ? std::string() : rest_of(route, path);
  if (rest.size() > 1) set_path_info(in.site, found.script, found.script.path_info + rest);
  return found;
}

std::string_view text_of(const Attempt& attempt) {
  constexpr std::string_view words[] = {"file", "directory"};
  return attempt.kind == Attempt::Kind::path ? std::string_view(attempt.path.text())
                                             : words[static_cast<std::size_t>(attempt.kind)];
}

}  // namespace

Located locate_attempts(const Within& in, const Route& route, const http::Path& path) {
  const Within within{.config = in.config,
                      .site = in.site,
                      .visitor = in.visitor,
                      .trace = in.trace,
                      .without_try = true,
                      .is_attempt = true,
                      .look = in.look};
  for (const Attempt& attempt : route.location.attempts) {
    in.note(Step::Kind::attempt, &route.location, text_of(attempt));
    if (attempt.kind == Attempt::Kind::path) {
      if (auto found = locate_path(within, attempt, route, path)) return std::move(*found);
      continue;
    }
    Located found = locate_in(within, path);
    if (fits(attempt, found, path)) return found;
  }
  return refuse(route.location, 404,
                fmt::format("nothing that location {} tries is there for {}",
                            config::format_match(route.location.match), path.text));
}

Located locate_redirect(const Route& route, const http::Path& path) {
  const config::Redirect& redirect = route.location.redirect;
  std::string url = redirect.to.replace([&](std::string_view name, std::string_view before) {
    std::string value = value_of(route, path.text, name);
    // A second slash would make a host of what follows.
    if (before == "/") value.erase(0, std::min(value.find_first_not_of('/'), value.size()));
    return http::encode(value, before.contains('?') ? plain_in_query : plain_in_path);
  });
  const bool is_whole = redirect.to.has_names() || url.find_first_of("?#") != url.npos;
  if (const std::string rest = rest_of(route, path); !is_whole && !rest.empty()) {
    if (url.ends_with('/')) url.pop_back();
    url.append("/");
    url.append(http::encode(rest.substr(std::min(rest.find_first_not_of('/'), rest.size())),
                            plain_in_path));
  }
  return {.kind = Located::Kind::redirect,
          .location = &route.location,
          .redirect = std::move(url),
          .status = redirect.status};
}

}  // namespace cgisrv::site

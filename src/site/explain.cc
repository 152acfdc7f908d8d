#include "site/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/text.h"
#include "config/value_check.h"
#include "site/access_rules.h"
#include "site/locate.h"
#include "site/trace.h"

namespace cgisrv::site {

namespace {

using config::KeyLines;

// Where the first of the keys stands that is there; null: none of them is.
const config::KeyLine* line_of(const KeyLines& lines,
                               std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys)
    for (const config::KeyLine& each : lines)
      if (each.key == key) return &each;
  return nullptr;
}

class Page {
 public:
  explicit Page(const config::Config& config) : config_(config) {}

  template <typename... Args>
  void add(const config::KeyLine* at, fmt::format_string<Args...> format, Args&&... args) {
    if (at != nullptr)
      fmt::format_to(std::back_inserter(text_),
                     "{}:{}: ", at->file.empty() ? config_.file : at->file, at->line);
    text_.append(text::printable(fmt::format(format, std::forward<Args>(args)...))).append("\n");
  }
  std::string take() && { return std::move(text_); }

 private:
  const config::Config& config_;
  std::string text_;
};

std::string host_of(std::string_view& url) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!url.starts_with(scheme)) continue;
    url.remove_prefix(scheme.size());
    const auto end = std::min(url.find_first_of("/?"), url.size());
    const auto authority = http::parse_authority(url.substr(0, end));
    std::string host(authority ? authority->host : url.substr(0, end));
    url.remove_prefix(end);
    return host;
  }
  return {};
}

void add_site(Page& page, const config::Site& site, const std::string& host) {
  const auto name = std::ranges::find_if(
      site.server_name, [&](const std::string& each) { return host_matches(each, host); });
  if (host.empty())
    page.add(line_of(site.lines, {""}), "the first site answers, as the URL has no host");
  else if (name != site.server_name.end())
    page.add(line_of(site.lines, {"server_name"}), "the site {} answers for {}", *name, host);
  else
    page.add(line_of(site.lines, {""}), "the first site answers, as none has the name {}", host);
}

std::string_view why(Rank rank, const config::Location& location) {
  switch (rank) {
    case Rank::exact:
      return "it is that path exactly";
    case Rank::denying_regex:
      return "a regular expression that denies goes before all but exact paths";
    case Rank::deciding_prefix:
      return location.match.kind == config::MatchKind::prefix
                 ? "it is the longest prefix that says what answers"
                 : "it is the longest prefix, and has the ending";
    case Rank::ending:
      return "it is the first and longest ending";
    case Rank::regex:
      return "it is the first regular expression that matches";
    case Rank::prefix:
      return "it is the longest prefix, and nothing else matches";
    case Rank::none:
      break;
  }
  return "";
}

void add_step(Page& page, const config::Site& site, const Step& step) {
  const config::Location& location = *step.location;
  if (&location == &site.fallback && step.kind == Step::Kind::answers)
    return page.add(line_of(site.lines, {""}), "{}: no location matches; the site itself answers",
                    step.text);
  const std::string match = config::format_match(location.match);
  const auto line = [&](std::string_view key) { return line_of(location.lines, {key, ""}); };
  switch (step.kind) {
    case Step::Kind::answers:
      return page.add(line("match"), "{}: location {} answers: {}", step.text, match,
                      why(step.rank, location));
    case Step::Kind::passed_over:
      return page.add(line("match"), "  location {} matches too, and comes after it", match);
    case Step::Kind::files:
      return page.add(line("files"), "  files of {}: {}", match, step.text);
    case Step::Kind::attempt:
      return page.add(line("try"), "  try \"{}\"", step.text);
    case Step::Kind::index:
      return page.add(line_of(&location == &site.fallback ? site.lines : location.lines, {"index"}),
                      "  index {}", step.text);
    case Step::Kind::denied:
      return page.add(line("deny"), "  location {} denies {}", match, step.text);
  }
}

constexpr std::string_view of_files = "GET, HEAD and OPTIONS; others are 405";

void add_program(Page& page, const Located& located) {
  const cgi::Script& script = located.script;
  page.add(line_of(located.location->lines, {"cgi", "interpreter"}), "runs {}{}", script.filename,
           script.interpreter.empty() ? "" : " by " + script.interpreter);
  const std::pair<const char*, const std::string&> variables[] = {
      {"SCRIPT_NAME", script.name},
      {"PATH_INFO", script.path_info},
      {"PATH_TRANSLATED", script.translated},
      {"QUERY_STRING", located.query},
      {"umask", located.location->cgi.umask}};
  for (const auto& [name, value] : variables)
    if (!value.empty()) page.add(nullptr, "  {} = {}", name, value);
  page.add(nullptr, "  methods: all but CONNECT and TRACE, which are 405");
}

void add_answer(Page& page, const Located& located) {
  const KeyLines& lines = located.location->lines;
  switch (located.kind) {
    case Located::Kind::program:
      return add_program(page, located);
    case Located::Kind::file:
      page.add(nullptr, "sends {}", located.file);
      return page.add(nullptr, "  methods: {}", of_files);
    case Located::Kind::listing:
      page.add(nullptr, "lists {}", located.file);
      return page.add(nullptr, "  methods: {}", of_files);
    case Located::Kind::slash:
      return page.add(nullptr, "301 to {}; 308 for other methods, if a program answers there",
                      located.redirect);
    case Located::Kind::redirect:
      return page.add(line_of(lines, {"redirect"}), "{} to {}, for all methods but TRACE",
                      located.status, located.redirect);
    case Located::Kind::error:
      return page.add(line_of(lines, {"deny"}), "{}: {}", located.status, located.problem);
  }
}

}  // namespace

std::string explain(const config::Config& config, std::string_view url) {
  Page page(config);
  page.add(nullptr, "{}", url);
  const std::string host = host_of(url);
  const config::Site& site = find_site(config, host);
  add_site(page, site, host);
  const std::string_view raw = url.substr(0, url.find_first_of("?#"));
  const auto path = http::decode_path(raw.empty() ? "/" : raw);
  if (!path) {
    page.add(nullptr, "400: the path {} is broken or leads out of the site", raw);
    return std::move(page).take();
  }
  const auto visitor = access::Peer{.kind = access::Peer::Kind::unix_socket, .is_local = true};
  Trace trace;
  const Located located = locate(config, site, *path, visitor, &trace);
  for (const Step& step : trace)
    add_step(page, site, step);
  if (!located.is_kept_out)
    for (const auth::Options* rule : password_rules_for(config, site, *path, located))
      page.add(nullptr, "a password is asked for first: realm \"{}\"", rule->realm);
  add_answer(page, located);
  return std::move(page).take();
}

}  // namespace cgisrv::site

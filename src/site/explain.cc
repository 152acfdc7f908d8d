#include "site/explain.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "base/text.h"
#include "base/tree.h"
#include "config/config.h"
#include "config/key_lines.h"
#include "config/parameters.h"
#include "config/value_check.h"
#include "encoding/coding.h"
#include "files/encoded_file.h"
#include "http/redirect.h"
#include "site/access_rules.h"
#include "site/error_page.h"
#include "site/locate.h"
#include "site/named_program.h"
#include "site/stand_in.h"
#include "site/trace.h"

namespace cgisrv::site {

namespace {

using config::find_line;
using config::KeyLines;

class Page {
 public:
  explicit Page(const config::Config& config) : config_(config) {}

  template <typename... Args>
  void add(const config::KeyLine* at, fmt::format_string<Args...> format, Args&&... args) {
    text_.append(config::place_text(config_, at))
        .append(text::printable(fmt::format(format, std::forward<Args>(args)...)))
        .append("\n");
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
    page.add(find_line(site.lines, {""}), "the first site answers, as the URL has no host");
  else if (name != site.server_name.end())
    page.add(find_line(site.lines, {"server_name"}), "the site {} answers for {}", *name, host);
  else
    page.add(find_line(site.lines, {""}), "the first site answers, as none has the name {}", host);
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

// Where a site, or a location of it, has its keys.
const KeyLines& lines_of(const config::Site& site, const config::Location* location) {
  const bool is_site = location == nullptr || location == &site.fallback;
  return is_site ? site.lines : location->lines;
}

void add_step(Page& page, const config::Site& site, const Step& step) {
  if (step.kind == Step::Kind::allow)
    return page.add(find_line(lines_of(*step.site, step.location), {"allow", ""}),
                    "  allow = {} of {} is asked", step.text, title_of(*step.site, step.location));
  const config::Location& location = *step.location;
  if (&location == &site.fallback && step.kind == Step::Kind::answers)
    return page.add(find_line(site.lines, {""}), "{}: no location matches; the site itself answers",
                    step.text);
  const std::string match = config::format_match(location.match);
  const auto line = [&](std::string_view key) { return find_line(location.lines, {key, ""}); };
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
      return page.add(find_line(lines_of(site, &location), {"index"}), "  index {}", step.text);
    case Step::Kind::denied:
      return page.add(line("deny"), "  location {} denies {}", match, step.text);
    case Step::Kind::allow:
      break;
  }
}

// A rule of access is asked for the folder and for its index: it is named once.
void add_steps(Page& page, const config::Site& site, const Trace& trace) {
  std::set<std::pair<const config::Site*, const config::Location*>> named;
  for (const Step& step : trace)
    if (step.kind != Step::Kind::allow || named.emplace(step.site, step.location).second)
      add_step(page, site, step);
}

// Where a rule of passwords stands.
Rule place_of(const config::Config& config, const auth::Options& rule) {
  const auto is_it = [&](const config::AccessRules& rules) {
    return rules.auth && &*rules.auth == &rule;
  };
  for (const config::Site& site : config.sites) {
    if (is_it(site.access)) return {&site, nullptr, &site.access};
    for (const config::Location& location : site.locations)
      if (is_it(location.access)) return {&site, &location, &location.access};
  }
  return {};
}

// Returns whether the client may be asked.
bool add_password_rule(Page& page, const config::Config& config, const auth::Options& rule,
                       const access::Peer& client, std::string_view method) {
  const Rule place = place_of(config, rule);
  const auto* const line = find_line(lines_of(*place.site, place.location), {"auth", ""});
  const std::string whose = title_of(*place.site, place.location);
  if (rule.open_to.contains(client)) {
    page.add(line, "no password is asked for: open_to = {} in auth of {} has {}",
             rule.open_to.text(), whose, client.text());
    return false;
  }
  if (!method.empty() && !rule.asks(client, method)) {
    page.add(line, "no password is asked for: open_methods in auth of {} has {}", whose,
             fmt::join(rule.open_methods, " and "));
    return false;
  }
  const bool has_exceptions = method.empty() && !rule.open_methods.empty();
  const std::string_view but = has_exceptions ? ", but not for " : "";
  const std::string methods =
      has_exceptions ? fmt::to_string(fmt::join(rule.open_methods, " and ")) : "";
  if (rule.has_passwords())
    page.add(line, "a password is asked for first{}{}: realm \"{}\", by auth of {}{}", but, methods,
             rule.realm, whose,
             rule.certificate != auth::Certificate::none ? "; a certificate does as well" : "");
  else
    page.add(line, "a certificate is asked for first{}{}, by auth of {}", but, methods, whose);
  return true;
}

// The keys of a section that are set for a location: by `own` lines, or else by those for all.
void add_settings(Page& page, const config::Section& section, const void* owner,
                  const KeyLines& own, const KeyLines& for_all, const std::string& prefix = {}) {
  for (const config::Parameter& parameter : section.parameters) {
    const auto* const here = find_line(own, {parameter.key});
    const auto* const there = find_line(for_all, {parameter.key});
    if (here == nullptr && there == nullptr) continue;
    if (parameter.kind.inside == nullptr)
      page.add(here != nullptr ? here : there, "  {}{} = {}", prefix, parameter.key,
               parameter.format(owner));
    else
      add_settings(page, *parameter.kind.inside, parameter.find(owner),
                   here != nullptr ? here->inside : KeyLines(),
                   there != nullptr ? there->inside : KeyLines(),
                   fmt::format("{}{}.", prefix, parameter.key));
  }
}

constexpr std::string_view of_files = "GET, HEAD and OPTIONS; others are 405";

void add_program(Page& page, const config::Config& config, const Located& located) {
  const cgi::Script& script = located.script;
  const backend::Target& target = located.location->backend;
  const std::string by =
      target ? fmt::format(" by the {} server {}", name_of(target.protocol), target.address)
      : script.interpreter.empty() ? std::string()
                                   : " by " + script.interpreter;
  const auto* const line =
      find_line(located.location->lines, {"cgi", "interpreter", "fastcgi", "scgi"});
  if (located.location->is_all_passed())
    page.add(line, "is passed{}", by.substr(by.find(" the "), by.npos).insert(0, " to"));
  else
    page.add(line, "runs {}{}", script.filename, by);
  const std::pair<const char*, const std::string&> variables[] = {
      {"SCRIPT_NAME", script.name},
      {"PATH_INFO", script.path_info},
      {"PATH_TRANSLATED", script.translated},
      {"QUERY_STRING", located.query}};
  for (const auto& [name, value] : variables)
    if (!value.empty()) page.add(nullptr, "  {} = {}", name, value);
  page.add(nullptr, "  methods: all but CONNECT and TRACE, which are 405");
  add_settings(page, config::cgi_section(), &located.location->cgi, located.location->lines,
               config.cgi_lines);
}

// `query`: of the URL, with its question mark; it goes along.
std::string redirect_of(const Located& located, std::string_view query) {
  return query.empty() ? located.redirect : http::with_query(located.redirect, query.substr(1));
}

void add_answer(Page& page, const config::Config& config, const Located& located,
                std::string_view query) {
  const KeyLines& lines = located.location->lines;
  switch (located.kind) {
    case Located::Kind::program:
      return add_program(page, config, located);
    case Located::Kind::file:
      page.add(nullptr, "sends {}", located.file);
      return page.add(nullptr, "  methods: {}", of_files);
    case Located::Kind::listing:
      page.add(nullptr, "lists {}", located.file);
      return page.add(nullptr, "  methods: {}", of_files);
    case Located::Kind::slash:
      return page.add(nullptr, "301 to {}; 308 for other methods, if a program answers there",
                      redirect_of(located, query));
    case Located::Kind::redirect:
      return page.add(find_line(lines, {"redirect"}), "{} to {}, for all methods but TRACE",
                      located.status, redirect_of(located, query));
    case Located::Kind::error:
      return page.add(find_line(lines, {"deny"}), "{}: {}", located.status, located.problem);
  }
}

// The page of the site that answers in place of the server's own, if one does.
std::optional<Located> add_error_page(Page& page, const config::Config& config,
                                      const config::Site& site, const config::Location& location,
                                      const access::Peer& client, int status) {
  const auto& pages = location.answers.error_pages;
  const std::string_view path = error_page_for(pages, status);
  const auto decoded = http::decode_path(path.substr(0, path.find('?')));
  if (path.empty() || !decoded) return std::nullopt;
  const bool is_own = error_page_for(site.fallback.answers.error_pages, status) != path;
  const auto* const line = find_line(lines_of(site, is_own ? &location : nullptr), {"error_pages"});
  Located found = locate(config, site, *decoded, client);
  const std::string problem = why_no_error_page(found);
  if (problem.empty())
    page.add(line, "  {} is answered by the page {}", status, path);
  else
    page.add(line, "  {} would be answered by the page {}, but {}", status, path, problem);
  return problem.empty() ? std::optional(std::move(found)) : std::nullopt;
}

// What changes each answer of a location.
void add_fields(Page& page, const config::Site& site, const config::Location& location) {
  using Kind = config::FieldRule::Kind;
  const auto& of_site = site.fallback.answers.fields;
  for (const config::FieldRule& rule : location.answers.fields) {
    const bool is_of_site = std::ranges::find(of_site, rule) != of_site.end();
    const auto* const line =
        find_line(lines_of(site, is_of_site ? nullptr : &location), {"headers"});
    if (rule.kind == Kind::remove)
      page.add(line, "  header {} is removed", rule.name);
    else
      page.add(line, "  header {}: {} is {}", rule.name, rule.value,
               rule.kind == Kind::set ? "set" : "added");
  }
}

// What some clients get in place of the bytes as they are.
void add_compression(Page& page, const config::Config& config, const config::Site& site,
                     const http::Path& path, const Located& located, const access::Peer& client) {
  using Kind = Located::Kind;
  const config::Location& location = *located.location;
  const bool has_content =
      located.kind == Kind::program || located.kind == Kind::file || located.kind == Kind::listing;
  if (!location.answers.compress || !has_content) return;
  const auto* const own = find_line(location.lines, {"compress"});
  page.add(own != nullptr ? own : find_line(site.lines, {"compress"}),
           "  is compressed for clients that take it, if it is text or like it");
  struct stat status {};
  const Tree tree{located.tree, location.links};
  if (located.kind != Kind::file || tree.examine(located.file, status) != 0) return;
  const auto given = password_rules_for(config, site, path, located);
  for (const encoding::Coding coding : encoding::smallest_first) {
    const auto ending = encoding::ending_of(coding);
    auto beside = files::find_encoded(tree, located.file, status, coding);
    if (beside && may_stand_in(config, {site, path, located, given, client}, ending, *beside))
      page.add(nullptr, "  {}{} is there for those that take {}", located.file, ending,
               encoding::name_of(coding));
  }
}

// Who is asked for a password, what answers, and what becomes of a refusal.
void add_outcome(Page& page, const config::Config& config, const config::Site& site,
                 const http::Path& path, std::string_view query, const Located& located,
                 const Trace& trace, const access::Peer& client, std::string_view method) {
  std::set<int> refusals;
  if (std::ranges::count(trace, Step::Kind::allow, &Step::kind) > 0) refusals.insert(403);
  if (!located.is_kept_out)
    for (const auth::Options* rule : password_rules_for(config, site, path, located))
      if (add_password_rule(page, config, *rule, client, method)) refusals.insert(401);
  add_answer(page, config, located, query);
  add_compression(page, config, site, path, located, client);
  const config::Location* answering = located.location;
  if (located.kind == Located::Kind::error) refusals.insert(located.status);
  for (const int status : refusals) {
    const auto found = add_error_page(page, config, site, *located.location, client, status);
    if (found && located.kind == Located::Kind::error && status == located.status)
      answering = found->location;
  }
  add_fields(page, site, *answering);
}

// At a listener of web servers the program is the one that they name, whatever the path leads to.
void add_gateways(Page& page, const config::Config& config, const Located& located) {
  for (const config::ListenerOptions& listen : config.listen) {
    if (!listen.is_gateway()) continue;
    const auto& programs = listen.programs;
    page.add(find_line(listen.lines, {"programs", "address"}),
             "at {} a web server names the program (SCRIPT_FILENAME): {}", listen.address,
             programs.empty()
                 ? std::string("one that a location of this site runs")
                 : fmt::format("one of programs = [\"{}\"], or of a location with cgi = "
                               "\"PATH\"",
                               fmt::join(programs, "\", \"")));
    const config::Location& location = *located.location;
    if (located.kind != Located::Kind::program || location.backend) continue;
    const bool may_be_named = programs.empty() || location.names_program() ||
                              is_among(programs, real_path(located.script.filename));
    page.add(nullptr, "  {} {}", located.script.filename,
             may_be_named ? "is such a one" : "is none of these: 403 if it is named");
  }
}

}  // namespace

access::Peer administrator_of(const config::Config& config) {
  const bool has_unix = std::ranges::any_of(config.listen, [](const config::ListenerOptions& each) {
    return each.address.starts_with("unix:");
  });
  const auto loopback = access::Peer::parse("local");
  return has_unix || !loopback ? access::Peer::local() : *loopback;
}

std::string why_no_url(const config::Config& config, std::string_view text) {
  const std::string shown = text::printable(text, 200);
  const auto scheme = text.find("://");
  if (text.starts_with("http://") || text.starts_with("https://") || text.find_first_of("/?") == 0)
    return {};
  if (scheme < text.find_first_of("/?"))
    return fmt::format("{} is no URL of this server; write http{}", shown,
                       text::printable(text.substr(scheme), 200));
  const std::string_view segment = text.substr(0, text.find_first_of("/?"));
  const auto authority = http::parse_authority(segment);
  const std::string host(authority ? authority->host : segment);
  const bool may_be_host =
      segment.find_first_of(".:") != segment.npos ||
      std::ranges::any_of(config.sites, [&](const config::Site& site) {
        return std::ranges::any_of(
            site.server_name, [&](const std::string& name) { return host_matches(name, host); });
      });
  return may_be_host
             ? fmt::format("{0} is no URL; write http://{0}, or /{0} for a path of the first site",
                           shown)
             : fmt::format("{0} is no URL; write /{0}", shown);
}

std::string explain(const config::Config& config, std::string_view url, const access::Peer& client,
                    std::string_view method) {
  Page page(config);
  page.add(nullptr, "{}", url);
  const bool is_https = url.starts_with("https:");
  const std::string host = host_of(url);
  const config::Site& site = find_site(config, host);
  add_site(page, site, host);
  if (site.redirect_to_https && !is_https)
    page.add(find_line(site.lines, {"redirect_to_https"}),
             "  asked in the clear, the client is sent to https first");
  url = url.substr(0, url.find('#'));
  const std::string_view raw = url.substr(0, url.find('?'));
  const auto path = http::decode_path(raw.empty() ? "/" : raw);
  if (!path) {
    page.add(nullptr, "400: the path {} is broken or leads out of the site", raw);
    return std::move(page).take();
  }
  Trace trace;
  const Located located = locate(config, site, *path, client, &trace);
  add_steps(page, site, trace);
  add_outcome(page, config, site, *path, url.substr(raw.size()), located, trace, client, method);
  add_gateways(page, config, located);
  return std::move(page).take();
}

}  // namespace cgisrv::site

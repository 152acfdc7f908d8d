#include "site/htaccess_notes.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

#include "base/regular_file.h"
#include "base/text.h"
#include "config/config.h"
#include "site/access_rules.h"
#include "site/router.h"

namespace cgisrv::site {

namespace {

constexpr unsigned htaccess_entries_max = 20'000;  // of all folders of a site together
constexpr unsigned htaccess_notes_max = 5;         // of a site
constexpr std::size_t htaccess_size_max = 64 * 1024;

struct Folder {
  std::string name;
  std::string path;  // of its URL, with a slash at its end
};

// A line of a .htaccess file that would have an effect.
struct Directive {
  std::string line;
  bool closes = false;  // keeps clients out
};

bool begins_with(std::string_view line, std::string_view word) {
  return line.size() >= word.size() &&
         text::equals_ignoring_case(line.substr(0, word.size()), word);
}

bool closes_a_folder(std::string_view line) {
  if (begins_with(line, "Require all granted") || begins_with(line, "Require method")) return false;
  constexpr std::string_view words[] = {"Deny from", "Require ", "AuthUserFile ", "AuthType "};
  return std::ranges::any_of(words, [&](auto word) { return begins_with(line, word); });
}

// The first that closes the folder, else the first of all.
std::optional<Directive> telling_directive(const std::string& file) {
  const auto text = read_regular(file, htaccess_size_max);
  if (!text) return std::nullopt;
  std::optional<Directive> first;
  for (std::string_view rest = *text; !rest.empty();) {
    const auto line = text::trim(text::take_until(rest, '\n'));
    if (line.empty() || line.starts_with('#') || line.starts_with('<')) continue;
    if (closes_a_folder(line)) return Directive{std::string(line), true};
    if (!first) first = Directive{std::string(line), false};
  }
  return first;
}

// Whether the configuration says itself who gets what is in the folder; of other directives,
// whether it has a location for just that folder.
bool is_replaced(const config::Site& site, const Folder& folder, const Directive& directive) {
  const bool has_location = std::ranges::any_of(site.locations, [&](const config::Location& each) {
    return each.match.kind == config::MatchKind::prefix && each.match.text == folder.path;
  });
  if (!directive.closes) return has_location;
  const http::Path path = http::plain_path(folder.path + "x");
  const config::Location& answers = find_route(site, path).location;
  return answers.deny != config::Deny::no || !answers.path.empty() ||
         !rules_for(site, path, has_allow).empty() || !rules_for(site, path, has_auth).empty();
}

std::string sentence_on(const std::string& file, const Folder& folder, const Directive& directive) {
  return fmt::format(
      "{} is not read, and \"{}\" in it has no effect{}: say it in a [[site.location]] with match "
      "= "
      "\"{}\"{}",
      text::escape(file, 200), text::escape(directive.line, 60),
      directive.closes ? ", so that everybody gets what is there" : "",
      text::escape(folder.path, 100),
      directive.closes ? ", by allow = [] for nobody, or by auth"
                       : "; docs/from-apache.md has how");
}

// Folders nearest to the root come first.
void note_below(const config::Site& site, Folder root, unsigned& entries,
                std::vector<std::string>& sentences) {
  std::deque<Folder> folders;
  folders.push_back(std::move(root));
  for (; !folders.empty(); folders.pop_front()) {
    const Folder folder = folders.front();
    std::error_code failed;
    for (std::filesystem::directory_iterator at(folder.name, failed), end;
         !failed && at != end && entries < htaccess_entries_max; at.increment(failed), ++entries) {
      const std::string name = at->path().filename().string();
      std::error_code unknown;
      if (name == ".htaccess") {
        const auto directive = telling_directive(at->path());
        if (directive && !is_replaced(site, folder, *directive))
          sentences.push_back(sentence_on(at->path(), folder, *directive));
      } else if (!name.starts_with('.') && !at->is_symlink(unknown) && at->is_directory(unknown)) {
        folders.push_back({at->path(), folder.path + name + '/'});
      }
    }
  }
}

}  // namespace

void note_htaccess(const config::Config& config, std::vector<std::string>& notes) {
  for (const config::Site& site : config.sites) {
    std::vector<std::string> sentences;
    unsigned entries = 0;
    note_below(site, {site.root, "/"}, entries, sentences);
    for (const config::Location& location : site.locations)
      if (location.match.kind == config::MatchKind::prefix && !location.files.empty())
        note_below(site, {location.files, location.match.text}, entries, sentences);
    const std::size_t shown = std::min<std::size_t>(sentences.size(), htaccess_notes_max);
    notes.insert(notes.end(), sentences.begin(), sentences.begin() + static_cast<long>(shown));
    if (sentences.size() > shown)
      notes.push_back(fmt::format("below {} are {} more such .htaccess files",
                                  text::escape(site.root, 200), sentences.size() - shown));
  }
}

}  // namespace cgisrv::site

#include "config/include.h"

#include <glob.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/regular_file.h"
#include "base/text.h"
#include "config/codec.h"

namespace cgisrv::config {

namespace {

constexpr std::size_t file_bytes_max = 16 * 1024 * 1024;
constexpr std::size_t files_max = 1000;
constexpr unsigned depth_max = 8;
constexpr std::string_view include_key = "include";

// What a file stands in the place of.
enum class Context { whole_file, site };

// Sorted, as glob(3) does it.
std::vector<std::string> files_of(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> files;
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0)
    files.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  ::globfree(&found);
  return files;
}

bool is_pattern(std::string_view text) {
  return text.find_first_of("*?[") != std::string_view::npos;
}

bool is_list_of_tables(const Value& value) {
  const auto* const list = value.as<Value::List>();
  return list != nullptr && std::ranges::all_of(*list, [](const Value& each) {
           return each.as<Value::Table>() != nullptr;
         });
}

// The whole text of a file, or why it cannot be read.
std::expected<std::string, ConfigError> read_text(const std::string& file) {
  const auto fault = [&](const std::string& what) {
    return std::unexpected(ConfigError{file, 0, 0, what});
  };
  std::error_code ignored;
  if (std::filesystem::is_directory(file, ignored))
    return fault(fmt::format("this is a directory; to serve it: cgisrv {}", file));
  auto text = read_regular(file, file_bytes_max);
  if (!text) return fault("cannot read the configuration: " + text.error().what);
  return std::move(*text);
}

class Joiner {
 public:
  explicit Joiner(Faults& faults) : faults_(faults) {}

  // What `table` and its sites include; `file` is where it stands.
  void expand(Value& table, const std::string& file, Context context, unsigned depth) {
    if (context == Context::whole_file)
      if (auto* const sites = list_of_tables(table, "site"))
        for (Value& site : *sites)
          expand(site, file, Context::site, depth);
    const Value* const named = table.find(include_key);
    if (named == nullptr || named->as<Value::List>() == nullptr) return;
    const Value::List patterns = *named->as<Value::List>();
    for (const Value& pattern : patterns)
      if (const auto* const text = pattern.as<std::string>())
        for (const std::string& each :
             existing(absolute_path(folder_of(file), *text), pattern.at, depth))
          join(table, load(each, context, depth + 1));
  }

  Included take() && { return std::move(included_); }

 private:
  static Value::List* list_of_tables(Value& table, std::string_view key) {
    const Value* const found = table.find(key);
    if (found == nullptr || !is_list_of_tables(*found)) return nullptr;
    return &std::get<Value::List>(const_cast<Value*>(found)->data);
  }

  std::vector<std::string> existing(const std::string& pattern, const Position& at,
                                    unsigned depth) {
    auto files = files_of(pattern);
    if (files.empty() && is_pattern(pattern))
      included_.empty.push_back(
          ConfigError{at.file ? *at.file : std::string(), at.line, at.column,
                      fmt::format("'include': {} leads to no file", text::printable(pattern))}
              .text());
    else if (files.empty())
      faults_.add(at,
                  "'include': there is no file {}; only a pattern, such as \"conf.d/*.toml\", may "
                  "lead to none",
                  text::printable(pattern));
    if (depth < depth_max && included_.files.size() + files.size() <= files_max) return files;
    faults_.add(at,
                "'include': more than {} files, or one inside the other more than {} deep; does a "
                "file include itself?",
                files_max, depth_max);
    return {};
  }

  Value load(const std::string& file, Context context, unsigned depth) {
    included_.files.push_back(file);
    auto document = read_document(file);
    if (!document) {
      faults_.add(std::move(document).error());
      return {};
    }
    refuse_wrong_context(*document, context);
    expand(*document, file, context, depth);
    return std::move(*document);
  }

  // Reports and removes it.
  void refuse_wrong_context(Value& document, Context context) {
    auto& entries = std::get<Value::Table>(document.data);
    const bool in_site = context == Context::site;
    const auto wrong = std::ranges::find(entries, in_site ? "site" : "location", &KeyValue::key);
    if (wrong == entries.end()) return;
    if (in_site)
      faults_.add(wrong->at,
                  "a [[site]] includes this file: write [[location]] in it, in place of "
                  "[[site.location]]");
    else
      faults_.add(wrong->at,
                  "no [[site]] includes this file: write [[site]] and [[site.location]], or let a "
                  "[[site]] include it");
    entries.erase(wrong);
  }

  void join(Value& table, Value included) {
    auto* const entries = std::get_if<Value::Table>(&included.data);
    if (entries == nullptr) return;
    for (KeyValue& entry : *entries)
      if (entry.key != include_key) join_entry(table, std::move(entry));
  }

  void join_entry(Value& table, KeyValue entry) {
    auto& entries = std::get<Value::Table>(table.data);
    const auto known = std::ranges::find(entries, entry.key, &KeyValue::key);
    if (known == entries.end()) {
      entries.push_back(std::move(entry));
    } else if (is_list_of_tables(known->value) && is_list_of_tables(entry.value)) {
      auto& list = std::get<Value::List>(known->value.data);
      std::ranges::move(std::get<Value::List>(entry.value.data), std::back_inserter(list));
    } else if (known->value.as<Value::Table>() != nullptr &&
               entry.value.as<Value::Table>() != nullptr) {
      join(known->value, std::move(entry.value));
    } else {
      faults_.add(entry.at, "'{}' stands on {} already; remove one", text::escape(entry.key, 60),
                  line_of(known->at, entry.at));
    }
  }

  Faults& faults_;
  Included included_;
};

}  // namespace

Included join_included(Value& root, const std::string& file, Faults& faults) {
  Joiner joiner(faults);
  joiner.expand(root, file, Context::whole_file, 0);
  return std::move(joiner).take();
}

std::expected<Value, ConfigError> read_document(const std::string& file) {
  const auto text = read_text(file);
  return text ? parse_document(*text, file) : std::unexpected(text.error());
}

}  // namespace cgisrv::config

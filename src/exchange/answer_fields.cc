#include "exchange/answer_fields.h"

#include <fmt/compile.h>

#include "base/text.h"
#include "files/mime.h"
#include "http/date.h"

namespace cgisrv::exchange {

namespace {

using config::CacheRule;
using config::FieldRule;
using config::TypeRules;

void remove_field(http::Response& response, std::string_view name) {
  std::erase_if(response.fields, [name](const http::Field& field) {
    return text::equals_ignoring_case(field.name, name);
  });
  if (text::equals_ignoring_case(name, "Server")) response.server = {};
}

// The rank of a match: 0 none, 1 any, 2 "image/*", 3 the type itself.
int fit(std::string_view pattern, std::string_view type) {
  if (pattern == "*") return 1;
  if (text::equals_ignoring_case(pattern, type)) return 3;
  if (!pattern.ends_with("/*")) return 0;
  const auto family = pattern.substr(0, pattern.size() - 1);
  return text::equals_ignoring_case(type.substr(0, family.size()), family) ? 2 : 0;
}

bool has_ending(std::string_view name, std::string_view ending) {
  return name.size() > ending.size() &&
         text::equals_ignoring_case(name.substr(name.size() - ending.size()), ending);
}

// Empty if no rule is about it.
std::string_view configured_type(const TypeRules& rules, std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  std::string_view best_ending, best;
  for (const auto& [ending, type] : rules.by_ending)
    if (ending.size() > best_ending.size() && has_ending(name, ending)) {
      best_ending = ending;
      best = type;
    }
  return best;
}

std::string_view without_charset(std::string_view type) {
  const auto at = type.find(';');
  return at != type.npos && type.substr(at).contains("charset=") ? text::trim(type.substr(0, at))
                                                                 : type;
}

}  // namespace

void apply_field_rules(const std::vector<FieldRule>& rules, http::Response& response) {
  for (const FieldRule& rule : rules) {
    if (rule.kind != FieldRule::Kind::add) remove_field(response, rule.name);
    if (rule.kind != FieldRule::Kind::remove) response.add(rule.name, rule.value);
  }
}

void add_cache_fields(const std::vector<CacheRule>& rules, std::string_view type,
                      http::Response& response, std::time_t now) {
  type = text::trim(type.substr(0, type.find(';')));
  const CacheRule* best = nullptr;
  int best_fit = 0;
  for (const CacheRule& rule : rules) {
    const int found = fit(rule.type, type);
    if (found <= best_fit) continue;
    best = &rule;
    best_fit = found;
  }
  if (best == nullptr) return;
  if (best->age == CacheRule::no_store) return response.add("Cache-Control", "no-store");
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(best->age).count();
  if (seconds == 0) return response.add("Cache-Control", "no-cache");
  response.add("Cache-Control", fmt::format(FMT_COMPILE("max-age={}"), seconds));
  response.add("Expires", http::format_date(now + seconds));
}

std::string content_type(const TypeRules& rules, std::string_view path) {
  std::string_view type = configured_type(rules, path);
  const bool is_configured = !type.empty();
  if (!is_configured) {
    type = files::mime_type(path);
    if (type == files::unknown_type && !rules.other.empty()) type = rules.other;
  }
  if (type.contains("charset=") && (is_configured || rules.charset.empty()))
    return std::string(type);
  type = without_charset(type);
  if (rules.charset == "none" || !type.starts_with("text/")) return std::string(type);
  if (rules.charset.empty() && !files::takes_charset(text::trim(type.substr(0, type.find(';')))))
    return std::string(type);
  return fmt::format(FMT_COMPILE("{}; charset={}"), type,
                     rules.charset.empty() ? "utf-8" : std::string_view(rules.charset));
}

}  // namespace cgisrv::exchange

#include "exchange/content_type.h"

#include <algorithm>

#include "base/text.h"
#include "files/mime.h"

namespace cgisrv::exchange {
namespace {

using config::TypeRules;

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
  return std::string(type) + "; charset=" + (rules.charset.empty() ? "utf-8" : rules.charset);
}

}  // namespace cgisrv::exchange

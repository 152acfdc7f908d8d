#include "http/conditional.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "base/text.h"
#include "http/date.h"

namespace cgisrv::http {
namespace {

struct EntityTag {
  std::string_view opaque;  // with its quotes
  bool weak = false;
};

// Takes an entity-tag off the front of `rest`. Tags may hold commas and, unlike quoted strings,
// backslashes: they end at the next quote.
std::optional<EntityTag> take_tag(std::string_view& rest) {
  EntityTag tag;
  tag.weak = rest.starts_with("W/");
  if (tag.weak) rest.remove_prefix(2);
  if (!rest.starts_with('"')) return {};
  const auto end = rest.find('"', 1);
  if (end == std::string_view::npos) return {};
  tag.opaque = rest.substr(0, end + 1);
  rest.remove_prefix(end + 1);
  return tag;
}

enum class Comparison { weak, strong };  // RFC 9110 section 8.8.3.2

bool same(const EntityTag& a, const EntityTag& b, Comparison comparison) {
  return a.opaque == b.opaque && (comparison == Comparison::weak || (!a.weak && !b.weak));
}

std::optional<EntityTag> tag_of(const Validators& current) {
  std::string_view text = current.etag;
  return take_tag(text);
}

// Whether the list in an If-Match or If-None-Match field names the current representation. Members
// after a malformed one are ignored.
bool names(std::string_view list, const Validators& current, Comparison comparison) {
  if (list == "*") return true;
  const auto ours = tag_of(current);
  if (!ours) return false;
  while (true) {
    list.remove_prefix(std::min(list.find_first_not_of(" \t,"), list.size()));
    const auto theirs = take_tag(list);
    if (!theirs) return false;
    if (same(*ours, *theirs, comparison)) return true;
  }
  return false;
}

// Two fields of that name join to an invalid date, and are ignored as the RFC requires.
std::optional<std::time_t> date_in(const Request& request, std::string_view name,
                                   const Validators& current, std::time_t now) {
  const auto text = request.joined(name);
  if (!text || current.last_modified == 0) return {};
  return parse_date(*text, now);
}

}  // namespace

bool is_precondition(std::string_view field) {
  constexpr std::array names = {std::string_view("If-Match"), std::string_view("If-None-Match"),
                                std::string_view("If-Modified-Since"),
                                std::string_view("If-Unmodified-Since"),
                                std::string_view("If-Range")};
  return std::ranges::any_of(
      names, [field](auto name) { return text::equals_ignoring_case(name, field); });
}

Precondition evaluate(const Request& request, const Validators& current, std::time_t now) {
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (const auto list = request.joined("if-match")) {
    if (!names(*list, current, Comparison::strong)) return Precondition::failed;
  } else if (const auto date = date_in(request, "if-unmodified-since", current, now)) {
    if (current.last_modified > *date) return Precondition::failed;
  }
  if (const auto list = request.joined("if-none-match")) {
    if (!names(*list, current, Comparison::weak)) return Precondition::proceed;
    return reads ? Precondition::not_modified : Precondition::failed;
  }
  if (!reads) return Precondition::proceed;
  const auto date = date_in(request, "if-modified-since", current, now);
  const bool fresh = date && *date <= now && current.last_modified <= *date;
  return fresh ? Precondition::not_modified : Precondition::proceed;
}

bool range_applies(const Request& request, const Validators& current, std::time_t now) {
  const auto validator = request.joined("if-range");
  if (!validator) return true;
  std::string_view rest = *validator;
  if (const auto theirs = take_tag(rest)) {
    const auto ours = tag_of(current);
    return rest.empty() && ours && same(*ours, *theirs, Comparison::strong);
  }
  // A date is a strong validator only once its second is over, RFC 9110 section 8.8.2.2.
  const auto date = date_in(request, "if-range", current, now);
  return date == current.last_modified && *date < now;
}

}  // namespace cgisrv::http

#include "pattern/pattern.h"

#include "pattern/budget.h"

#ifndef CGISRV_WITHOUT_PCRE2

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <limits>

namespace cgisrv::pattern {

struct Pattern::Code {
  ~Code() {
    pcre2_match_context_free(context);
    pcre2_jit_stack_free(stack);
    pcre2_match_data_free(data);
    pcre2_code_free(code);
  }

  pcre2_code* code = nullptr;
  pcre2_match_context* context = nullptr;
  pcre2_jit_stack* stack = nullptr;
  pcre2_match_data* data = nullptr;  // one match at a time
  std::size_t unseen_max = 0;        // bytes that a step may look at without getting further
  std::vector<std::string> names;    // of group N at N; its number if it has no name
  std::string prefix;                // with which each text begins that matches
};

namespace {

std::string message_of(int code) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(code, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

// "0", "1" and so on, and the names of those groups that have one.
std::vector<std::string> names_of(const pcre2_code* code) {
  std::uint32_t groups = 0, named = 0, entry_bytes = 0;
  PCRE2_SPTR table = nullptr;
  pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &groups);
  pcre2_pattern_info(code, PCRE2_INFO_NAMECOUNT, &named);
  pcre2_pattern_info(code, PCRE2_INFO_NAMEENTRYSIZE, &entry_bytes);
  pcre2_pattern_info(code, PCRE2_INFO_NAMETABLE, static_cast<void*>(&table));
  std::vector<std::string> names;
  for (std::uint32_t group = 0; group <= groups; ++group)
    names.push_back(std::to_string(group));
  // Each entry: the group's number in two bytes, then its name (pcre2api(3)).
  for (std::uint32_t i = 0; i < named; ++i, table += entry_bytes)
    names.at(table[0] * 256U + table[1]) = reinterpret_cast<const char*>(table + 2);
  return names;
}

// PCRE2's own limit counts neither the bytes that a step looks at nor the places where a match may
// begin. So it calls back before each item of the expression, and that counts both.
struct Meter {
  std::uint64_t left;
  std::size_t unseen_max;
  std::size_t position = 0;  // in the text, at the last call
};

int charge(pcre2_callout_block* at, void* data) {
  Meter& meter = *static_cast<Meter*>(data);
  const std::size_t position = at->current_position;
  const std::size_t seen = position - std::min(position, meter.position);
  const std::size_t unseen = std::min(meter.unseen_max, at->subject_length - position);
  const std::uint64_t cost = Budget::step_work + seen + unseen;
  meter.position = position;
  meter.left -= std::min(cost, meter.left);
  return meter.left > 0 ? 0 : PCRE2_ERROR_MATCHLIMIT;
}

// A back reference that fails may have compared all that remains, and "a{500}" 499 bytes.
std::size_t unseen_max_of(const pcre2_code* code, std::string_view text) {
  std::uint32_t references = 0;
  pcre2_pattern_info(code, PCRE2_INFO_BACKREFMAX, &references);
  if (references > 0) return std::numeric_limits<std::size_t>::max();
  std::size_t most = 0;
  for (auto brace = text.find('{'); brace != text.npos; brace = text.find('{', brace + 1)) {
    std::size_t count = 0;
    std::from_chars(text.data() + brace + 1, text.data() + text.size(), count);
    most = std::max(most, count);
  }
  return most;
}

// What a text has to begin with that matches: the letters behind a "^". Most paths do not, and are
// told from those that do without being matched.
std::string prefix_of(std::string_view text) {
  if (!text.starts_with('^') || text.contains('|')) return {};
  text.remove_prefix(1);
  const std::size_t end = std::min(text.find_first_of("\\^$.[]|()?*+{}"), text.size());
  const bool may_be_missing = end < text.size() && std::string_view("?*{").contains(text[end]);
  return std::string(text.substr(0, may_be_missing && end > 0 ? end - 1 : end));
}

}  // namespace

Result<Pattern> Pattern::compile(const std::string& text) {
  if (text.empty()) return fail("there is no regular expression behind the ~");
  if (text.size() > pattern_bytes_max)
    return fail("a regular expression has at most {} bytes", pattern_bytes_max);
  auto made = std::make_shared<Code>();
  int error = 0;
  PCRE2_SIZE offset = 0;
  made->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                             PCRE2_NEVER_BACKSLASH_C | PCRE2_NEVER_UTF | PCRE2_DOLLAR_ENDONLY |
                                 PCRE2_DOTALL | PCRE2_AUTO_CALLOUT,
                             &error, &offset, nullptr);
  if (made->code == nullptr)
    return fail("the regular expression is wrong at character {}: {}", offset + 1,
                message_of(error));
  constexpr std::size_t kib = 1024;
  pcre2_jit_compile(made->code, PCRE2_JIT_COMPLETE);  // without it, matching is slower
  made->stack = pcre2_jit_stack_create(32 * kib, 512 * kib, nullptr);
  made->data = pcre2_match_data_create_from_pattern(made->code, nullptr);
  made->context = pcre2_match_context_create(nullptr);
  if (made->data == nullptr || made->context == nullptr) return fail_errno(ENOMEM, "a pattern");
  pcre2_set_heap_limit(made->context, kib);  // a MiB: it counts in KiB
  pcre2_jit_stack_assign(made->context, nullptr, made->stack);
  made->unseen_max = unseen_max_of(made->code, text);
  made->names = names_of(made->code);
  made->prefix = prefix_of(text);
  return Pattern(std::move(made));
}

Result<Matched> Pattern::match_anew(std::string_view text, std::uint64_t& work) const {
  Meter meter{.left = work, .unseen_max = code_->unseen_max};
  pcre2_set_callout(code_->context, charge, &meter);
  const int found = pcre2_match(code_->code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                                0, 0, code_->data, code_->context);
  work = meter.left;
  Matched matched;
  if (found == PCRE2_ERROR_NOMATCH) return matched;
  if (found < 0) return std::unexpected(Error{ELOOP, message_of(found)});
  const PCRE2_SIZE* const offsets = pcre2_get_ovector_pointer(code_->data);
  matched.matches = true;
  matched.end = offsets[1];
  matched.captures.reserve(static_cast<std::size_t>(found));
  for (int group = 0; group < found; ++group) {
    const PCRE2_SIZE begin = offsets[2 * group], end = offsets[2 * group + 1];
    if (begin == PCRE2_UNSET || end < begin) continue;
    matched.captures.push_back({code_->names[static_cast<std::size_t>(group)],
                                std::string(text.substr(begin, end - begin))});
  }
  return matched;
}

Result<Matched> Pattern::match(std::string_view text) const {
  if (text.size() > text_bytes_max)
    return std::unexpected(
        Error{EMSGSIZE, fmt::format("it is longer than {} bytes", text_bytes_max)});
  if (!text.starts_with(code_->prefix)) return Matched{};
  Budget own;
  Budget& budget = *Budget::current_;
  auto [known, is_new] = budget.found_.try_emplace({code_.get(), std::string(text)});
  if (!is_new) return known->second;
  const bool is_first = budget.is_untouched();
  known->second = match_anew(text, budget.left_);
  budget.is_exceeded_ = budget.is_exceeded_ || !known->second;
  if (!known->second && !is_first)
    known->second.error().what += ", together with the others that were asked before it";
  return known->second;
}

bool Pattern::has_group(std::string_view name) const {
  return std::ranges::find(code_->names, name) != code_->names.end();
}

}  // namespace cgisrv::pattern

#else

namespace cgisrv::pattern {

struct Pattern::Code {};

Result<Pattern> Pattern::compile(const std::string&) {
  return fail("this server was built without PCRE2, and so has no regular expressions");
}

Result<Matched> Pattern::match(std::string_view) const {
  return Matched{};
}

bool Pattern::has_group(std::string_view) const {
  return false;
}

}  // namespace cgisrv::pattern

#endif

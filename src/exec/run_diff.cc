#include "exec/run_diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <vector>

#include "base/collect.h"
#include "base/text.h"
#include "exec/utf8.h"

namespace cgisrv::exec {

namespace {

// For each run: a text, a line or a word, as a view into its text; empty if there is none.
using Views = std::vector<std::string_view>;
using Words = std::set<std::string_view>;
enum class Level : std::uint8_t { lines, words };

// Of what is shown.
constexpr std::size_t line_bytes_max = 200;
constexpr std::size_t word_bytes_max = 60;

bool is_word(std::string_view text, std::size_t at) {
  const char c = text[at];
  const auto is_digit_at = [&](std::size_t i) {
    return i < text.size() && text::is_digit(text[i]);
  };
  return text::is_alpha(c) || text::is_digit(c) || c == '_' || static_cast<signed char>(c) < 0 ||
         (c == ':' && at > 0 && is_digit_at(at - 1) && is_digit_at(at + 1));  // 14:03:09
}

// The length of the first line with its end, or of the first word; other bytes stand alone.
std::size_t piece_length(Level level, std::string_view text) {
  if (level == Level::lines) return std::min(text.find('\n'), text.size() - 1) + 1;
  std::size_t length = 0;
  while (length < text.size() && is_word(text, length))
    ++length;
  return std::max<std::size_t>(length, 1);
}

Views split(Level level, std::string_view text) {
  Views pieces;
  while (!text.empty()) {
    const std::size_t length = piece_length(level, text);
    pieces.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return pieces;
}

std::size_t count_words(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      split(Level::words, text), [](std::string_view each) { return is_word(each, 0); }));
}

std::vector<Views> split_each(Level level, const Views& texts) {
  return collect(texts, [level](std::string_view text) { return split(level, text); });
}

// How the pieces of the cold runs align: this many at the front and at the back. If `aligned`,
// these are all; else there are unaligned ones in between.
struct Layout {
  std::size_t front = 0;
  std::size_t back = 0;
  bool aligned = true;
};

Layout layout_of(const std::vector<Views>& cold) {
  const Views& first = cold.front();
  std::size_t least = first.size();
  Layout layout{.front = first.size()};
  for (const Views& other : cold) {
    layout.aligned = layout.aligned && other.size() == first.size();
    least = std::min(least, other.size());
  }
  if (layout.aligned) return layout;
  const auto all_have = [&](std::size_t i, auto at) {
    return std::ranges::all_of(cold,
                               [&](const Views& other) { return at(other, i) == at(first, i); });
  };
  const auto from_front = [](const Views& of, std::size_t i) { return of[i]; };
  const auto from_back = [](const Views& of, std::size_t i) { return of[of.size() - 1 - i]; };
  layout.front = 0;
  while (layout.front < least && all_have(layout.front, from_front))
    ++layout.front;
  while (layout.front + layout.back < least && all_have(layout.back, from_back))
    ++layout.back;
  return layout;
}

Views column(const std::vector<Views>& runs, std::size_t i) {
  return collect(runs,
                 [i](const Views& run) { return i < run.size() ? run[i] : std::string_view(); });
}

Views column_from_back(const std::vector<Views>& runs, std::size_t i) {
  return collect(runs, [i](const Views& run) { return run[run.size() - 1 - i]; });
}

// Everything between front and back, as one piece.
Views between(const std::vector<Views>& runs, const Layout& layout) {
  return collect(runs, [&layout](const Views& run) {
    const std::size_t end = run.size() - layout.back;
    return layout.front < end ? std::string_view(run[layout.front].begin(), run[end - 1].end())
                              : std::string_view();
  });
}

bool all_are(const Views& views, std::string_view value) {
  return std::ranges::all_of(views, [&](std::string_view each) { return each == value; });
}

// Short words may be equal by chance, and zygotes share memory addresses.
bool tells_something(std::string_view word) {
  const bool is_address = word.starts_with("0x") && word.size() > 8;
  return word.size() > 2 && !is_address;
}

std::string_view without_end(std::string_view line) {
  return line.substr(0, line.size() - (line.ends_with('\n') ? 1 : 0));
}

std::string shown_start(std::string_view line, std::size_t bytes_max) {
  const std::string_view begin = without_cut_character(line.substr(0, bytes_max));
  return shown(begin) + (begin.size() < line.size() ? "..." : "");
}

class Comparison {
 public:
  Comparison(std::span<const std::string> cold, std::span<const std::string> warm)
      : cold_(cold.begin(), cold.end()),
        warm_(warm.begin(), warm.end()),
        cold_words_(cold.size()) {}

  RunDiff run() && {
    found_.lines = split(Level::lines, cold_.front()).size();
    found_.words = count_words(cold_.front());
    if (walk(Level::lines, cold_, warm_)) look_for_frozen();
    return std::move(found_);
  }

 private:
  struct Masked {
    std::size_t line;
    Views cold, warm;
  };

  // True if only masked parts differ.
  bool walk(Level level, const Views& cold, const Views& warm);
  bool compare_pieces(Level level, const Views& cold, const Views& warm, std::size_t number);
  bool differ(std::size_t run);
  void stand_at(std::size_t line, Views cold, Views warm);
  void mask(const Views& cold, const Views& warm);
  void look_for_frozen();

  Views cold_, warm_;
  RunDiff found_;
  std::size_t line_ = 0;  // the position, and its pieces
  Views line_cold_, line_warm_;
  std::vector<Masked> masked_;
  std::vector<Words> cold_words_;  // masked in each cold run
};

bool Comparison::walk(Level level, const Views& cold, const Views& warm) {
  const auto theirs = split_each(level, cold);
  const auto ours = split_each(level, warm);
  const Layout layout = layout_of(theirs);
  for (std::size_t i = 0; i < layout.front; ++i)
    if (!compare_pieces(level, column(theirs, i), column(ours, i), i + 1)) return false;
  const std::size_t least = layout.front + layout.back;
  const auto misfit = std::ranges::find_if(ours, [&](const Views& run) {
    return layout.aligned ? run.size() != least : run.size() < least;
  });
  if (level == Level::lines && (misfit != ours.end() || !layout.aligned))
    stand_at(layout.front + 1, column(theirs, layout.front), column(ours, layout.front));
  if (misfit != ours.end()) return differ(static_cast<std::size_t>(misfit - ours.begin()));
  if (!layout.aligned) mask(between(theirs, layout), between(ours, layout));
  const std::size_t lines = theirs.front().size();
  for (std::size_t i = layout.back; i-- > 0;)
    if (!compare_pieces(level, column_from_back(theirs, i), column_from_back(ours, i), lines - i))
      return false;
  return true;
}

bool Comparison::compare_pieces(Level level, const Views& cold, const Views& warm,
                                std::size_t number) {
  if (level == Level::lines) stand_at(number, cold, warm);
  const bool is_fixed = all_are(cold, cold.front());
  if (!is_fixed && level == Level::lines) return walk(Level::words, cold, warm);
  const auto fits = [&](std::string_view each) {
    if (is_fixed) return each == cold.front();
    return !each.empty() && is_word(each, 0) == is_word(cold.front(), 0);  // a word is no comma
  };
  const auto misfit = std::ranges::find_if_not(warm, fits);
  if (misfit != warm.end()) return differ(static_cast<std::size_t>(misfit - warm.begin()));
  if (!is_fixed) mask(cold, warm);
  return true;
}

void Comparison::stand_at(std::size_t line, Views cold, Views warm) {
  line_ = line;
  line_cold_ = std::move(cold);
  line_warm_ = std::move(warm);
}

bool Comparison::differ(std::size_t run) {
  std::string_view one = line_cold_.front();
  std::string_view two = line_warm_[run];
  // Their ends are shown only where these are the difference.
  if (without_end(one) != without_end(two)) {
    one = without_end(one);
    two = without_end(two);
  }
  found_.kind = RunDiff::Kind::differs;
  found_.line = line_;
  found_.cold = shown_start(one, line_bytes_max);
  found_.warm = shown_start(two, line_bytes_max);
  return false;
}

void Comparison::mask(const Views& cold, const Views& warm) {
  for (std::size_t i = 0; i < cold.size(); ++i)
    for (const std::string_view word : split(Level::words, cold[i]))
      cold_words_[i].insert(word);
  found_.masked_words += count_words(cold.front());
  if (masked_.empty() || masked_.back().line != line_)
    found_.masked_lines += std::max<std::size_t>(split(Level::lines, cold.front()).size(), 1);
  if (masked_.empty()) found_.masked = shown_start(without_end(cold.front()), word_bytes_max);
  masked_.push_back({line_, cold, warm});
}

void Comparison::look_for_frozen() {
  for (const Masked& masked : masked_) {
    const auto texts = split_each(Level::words, masked.warm);
    const auto warm =
        collect(texts, [](const Views& text) { return Words(text.begin(), text.end()); });
    for (const std::string_view word : texts.front()) {
      const auto has = [&](const Words& words) { return words.contains(word); };
      if (!tells_something(word) || !std::ranges::all_of(warm, has) ||
          std::ranges::any_of(cold_words_, has))
        continue;
      found_.kind = RunDiff::Kind::frozen;
      found_.line = masked.line;
      found_.cold = shown_start(masked.cold.front(), word_bytes_max) + ", " +
                    shown_start(masked.cold.back(), word_bytes_max);
      found_.warm = shown_start(word, word_bytes_max);
      return;
    }
  }
}

}  // namespace

RunDiff compare(std::span<const std::string> cold, std::span<const std::string> warm) {
  return Comparison(cold, warm).run();
}

}  // namespace cgisrv::exec

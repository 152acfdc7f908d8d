#include "status/exposition.h"

#include <fmt/format.h>

#include <iterator>

#include "base/text.h"

namespace cgisrv::status {

namespace {

constexpr std::chrono::microseconds first_bound{256};
constexpr unsigned bounds = 10;

double seconds(std::chrono::microseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

// A label's value is UTF-8; a file's name need not be.
void append_value(std::string& out, std::string_view value) {
  for (const char c : text::printable_line(value)) {
    if (c == '\\' || c == '"') out.push_back('\\');
    out.push_back(c);
  }
}

}  // namespace

void Exposition::family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  fmt::format_to(std::back_inserter(text_), "# HELP {0} {2}\n# TYPE {0} {1}\n", name, type, help);
}

void Exposition::histogram(Labels labels, const account::Histogram::Counts& counts,
                           std::chrono::microseconds sum) {
  auto bound = first_bound;
  for (unsigned i = 0; i < bounds; ++i, bound *= 4)
    line("_bucket", labels, fmt::to_string(seconds(bound)),
         static_cast<double>(counts.below(bound)));
  const auto all = static_cast<double>(counts.count());
  line("_bucket", labels, "+Inf", all);
  line("_sum", labels, "", seconds(sum));
  line("_count", labels, "", all);
}

void Exposition::line(std::string_view suffix, Labels labels, std::string_view bound,
                      double value) {
  text_.append(name_).append(suffix);
  char mark = '{';
  const auto add = [&](std::string_view name, std::string_view of_it) {
    text_.push_back(std::exchange(mark, ','));
    text_.append(name).append("=\"");
    append_value(text_, of_it);
    text_.push_back('"');
  };
  for (const auto& [name, of_it] : labels)
    add(name, of_it);
  if (!bound.empty()) add("le", bound);
  if (mark == ',') text_.push_back('}');
  fmt::format_to(std::back_inserter(text_), " {}\n", value);
}

}  // namespace cgisrv::status

#include "encoding/coding.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <optional>

#include "base/text.h"

namespace cgisrv::encoding {

namespace {

using namespace std::string_view_literals;

constexpr unsigned weight_max = 1000;

// "q=0.5" is 500. Nothing: it is no weight, RFC 9110 section 12.4.2.
std::optional<unsigned> parse_weight(std::string_view text) {
  if (text.size() < 3 || text::lower(text[0]) != 'q' || text[1] != '=') return {};
  if (text[2] != '0' && text[2] != '1') return {};
  unsigned weight = text[2] == '1' ? weight_max : 0;
  std::string_view decimals = text.substr(3);
  if (decimals.size() > 4 || (!decimals.empty() && decimals.front() != '.')) return {};
  if (!decimals.empty()) decimals.remove_prefix(1);
  unsigned place = weight_max;
  for (const char digit : decimals) {
    if (!text::is_digit(digit)) return {};
    place /= 10;
    weight += static_cast<unsigned>(digit - '0') * place;
  }
  return weight <= weight_max ? std::optional(weight) : std::nullopt;
}

// What a client says; nothing of a coding that it does not name.
struct Weights {
  std::array<std::optional<unsigned>, smallest_first.size()> named;
  std::optional<unsigned> identity;
  std::optional<unsigned> any;

  // Null: the server does not know that coding.
  std::optional<unsigned>* find(std::string_view name) {
    if (name == "*") return &any;
    if (text::equals_ignoring_case(name, "identity")) return &identity;
    if (text::equals_ignoring_case(name, "x-gzip")) name = "gzip";  // RFC 9110 section 8.4.1.3
    for (const Coding coding : smallest_first)
      if (text::equals_ignoring_case(name, name_of(coding)))
        return &named[static_cast<std::size_t>(coding)];
    return nullptr;
  }
  unsigned of(Coding coding) const {
    return named[static_cast<std::size_t>(coding)].value_or(any.value_or(0));
  }
};

Weights parse_weights(std::string_view field) {
  Weights weights;
  while (!field.empty()) {
    std::string_view parameter = text::take_until(field, ',');
    auto* const said = weights.find(text::trim(text::take_until(parameter, ';')));
    parameter = text::trim(parameter);
    const auto weight = parameter.empty() ? weight_max : parse_weight(parameter);
    if (said != nullptr && weight) *said = weight;
  }
  return weights;
}

// Beside text/*, and what is JSON or XML by its suffix. Other types are compressed already, or are
// seldom served.
constexpr std::array types = {"application/json"sv,
                              "application/javascript"sv,
                              "application/x-javascript"sv,
                              "application/jsonl"sv,
                              "application/x-ndjson"sv,
                              "application/xml"sv,
                              "application/wasm"sv,
                              "application/vnd.apple.mpegurl"sv,
                              "application/vnd.ms-fontobject"sv,
                              "font/otf"sv,
                              "font/ttf"sv,
                              "image/bmp"sv,
                              "image/vnd.microsoft.icon"sv,
                              "image/x-icon"sv};

bool has_end(std::string_view type, std::string_view end) {
  return type.size() > end.size() &&
         text::equals_ignoring_case(type.substr(type.size() - end.size()), end);
}

}  // namespace

std::string_view name_of(Coding coding) {
  constexpr std::array names = {"br"sv, "zstd"sv, "gzip"sv};
  return names[static_cast<std::size_t>(coding)];
}

std::string_view ending_of(Coding coding) {
  constexpr std::array endings = {".br"sv, ".zst"sv, ".gz"sv};
  return endings[static_cast<std::size_t>(coding)];
}

std::vector<Coding> accepted_codings(std::string_view field, const Order& order) {
  const Weights weights = parse_weights(field);
  // A client that does not name the bytes as they are takes them least gladly.
  const unsigned least = std::max(weights.identity.value_or(weights.any.value_or(0)), 1U);
  std::vector<Coding> accepted;
  for (const Coding coding : order)
    if (weights.of(coding) >= least) accepted.push_back(coding);
  std::ranges::stable_sort(accepted, std::ranges::greater{},
                           [&](Coding coding) { return weights.of(coding); });
  return accepted;
}

bool is_compressible(std::string_view content_type) {
  const auto type = text::trim(content_type.substr(0, content_type.find(';')));
  return text::equals_ignoring_case(type.substr(0, 5), "text/") || has_end(type, "+json") ||
         has_end(type, "+xml") || std::ranges::any_of(types, [type](std::string_view each) {
           return text::equals_ignoring_case(type, each);
         });
}

}  // namespace cgisrv::encoding

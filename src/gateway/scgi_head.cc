#include "gateway/scgi_head.h"

#include <algorithm>

#include "base/text.h"

namespace cgisrv::gateway {

namespace {

using State = ScgiHead::State;

constexpr std::size_t length_digits_max = 9;

ScgiHead malformed(std::string_view problem) {
  ScgiHead head;
  head.state = State::malformed;
  head.problem = problem;
  return head;
}

// False: one of the names or values has no NUL behind it.
bool split(std::string_view text, std::vector<Param>& params) {
  while (!text.empty()) {
    const auto name_end = text.find('\0');
    if (name_end == text.npos) return false;
    const auto value_end = text.find('\0', name_end + 1);
    if (value_end == text.npos) return false;
    params.emplace_back(text.substr(0, name_end),
                        text.substr(name_end + 1, value_end - name_end - 1));
    text.remove_prefix(value_end + 1);
  }
  return true;
}

}  // namespace

ScgiHead read_scgi_head(std::string_view bytes, std::size_t params_bytes_max) {
  const auto digits_end = std::ranges::find_if_not(bytes, text::is_digit);
  const auto digits = static_cast<std::size_t>(digits_end - bytes.begin());
  const bool has_number =
      digits > 0 && digits <= length_digits_max && !(digits > 1 && bytes.front() == '0');
  if (digits == bytes.size()) {
    if (bytes.empty() || has_number) return {};
    return malformed("no SCGI: what was sent does not begin with a length");
  }
  if (!has_number || *digits_end != ':')
    return malformed("no SCGI: what was sent does not begin with a length");
  const auto length = text::parse_number<std::size_t>(bytes.substr(0, digits)).value_or(0);
  ScgiHead head;
  if (length > params_bytes_max) {
    head.state = State::too_large;
    return head;
  }
  const std::string_view rest = bytes.substr(digits + 1);
  if (rest.size() <= length) return head;
  if (rest[length] != ',') return malformed("a head of SCGI without a comma at its end");
  if (!split(rest.substr(0, length), head.params))
    return malformed("a head of SCGI in which a value has no end");
  if (head.params.empty() || head.params.front().first != "CONTENT_LENGTH")
    return malformed("a head of SCGI that does not begin with CONTENT_LENGTH");
  head.state = State::complete;
  head.consumed = digits + 1 + length + 1;
  return head;
}

}  // namespace cgisrv::gateway

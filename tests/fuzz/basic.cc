// The Authorization field of Basic: what is taken from it makes the same field again, and one text
// has one form.
#include "auth/basic.h"

#include "base/text.h"
#include "fuzz.h"

namespace cgisrv::fuzz {
namespace {

std::string base64(std::string_view bytes) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string made;
  for (; !bytes.empty(); bytes.remove_prefix(std::min<std::size_t>(bytes.size(), 3))) {
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i)
      bits = bits << 8 | (i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U);
    for (std::size_t i = 0; i < 4; ++i)
      made.push_back(i > bytes.size() ? '=' : digits[bits >> (18 - 6 * i) & 63]);
  }
  return made;
}

void check_taken(std::string_view field, const auth::Credentials& found) {
  CGISRV_CHECK(!found.user.empty() && found.user.size() <= auth::user_bytes_max);
  CGISRV_CHECK(found.password.view().size() <= auth::password_bytes_max);
  CGISRV_CHECK(!found.user.contains(':'));
  const std::string pair = found.user + ":" + std::string(found.password.view());
  CGISRV_CHECK(is_printable(pair));
  CGISRV_CHECK(text::trim(field.substr(field.find(' '))) == base64(pair));
}

}  // namespace

CGISRV_FUZZ_TARGET(basic) {
  const auto found = auth::parse_basic(input);
  if (found)
    check_taken(input, *found);
  else
    CGISRV_CHECK(!found.error().empty());
  // Whatever has a user and is short enough is taken as it was meant.
  const auto colon = input.find(':');
  const bool fits = colon != 0 && colon <= auth::user_bytes_max && is_printable(input) &&
                    input.size() - colon - 1 <= auth::password_bytes_max;
  const auto again = auth::parse_basic("bAsIc " + base64(input));
  CGISRV_CHECK(again.has_value() == (colon != input.npos && fits));
  if (again) CGISRV_CHECK(again->user == input.substr(0, colon));
  // A realm can leave its quotes by none of its characters.
  const std::string challenge = auth::challenge(input);
  constexpr std::string_view front = "Basic realm=\"";
  CGISRV_CHECK(challenge.starts_with(front));
  std::size_t end = front.size();
  while (end < challenge.size() && challenge[end] != '"')
    end += challenge[end] == '\\' ? 2 : 1;
  CGISRV_CHECK(challenge.substr(end) == "\", charset=\"UTF-8\"");
}

}  // namespace cgisrv::fuzz

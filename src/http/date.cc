#include "http/date.h"

#include <algorithm>
#include <iterator>
#include <span>

#include "base/text.h"

namespace cgisrv::http {
namespace {

constexpr std::string_view days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                     "Thursday", "Friday", "Saturday"};
constexpr std::string_view months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

std::tm utc(std::time_t time) {
  std::tm parts{};
  gmtime_r(&time, &parts);
  return parts;
}

// Takes parts of a date off its front. A part that does not fit invalidates the whole.
class DateReader {
 public:
  explicit DateReader(std::string_view text) : rest_(text) {}

  void literal(std::string_view expected) {
    fits_ = fits_ && rest_.starts_with(expected);
    if (fits_) rest_.remove_prefix(expected.size());
  }

  // Index of the name, of which the first `length` bytes are written (all if it is shorter).
  int name(std::span<const std::string_view> names, std::size_t length) {
    const auto found = std::ranges::find_if(
        names, [&](std::string_view each) { return rest_.starts_with(each.substr(0, length)); });
    fits_ = fits_ && found != names.end();
    if (!fits_) return 0;
    rest_.remove_prefix(std::min(length, found->size()));
    return static_cast<int>(found - names.begin());
  }

  int number(std::size_t digits) {
    int value = 0;
    for (; digits > 0 && fits_; --digits) {
      fits_ = !rest_.empty() && text::is_digit(rest_[0]);
      if (!fits_) break;
      value = value * 10 + (rest_[0] - '0');
      rest_.remove_prefix(1);
    }
    return value;
  }

  void clock(std::tm& parts) {
    parts.tm_hour = number(2);
    literal(":");
    parts.tm_min = number(2);
    literal(":");
    parts.tm_sec = number(2);
  }

  bool next_is(char c) const { return rest_.starts_with(c); }
  bool done() const { return fits_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool fits_ = true;
};

// Sun, 06 Nov 1994 08:49:37 GMT
bool read_imf(std::string_view text, std::tm& parts) {
  DateReader in(text);
  in.name(days, 3);
  in.literal(", ");
  parts.tm_mday = in.number(2);
  in.literal(" ");
  parts.tm_mon = in.name(months, 3);
  in.literal(" ");
  parts.tm_year = in.number(4) - 1900;
  in.literal(" ");
  in.clock(parts);
  in.literal(" GMT");
  return in.done();
}

// Sunday, 06-Nov-94 08:49:37 GMT
bool read_rfc850(std::string_view text, std::tm& parts, std::time_t now) {
  DateReader in(text);
  in.name(days, std::string_view::npos);
  in.literal(", ");
  parts.tm_mday = in.number(2);
  in.literal("-");
  parts.tm_mon = in.name(months, 3);
  in.literal("-");
  const int two_digits = in.number(2);
  in.literal(" ");
  in.clock(parts);
  in.literal(" GMT");
  auto limit = utc(now);
  parts.tm_year = limit.tm_year - limit.tm_year % 100 + two_digits;
  limit.tm_year += 50;
  if (auto copy = parts; timegm(&copy) > timegm(&limit)) parts.tm_year -= 100;
  return in.done();
}

// Sun Nov  6 08:49:37 1994
bool read_asctime(std::string_view text, std::tm& parts) {
  DateReader in(text);
  in.name(days, 3);
  in.literal(" ");
  parts.tm_mon = in.name(months, 3);
  in.literal(" ");
  const bool padded = in.next_is(' ');
  if (padded) in.literal(" ");
  parts.tm_mday = in.number(padded ? 1 : 2);
  in.literal(" ");
  in.clock(parts);
  in.literal(" ");
  parts.tm_year = in.number(4) - 1900;
  return in.done();
}

}  // namespace

// Each answer with a file has two or three dates, so they are put together by hand.
std::string format_date(std::time_t time) {
  const auto parts = utc(time);
  std::string text = "Sun, 06 Nov 1994 08:49:37 GMT";
  const auto put = [&text](std::size_t at, int value) {
    text[at] = static_cast<char>('0' + value / 10 % 10);
    text[at + 1] = static_cast<char>('0' + value % 10);
  };
  const int year = std::clamp(parts.tm_year + 1900, 0, 9999);
  days[parts.tm_wday].copy(text.data(), 3);
  put(5, parts.tm_mday);
  months[parts.tm_mon].copy(text.data() + 8, 3);
  put(12, year / 100);
  put(14, year % 100);
  put(17, parts.tm_hour);
  put(20, parts.tm_min);
  put(23, parts.tm_sec);
  return text;
}

std::optional<std::time_t> parse_date(std::string_view text, std::time_t now) {
  std::tm parts{};
  if (!read_imf(text, parts) && !read_rfc850(text, parts, now) && !read_asctime(text, parts))
    return {};
  if (parts.tm_hour > 23 || parts.tm_min > 59 || parts.tm_sec > 60) return {};
  parts.tm_sec = std::min(parts.tm_sec, 59);  // a leap second
  const int day = parts.tm_mday;
  const auto time = timegm(&parts);
  if (parts.tm_mday != day) return {};  // the month has no such day
  return time;
}

}  // namespace cgisrv::http

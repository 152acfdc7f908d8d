// What a proxy says of a request's id: lines of "name: value". What is taken is safe in a log, on a
// page and as a file's name; what is not taken is told in one line.
#include "proxy/request_id.h"

#include <algorithm>

#include "base/text.h"
#include "fuzz.h"

namespace cgisrv::fuzz {

CGISRV_FUZZ_TARGET(request_id) {
  std::vector<http::FieldView> fields;
  while (!input.empty() && fields.size() < 20) {
    std::string_view line = text::take_until(input, '\n');
    const auto name = text::take_until(line, ':');
    fields.push_back({name, text::trim(line)});
  }
  const auto id = proxy::find_request_id(fields);
  if (!id) {
    CGISRV_CHECK(!id.error().what.contains('\n') && id.error().what.size() < 1000);
    return;
  }
  if (id->empty()) return;
  CGISRV_CHECK(proxy::is_request_id(*id) && id->size() <= proxy::request_id_bytes_max);
  CGISRV_CHECK(id->find_first_of("/\\\"'<>&[]{}() \t\r\n;,|$`%!?*~^") == id->npos);
  CGISRV_CHECK(id->front() != '.' && id->front() != '-');
  CGISRV_CHECK(std::ranges::any_of(
      fields, [](const auto& field) { return proxy::names_request(field.name); }));
}

}  // namespace cgisrv::fuzz

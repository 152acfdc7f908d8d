// Records of FastCGI: what is found does not depend on how the bytes arrive, and what is written is
// read as it was.
#include <string>
#include <vector>

#include "fastcgi/record.h"
#include "fuzz.h"

namespace cgisrv::fuzz {

namespace {

struct Found {
  std::vector<std::string> records;  // each its header's numbers and its content
  bool has_problem = false;
  bool operator==(const Found&) const = default;
};

Found read(std::string_view bytes, std::size_t piece) {
  fastcgi::RecordReader reader;
  Found found;
  bool is_open = false;
  for (; !bytes.empty() && reader.problem().empty();
       bytes.remove_prefix(std::min(piece, bytes.size()))) {
    std::string_view here = bytes.substr(0, piece);
    while (const auto part = reader.next(here)) {
      if (!is_open) {
        found.records.emplace_back();
        fastcgi::write_header(found.records.back(), part->header);
      }
      found.records.back().append(part->content);
      is_open = !part->is_last;
      if (!is_open)
        CGISRV_CHECK(found.records.back().size() ==
                     fastcgi::header_bytes + part->header.content_size);
    }
    CGISRV_CHECK(here.empty() || !reader.problem().empty());
  }
  found.has_problem = !reader.problem().empty();
  return found;
}

}  // namespace

CGISRV_FUZZ_TARGET(fastcgi) {
  const Found whole = read(input, input.size());
  CGISRV_CHECK(read(input, 1) == whole);
  CGISRV_CHECK(read(input, 7) == whole);
  const auto pairs = fastcgi::read_pairs(input);
  if (!pairs) return;
  std::string again;
  for (const auto& [name, value] : *pairs)
    fastcgi::write_pair(again, name, value);
  CGISRV_CHECK(fastcgi::read_pairs(again) == pairs);
}

}  // namespace cgisrv::fuzz

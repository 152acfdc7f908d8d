// What a FastCGI server answers: it is read the same however it arrives, ends or fails once, and is
// never told with more bytes than have come.
#include <string>

#include "backend/answer_reader.h"
#include "fuzz.h"

namespace cgisrv::fuzz {

namespace {

using backend::AnswerReader;

struct Heard {
  std::string output, errors, problem;
  int ends = 0;
  unsigned status = 0;
  bool has_ended = false;

  bool operator==(const Heard&) const = default;
};

class Listener {
 public:
  void hear(std::string_view bytes) {
    while (const auto part = reader_.next(bytes)) {
      CGISRV_CHECK(heard_.ends == 0 && reader_.problem().empty());
      if (part->kind == AnswerReader::Part::Kind::output) heard_.output += part->bytes;
      if (part->kind == AnswerReader::Part::Kind::errors) heard_.errors += part->bytes;
      if (part->kind != AnswerReader::Part::Kind::end) continue;
      ++heard_.ends;
      heard_.status = part->end.application_status;
    }
  }
  Heard heard() const {
    Heard all = heard_;
    all.problem = reader_.problem();
    all.has_ended = reader_.has_ended();
    return all;
  }

 private:
  AnswerReader reader_{backend::Protocol::fastcgi};
  Heard heard_;
};

}  // namespace

CGISRV_FUZZ_TARGET(answer) {
  Listener at_once;
  at_once.hear(input);
  const Heard whole = at_once.heard();
  CGISRV_CHECK(whole.output.size() + whole.errors.size() <= input.size());
  CGISRV_CHECK(!whole.has_ended || whole.ends == 1);
  CGISRV_CHECK(is_printable(whole.problem));
  Listener in_pieces;
  for (Pieces pieces(input); !pieces.empty();)
    in_pieces.hear(pieces.next());
  Heard pieced = in_pieces.heard();
  // Only a problem's text may show less of what has come.
  CGISRV_CHECK(pieced.problem.empty() == whole.problem.empty());
  pieced.problem = whole.problem;
  CGISRV_CHECK(pieced == whole);
}

}  // namespace cgisrv::fuzz

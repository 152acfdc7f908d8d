#include "config/answer_codecs.h"
#include "config/parameters.h"
#include "config/value_check.h"

namespace cgisrv::config {

// clang-format off
const SectionOf<AnswerRules>& answer_section() {
  static const SectionOf<AnswerRules> section{"", "", {
      {"headers", &AnswerRules::fields, field_rules(), unset("none"),
       "Fields of every answer of the site, failures too: `{ \"X-Frame-Options\" = \"DENY\" }` "
       "sets one, in the "
       "place of a program's own; `{ add = \"text\" }` adds one beside it; `false` removes it. A "
       "location adds to its site."},
      {"types", &AnswerRules::types, types(), unset("a table, then /etc/mime.types"),
       "The media types of files, by ending: `{ \".log\" = \"text/plain\" }`; `\"*\"` is for "
       "endings that are unknown. A location adds to its site."},
      {"charset", [](auto& rules) -> auto& { return rules.types.charset; }, text(check_charset),
       unset("utf-8 for text that cannot say it"),
       "Of text files, HTML too, whatever they say themselves; `\"none\"`: never said."},
      {"cache", &AnswerRules::cache, cache_rules(), unset("not said"),
       "How long files may be kept without asking again, in Cache-Control and Expires: `\"1h\"`, "
       "`\"0s\"` (ask each time), `\"no-store\"`, or by type, `{ \"image/*\" = \"30d\", \"*\" = "
       "\"1h\" }`."},
      {"compress", &AnswerRules::compress, boolean(),
       "Whether text, and what is like it, is sent compressed to clients that take it: zstd, brotli or "
       "gzip. Of a file the one beside it with `.br`, `.zst` or `.gz` is sent, if it is not older. "
       "Not where a page has a secret beside what its visitor has sent: see BREACH in "
       "docs/security.md."},
      {"error_pages", &AnswerRules::error_pages, error_pages(), unset("the server's own"),
       "Files or programs of the site that answer for failures, with the status of the failure: "
       "`{ 404 = \"/missing.html\", 500-599 = \"/sorry.cgi\" }`; `false` is the server's own page. "
       "What a program has answered itself stays as it is. A location adds to its site."},
  }};
  return section;
}
// clang-format on

}  // namespace cgisrv::config

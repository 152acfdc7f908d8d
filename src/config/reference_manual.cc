#include "config/reference_manual.h"

#include <fmt/format.h>

#include <iterator>

#include "accesslog/access_format.h"
#include "config/parameters.h"
#include "config/reference.h"

namespace cgisrv::config {

namespace {

constexpr std::string_view begin = R"(cgisrv.toml(5)

# NAME

cgisrv.toml - configuration of the CGI server cgisrv

# DESCRIPTION

*cgisrv -c* _FILE_ serves as a TOML file says (https://toml.io), and *cgisrv check -c* _FILE_
reports every fault in it with line and column. An unknown key is a fault; what is not set has the
default given here.

A _size_ is a text such as *"16k"*, *"10m"* or *"1g"* (powers of 1024), or a plain number of bytes.
A _duration_ is a text with its unit: *"500ms"*, *"10s"*, *"5m"*, *"1h"* or *"1d"*. A _path_ that is
relative begins at the folder of the configuration file; that of *cgi* begins at the site's *root*.

*include = ["conf.d/\*.toml"]*, above the first section, reads further files as if they stood in
this one: their *[[site]]*s and *[[listen]]*s are added, the keys of their other sections joined.
No key may be said twice. A pattern gives its files in the order of their names, and may give
none; it begins at the folder of the file that it stands in. An *include* in a *[[site]]* reads
files for that site alone, with *[[location]]* in place of *[[site.location]]*.

)";

constexpr std::string_view fields_introduction = R"(# FIELDS OF THE ACCESS LOG

*format = "json"* writes all of them but *local_time* and *clf_bytes_sent*; those from *script* on
only where a program was asked for. In a format of your own each stands in braces, a brace is
written twice, and what is missing is a *-*. A line is written when the answer is complete and its
program has ended.

)";

constexpr std::string_view end = R"(# FILES

_/etc/cgisrv/cgisrv.toml_
	What the system's service serves by, where cgisrv is installed from a package.

# SEE ALSO

*cgisrv*(1)
)";

// One sentence of Markdown: backquoted text becomes bold, all else stays.
std::string scdoc(std::string_view markdown) {
  constexpr std::string_view special = R"(\*_#[]|+<~)";
  std::string text;
  for (const char c : markdown) {
    if (special.contains(c)) text += '\\';
    text += c == '`' ? '*' : c;
  }
  return text;
}

// A term, and its description in a paragraph below.
void append_item(std::string& page, std::string_view term, std::string_view about) {
  fmt::format_to(std::back_inserter(page), "{}\n\t{}\n\n", term, scdoc(about));
}

void append_keys(std::string& page, const Section& section) {
  for (const Parameter& row : section.parameters) {
    if (row.key.empty() && row.kind.inside->name.empty()) append_keys(page, *row.kind.inside);
    if (row.key.empty()) continue;
    append_item(page,
                fmt::format("*{}* ({}{}; {}{})", scdoc(row.key), row.kind.type,
                            row.kind.range.empty() ? "" : ": " + scdoc(row.kind.range),
                            row.absent.is_fault ? "" : "default: ", scdoc(row.default_text())),
                row.about);
  }
}

void append_manual_section(std::string& page, const Section& section) {
  fmt::format_to(std::back_inserter(page), "# {}\n\n{}\n\n", section.name, scdoc(section.about));
  append_keys(page, section);
}

}  // namespace

std::string reference_manual() {
  std::string page(begin);
  for (const Section* section : sections())
    append_manual_section(page, *section);
  page.append(fields_introduction);
  for (const accesslog::AccessField& field : accesslog::access_fields())
    append_item(page, fmt::format("*{}*", scdoc(field.name)), field.about);
  fmt::format_to(std::back_inserter(page), "# EXAMPLE\n\n```\n{}```\n\n", example_configuration());
  return page.append(end);
}

}  // namespace cgisrv::config

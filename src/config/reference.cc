#include "config/reference.h"

#include <fmt/format.h>

#include <iterator>

#include "accesslog/access_format.h"
#include "config/parameters.h"

namespace cgisrv::config {

namespace {

constexpr std::string_view introduction = R"(# Configuration reference

<!-- Generated from src/config/parameters.cc; edit that. -->

`cgisrv -c FILE` serves as a [TOML](https://toml.io) file says, and `cgisrv check -c FILE` reports
every fault in it with line and column. An unknown key is a fault; what is not set has the default
given here.

- A **size** is a text such as `"16k"`, `"10m"` or `"1g"` (powers of 1024; `"10MB"` and `"10MiB"`
  are `"10m"` too), or a plain number of bytes.
- A **duration** is a text with its unit: `"500ms"`, `"10s"`, `"5m"`, `"1h"` or `"1d"`.
- A **path** that is relative begins at the folder of the configuration file; that of `cgi` begins
  at the site's `root`.
)";

// Of both pages, in Markdown.
constexpr std::string_view about_include = R"(
`include = ["conf.d/*.toml"]`, above the first section, reads further files as if they stood in
this one: their `[[site]]`s and `[[listen]]`s are added, the keys of their other sections joined.
No key may be said twice. A pattern gives its files in the order of their names, and may give
none; it begins at the folder of the file that it stands in. An `include` in a `[[site]]` reads
files for that site alone, with `[[location]]` in place of `[[site.location]]`.

)";

constexpr std::string_view example =
    R"(# Everything that is left out has the default of the tables below.
[server]
user = "www-data"              # started by root: workers and programs run as this user
workers = "auto"               # one per core
pid_file = "/run/cgisrv.pid"

[[listen]]
address = ":80"                # every interface, IPv4 and IPv6

[[listen]]
address = "unix:/run/cgisrv.sock"

[limits]
body_size = "10m"              # 413 past it
keepalive_timeout = "30s"

[cgi]                          # for every program
timeout = "10m"
env = { LANG = "C.UTF-8" }
rlimits = { cpu = "60s", as = "1g", nofile = 256 }

[[site]]                       # the first site answers for unknown hosts too
server_name = ["example.org", "*.example.org"]
root = "/srv/www"
index = ["index.cgi", "index.html"]

[[site.location]]              # executable files below /srv/www/cgi-bin/ are run
match = "/cgi-bin/"
cgi = true

[[site.location]]              # executable files that end in .cgi are run, wherever they are
match = "*.cgi"
cgi = true

[[site.location]]              # *.py files are run by Python; they need not be executable
match = "*.py"
interpreter = "/usr/bin/python3"

[[site.location]]              # the executables of a directory elsewhere
match = "/tools/"
cgi = "/usr/lib/cgi-bin/"
headerless = "text/plain; charset=utf-8"   # some print no header

[[site.location]]              # one program for everything below /git/
match = "/git/"
cgi = "/usr/lib/git-core/git-http-backend"
env = { GIT_PROJECT_ROOT = "/srv/git", GIT_HTTP_EXPORT_ALL = "1" }
body_size = "unlimited"        # a push may be large
idle_timeout = "5m"

[[site]]
server_name = ["files.example.org"]
root = "/srv/files"
listing = true

[log]
access = { path = "/var/log/cgisrv/access.log", format = "combined" }
error = { path = "stderr", level = "info" }
)";

// Likewise.
constexpr std::string_view about_fields = R"(
`format = "json"` writes all of them but `local_time` and `clf_bytes_sent`; those from `script` on
only where a program was asked for. In a format of your own each stands in braces, a brace is
written twice, and what is missing is a `-`. A line is written when the answer is complete and its
program has ended.

)";

constexpr std::string_view manual_begin = R"(cgisrv.toml(5)

# NAME

cgisrv.toml - configuration of the CGI server cgisrv

# DESCRIPTION

*cgisrv -c* _FILE_ serves as a TOML file says (https://toml.io), and *cgisrv check -c* _FILE_
reports every fault in it with line and column. An unknown key is a fault; what is not set has the
default given here.

A _size_ is a text such as *"16k"*, *"10m"* or *"1g"* (powers of 1024; *"10MB"* and
*"10MiB"* are *"10m"* too), or a plain number of bytes.
A _duration_ is a text with its unit: *"500ms"*, *"10s"*, *"5m"*, *"1h"* or *"1d"*. A _path_ that is
relative begins at the folder of the configuration file; that of *cgi* begins at the site's *root*.
)";

constexpr std::string_view manual_end = R"(# FILES

_/etc/cgisrv/cgisrv.toml_
	What the system's service serves by, where cgisrv is installed from a package.

# SEE ALSO

*cgisrv*(1)
)";

// Of a section without a name, the keys stand among those of the section that it is merged into.
template <typename Visit>
void for_each_row(const Section& section, const Visit& visit) {
  for (const Parameter& row : section.parameters)
    if (!row.key.empty())
      visit(row);
    else if (row.kind.inside->name.empty())
      for_each_row(*row.kind.inside, visit);
}

void append_section(std::string& page, const Section& section) {
  fmt::format_to(std::back_inserter(page),
                 "\n## `{}`\n\n{}\n\n"
                 "| Key | Type | Default | Range | Description |\n|---|---|---|---|---|\n",
                 section.name, section.about);
  for_each_row(section, [&](const Parameter& row) {
    fmt::format_to(std::back_inserter(page), "| `{}` | {} | {} | {} | {} |\n", row.key,
                   row.kind.type, row.default_text(), row.kind.range, row.about);
  });
}

// ---- the manual page

// Of Markdown: backquoted text becomes bold, all else stays.
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

void append_manual_section(std::string& page, const Section& section) {
  fmt::format_to(std::back_inserter(page), "# {}\n\n{}\n\n", section.name, scdoc(section.about));
  for_each_row(section, [&](const Parameter& row) {
    append_item(page,
                fmt::format("*{}* ({}{}; {}{})", scdoc(row.key), row.kind.type,
                            row.kind.range.empty() ? "" : ": " + scdoc(row.kind.range),
                            row.absent.is_fault ? "" : "default: ", scdoc(row.default_text())),
                row.about);
  });
}

}  // namespace

std::string_view example_configuration() {
  return example;
}

std::string reference_page() {
  std::string page(introduction);
  fmt::format_to(std::back_inserter(page), "{}## Example\n\n```toml\n{}```\n", about_include,
                 example);
  for (const Section* section : sections())
    append_section(page, *section);
  page.append("\n## Fields of the access log\n").append(about_fields);
  page.append("| Field | What it tells |\n|---|---|\n");
  for (const accesslog::AccessField& field : accesslog::access_fields())
    fmt::format_to(std::back_inserter(page), "| `{}` | {} |\n", field.name, field.about);
  return page;
}

std::string reference_manual() {
  std::string page(manual_begin);
  page.append(scdoc(about_include));
  for (const Section* section : sections())
    append_manual_section(page, *section);
  page.append("# FIELDS OF THE ACCESS LOG\n").append(scdoc(about_fields));
  for (const accesslog::AccessField& field : accesslog::access_fields())
    append_item(page, fmt::format("*{}*", scdoc(field.name)), field.about);
  fmt::format_to(std::back_inserter(page), "# EXAMPLE\n\n```\n{}```\n\n", example);
  return page.append(manual_end);
}

}  // namespace cgisrv::config

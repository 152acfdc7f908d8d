#include "page/listing_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "base/text.h"
#include "http/target.h"
#include "page/page_frame.h"

namespace cgisrv::page {
namespace {

using files::ListingEntry;

struct Column {
  std::string_view key;
  std::string_view heading;
  std::string_view css_class;
  int (*compare)(const ListingEntry& a, const ListingEntry& b);
};

template <typename T>
int order(const T& a, const T& b) {
  return a < b ? -1 : b < a ? 1 : 0;
}

constexpr auto columns = std::to_array<Column>({
    {"name", "Name", "name",
     [](const ListingEntry& a, const ListingEntry& b) { return order(a.name, b.name); }},
    {"size", "Size", "number",
     [](const ListingEntry& a, const ListingEntry& b) { return order(a.bytes, b.bytes); }},
    {"date", "Changed", "when",
     [](const ListingEntry& a, const ListingEntry& b) { return order(a.modified, b.modified); }},
});

struct Sort {
  const Column* column = columns.data();
  bool descending = false;
};

Sort parse_sort(std::string_view query) {
  Sort sort;
  if (query.starts_with('-')) {
    sort.descending = true;
    query.remove_prefix(1);
  }
  const auto column = std::ranges::find(columns, query, &Column::key);
  if (column == columns.end()) return {};
  sort.column = &*column;
  return sort;
}

// Directories stay first in either direction, and equals are ordered by name. A directory's size
// means nothing, so by size, directories are ordered by name.
void sort_entries(std::vector<ListingEntry>& entries, Sort sort) {
  std::ranges::sort(entries, [sort](const ListingEntry& a, const ListingEntry& b) {
    if (a.directory != b.directory) return a.directory;
    const bool by_size_of_directories = a.directory && sort.column->key == "size";
    const int by_column = by_size_of_directories ? 0 : sort.column->compare(a, b);
    if (by_column != 0) return sort.descending ? by_column > 0 : by_column < 0;
    return a.name < b.name;
  });
}

std::string size_text(std::uint64_t bytes) {
  if (bytes < 1000) return fmt::format("{} B", bytes);
  constexpr std::array units{"kB", "MB", "GB", "TB", "PB", "EB"};
  auto size = static_cast<double>(bytes) / 1000;
  std::size_t unit = 0;
  while (size >= 999.95 && unit + 1 < units.size()) {
    size /= 1000;
    ++unit;
  }
  return fmt::format("{:.1f} {}", size, units[unit]);
}

std::string time_text(std::time_t time, const char* format) {
  std::tm utc{};
  if (gmtime_r(&time, &utc) == nullptr) return {};
  std::array<char, 40> buffer{};
  return {buffer.data(), std::strftime(buffer.data(), buffer.size(), format, &utc)};
}

// "./" before the name: else a colon in a name would make a URL scheme of it.
std::string link_to(const ListingEntry& entry) {
  return fmt::format("./{}{}", text::escape_html(http::encode_path(entry.name)),
                     entry.directory ? "/" : "");
}

// The path as a heading whose parts are links. Relative, so that they also work behind a proxy that
// serves this site below a prefix.
void add_heading(std::string& out, std::string_view path) {
  auto levels = std::ranges::count(path, '/');
  out += "<h1>Index of ";
  while (!path.empty()) {
    const auto part = text::take_until(path, '/');
    std::string up;
    for (auto level = --levels; level > 0; --level)
      up += "../";
    fmt::format_to(std::back_inserter(out), "<a href=\"{}\"{}>{}/</a>", up.empty() ? "./" : up,
                   up.empty() ? " aria-current=\"page\"" : "", html_line(part));
  }
  out += "</h1>\n";
}

// A click on the sorted column reverses its direction.
void add_head(std::string& out, Sort sort) {
  out += "<thead>\n<tr>\n";
  for (const Column& column : columns) {
    const bool current = &column == sort.column;
    const std::string_view state = !current          ? ""
                                   : sort.descending ? " aria-sort=\"descending\""
                                                     : " aria-sort=\"ascending\"";
    fmt::format_to(std::back_inserter(out),
                   "<th scope=\"col\" class=\"{}\"{}><a href=\"?{}{}\">{}</a></th>\n",
                   column.css_class, state, current && !sort.descending ? "-" : "", column.key,
                   column.heading);
  }
  out += "</tr>\n</thead>\n";
}

void add_entry(std::string& out, const ListingEntry& entry) {
  const auto to = std::back_inserter(out);
  fmt::format_to(to, "<tr><th scope=\"row\"{}><a href=\"{}\">{}{}</a>{}</th><td class=\"number\"",
                 entry.directory ? " class=\"folder\"" : "", link_to(entry), html_line(entry.name),
                 entry.directory ? "/" : "",
                 entry.program ? " <span class=\"soft\">program</span>" : "");
  if (entry.directory) {
    out += '>';
  } else {
    fmt::format_to(to, " title=\"{} bytes\">{}", entry.bytes, size_text(entry.bytes));
  }
  fmt::format_to(to,
                 "</td><td class=\"when\"><time datetime=\"{}\">{}<span class=\"clock\"> "
                 "{}</span></time></td></tr>\n",
                 time_text(entry.modified, "%Y-%m-%dT%H:%M:%SZ"),
                 time_text(entry.modified, "%Y-%m-%d"), time_text(entry.modified, "%H:%M"));
}

std::string counted(std::size_t n, std::string_view one, std::string_view many) {
  return n == 0 ? "" : fmt::format("{} {}", n, n == 1 ? one : many);
}

std::string summary(std::span<const ListingEntry> entries, bool more) {
  if (more) return fmt::format("There is more here than these {} entries.", entries.size());
  if (entries.empty()) return "This directory is empty.";
  const auto folders =
      static_cast<std::size_t>(std::ranges::count_if(entries, &ListingEntry::directory));
  const auto plain = entries.size() - folders;
  return fmt::format("{}{}{}.", counted(folders, "directory", "directories"),
                     folders > 0 && plain > 0 ? " and " : "", counted(plain, "file", "files"));
}

Page as_html(std::string_view path, std::span<const ListingEntry> entries, bool more, Sort sort) {
  std::string main;
  main.reserve(1024 + entries.size() * 320);
  add_heading(main, path);
  if (path != "/") main += "<p><a href=\"../\" rel=\"up\">Parent directory</a></p>\n";
  if (!entries.empty()) {
    main += "<table class=\"listing\">\n";
    add_head(main, sort);
    main += "<tbody>\n";
    for (const ListingEntry& entry : entries)
      add_entry(main, entry);
    main += "</tbody>\n</table>\n";
  }
  fmt::format_to(std::back_inserter(main), "<footer>\n<p>{}{}</p>\n</footer>\n",
                 summary(entries, more), entries.empty() ? "" : " Times are in UTC.");
  return html_page(fmt::format("Index of {}", text::printable_line(path)), Width::wide, main);
}

// For people and for scripts: one entry a line, exact sizes, the name last.
Page as_text(std::string_view path, std::span<const ListingEntry> entries, bool more) {
  std::string body = fmt::format("Index of {}\n\n", text::printable_line(path));
  for (const ListingEntry& entry : entries) {
    fmt::format_to(std::back_inserter(body), "{}  {:>14}  {}{}\n",
                   time_text(entry.modified, "%Y-%m-%dT%H:%M:%SZ"),
                   entry.directory ? "-" : fmt::to_string(entry.bytes),
                   text::printable_line(entry.name), entry.directory ? "/" : "");
  }
  if (entries.empty() || more) body += summary(entries, more) + "\n";
  return {std::string(plain_text), std::move(body)};
}

}  // namespace

Page listing_page(std::string_view path, std::vector<ListingEntry> entries, bool more,
                  std::string_view sort_query, bool html) {
  const Sort sort = parse_sort(sort_query);
  sort_entries(entries, sort);
  return html ? as_html(path, entries, more, sort) : as_text(path, entries, more);
}

}  // namespace cgisrv::page

#include "accesslog/access_format.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <iterator>
#include <optional>

#include "base/log.h"
#include "base/suggest.h"
#include "base/text.h"

namespace cgisrv::accesslog {

namespace {

constexpr int client_closed_request = 499;  // nginx's code, which log readers know

constexpr std::string_view common_format =
    R"({remote_address} - {user} [{local_time}] "{request}" {status} {clf_bytes_sent})";
constexpr std::string_view combined_format =
    R"({remote_address} - {user} [{local_time}] "{request}" {status} {clf_bytes_sent} )"
    R"("{referer}" "{user_agent}")";

// ---- the fields --------------------------------------------------------------------------------

// word: a text that needs no escaping; column: foreign data outside quotes, and so without spaces.
enum class Kind : std::uint8_t { number, word, foreign, column };

struct Field {
  std::string_view name;
  Kind kind;
  bool of_program;
  // Appends its value; nothing if there is none.
  void (*append)(std::string& out, const AccessEntry& entry, std::time_t now);
  std::string_view about;
};

void append_number(std::string& out, std::uint64_t value) {
  fmt::format_to(std::back_inserter(out), "{}", value);
}

template <typename Span>
void append_ms(std::string& out, Span span) {
  fmt::format_to(std::back_inserter(out), "{:.3f}",
                 std::chrono::duration<double, std::milli>(span).count());
}

template <std::string_view AccessEntry::*member>
void text_of(std::string& out, const AccessEntry& entry, std::time_t) {
  out.append(entry.*member);
}

template <std::uint64_t AccessEntry::*member>
void number_of(std::string& out, const AccessEntry& entry, std::time_t) {
  append_number(out, entry.*member);
}

template <std::optional<account::Duration> account::Usage::*member>
void span_of(std::string& out, const AccessEntry& entry, std::time_t) {
  if (const auto& span = entry.usage->*member) append_ms(out, *span);
}

template <account::Duration (process::Exit::*time)() const>
void cpu_of(std::string& out, const AccessEntry& entry, std::time_t) {
  if (const auto& exit = entry.usage->exit) append_ms(out, ((*exit).*time)());
}

template <long rusage::*member>
void usage_of(std::string& out, const AccessEntry& entry, std::time_t) {
  if (const auto& exit = entry.usage->exit)
    append_number(out, static_cast<std::uint64_t>(exit->usage.*member));
}

// The Common Log Format has no 0.
void clf_bytes_sent(std::string& out, const AccessEntry& entry, std::time_t) {
  if (entry.bytes_sent > 0) append_number(out, entry.bytes_sent);
}

void iso_time(std::string& out, const AccessEntry&, std::time_t) {
  out.append(log::timestamp());
}

void local_time(std::string& out, const AccessEntry&, std::time_t now) {
  std::array<char, 40> buffer{};
  tm parts{};
  ::localtime_r(&now, &parts);
  out.append(buffer.data(),
             std::strftime(buffer.data(), buffer.size(), "%d/%b/%Y:%H:%M:%S %z", &parts));
}

void status(std::string& out, const AccessEntry& entry, std::time_t) {
  append_number(
      out, static_cast<std::uint64_t>(entry.status == 0 ? client_closed_request : entry.status));
}

void duration(std::string& out, const AccessEntry& entry, std::time_t) {
  append_ms(out, entry.duration);
}

void outcome(std::string& out, const AccessEntry& entry, std::time_t) {
  out.append(account::text(entry.usage->outcome));
}

void start(std::string& out, const AccessEntry& entry, std::time_t) {
  out.append(account::text(entry.usage->started));
}

void cold_reason(std::string& out, const AccessEntry& entry, std::time_t) {
  out.append(entry.usage->cold_reason);
}

void exit_status(std::string& out, const AccessEntry& entry, std::time_t) {
  const auto& exit = entry.usage->exit;
  if (exit && !exit->signalled) append_number(out, static_cast<std::uint64_t>(exit->code));
}

void exit_signal(std::string& out, const AccessEntry& entry, std::time_t) {
  const auto& exit = entry.usage->exit;
  if (exit && exit->signalled) out.append(text::signal_name(exit->code));
}

using enum Kind;

// clang-format off
constexpr Field fields[] = {
    {"time", word, false, iso_time, "when it was written, in UTC"},
    {"local_time", word, false, local_time, "the same as Apache writes it"},
    {"request_id", word, false, text_of<&AccessEntry::request_id>, "as in the error log and on pages; that of a proxy, where it has sent one"},
    {"remote_address", foreign, false, text_of<&AccessEntry::remote_address>, "the client: REMOTE_ADDR"},
    {"user", column, false, text_of<&AccessEntry::user>, "who has logged in: REMOTE_USER, by the key `auth`, or at a proxy by `remote_user`"},
    {"client_address", foreign, false, text_of<&AccessEntry::client_address>, "the client as `allow` sees it: its address, `unix`, or `unknown` where a proxy does not tell"},
    {"proxy_address", foreign, false, text_of<&AccessEntry::proxy_address>, "the proxy that asked for it, if it is in `trusted_proxies`: its address or `unix`"},
    {"host", foreign, false, text_of<&AccessEntry::host>, "the host asked for"},
    {"request", foreign, false, text_of<&AccessEntry::request_line>, "the request line"},
    {"method", foreign, false, text_of<&AccessEntry::method>, "its method"},
    {"target", foreign, false, text_of<&AccessEntry::target>, "its target"},
    {"status", number, false, status, "of the answer; 499: the client left before there was one"},
    {"bytes_sent", number, false, number_of<&AccessEntry::bytes_sent>, "of the answer's body"},
    {"clf_bytes_sent", number, false, clf_bytes_sent, "the same, but `-` for none, as `common` and `combined` have it"},
    {"bytes_received", number, false, number_of<&AccessEntry::bytes_received>, "of the request's body"},
    {"duration_ms", number, false, duration, "from the whole request to the whole answer"},
    {"referer", foreign, false, text_of<&AccessEntry::referer>, "the field Referer"},
    {"user_agent", foreign, false, text_of<&AccessEntry::user_agent>, "the field User-Agent"},
    {"tls_protocol", word, false, text_of<&AccessEntry::tls_protocol>, "of TLS: `TLSv1.3`; none in the clear"},
    {"tls_cipher", word, false, text_of<&AccessEntry::tls_cipher>, "likewise: `TLS_AES_256_GCM_SHA384`"},
    {"script", foreign, true, text_of<&AccessEntry::script>, "SCRIPT_NAME, or the program's file if that is empty, as of a program at `/`"},
    {"outcome", word, true, outcome, "answered, bad-exit (answered, then ended with a status other than 0), not-started, exit-status (before a header), bad-header, too-short (of its Content-Length), signal, timeout, client-left, bad-body (the request's) or refused (no place to run)"},
    {"start", word, true, start, "cold: it was executed; warm: it was forked from its zygote, see `start = \"warm\"`"},
    {"cold_reason", word, true, cold_reason, "why it was started cold where it was to be warm: booting, changed, refused, busy, failed, symlinks, allow_setuid, cgroup or no-zygotes; see docs/warm-start.md"},
    {"queue_ms", number, true, span_of<&account::Usage::queue>, "waited for a place to run"},
    {"start_ms", number, true, span_of<&account::Usage::start>, "from the place until it ran"},
    {"header_ms", number, true, span_of<&account::Usage::header>, "from its start until its header was whole"},
    {"run_ms", number, true, span_of<&account::Usage::run>, "from its start until its exit"},
    {"exit", number, true, exit_status, "its exit status"},
    {"signal", word, true, exit_signal, "the signal that killed it"},
    {"cpu_user_ms", number, true, cpu_of<&process::Exit::user_time>, "processor time in programs: its own and that of the children it waited for"},
    {"cpu_system_ms", number, true, cpu_of<&process::Exit::system_time>, "processor time in the kernel, likewise; the sum of both is what it cost"},
    {"peak_rss_kib", number, true, usage_of<&rusage::ru_maxrss>, "resident memory at its most; what it began with counts: the worker's own few MiB, or what it shares with its zygote"},
    {"minor_faults", number, true, usage_of<&rusage::ru_minflt>, "page faults"},
    {"major_faults", number, true, usage_of<&rusage::ru_majflt>, "those that waited for a disk"},
};
// clang-format on

int find_field(std::string_view name) {
  for (unsigned i = 0; i < std::size(fields); ++i)
    if (fields[i].name == name) return static_cast<int>(i);
  return -1;
}

std::string no_field(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Field& field : fields)
    names.push_back(field.name);
  const auto near = nearest(name, names);
  return fmt::format(
      "there is no field {{{}}}; {}", text::escape(name, 40),
      near ? fmt::format("did you mean {{{}}}?", *near) : "docs/reference.md lists them");
}

// Empty if there is none.
std::string value_of(const Field& field, const AccessEntry& entry, std::time_t now) {
  std::string value;
  if (field.of_program && entry.usage == nullptr) return value;
  field.append(value, entry, now);
  return field.kind == foreign || field.kind == column ? text::escape(value) : value;
}

// A program's fields are only present if one was asked for.
std::string json_line(const AccessEntry& entry, std::time_t now) {
  std::string line;
  for (const Field& field : fields) {
    if (field.append == local_time || field.append == clf_bytes_sent ||
        (field.of_program && entry.usage == nullptr))
      continue;
    fmt::format_to(std::back_inserter(line), "{}\"{}\":", line.empty() ? '{' : ',', field.name);
    const auto value = value_of(field, entry, now);
    if (value.empty()) {
      line.append("null");
    } else if (field.kind == number) {
      line.append(value);
    } else {
      text::append_json(line, value);
    }
  }
  return line.append("}\n");
}

}  // namespace

// ---- entries -----------------------------------------------------------------------------------

namespace {
constexpr std::string_view AccessEntry::*texts[] = {
    &AccessEntry::remote_address, &AccessEntry::client_address, &AccessEntry::proxy_address,
    &AccessEntry::user,           &AccessEntry::request_line,   &AccessEntry::method,
    &AccessEntry::target,         &AccessEntry::host,           &AccessEntry::referer,
    &AccessEntry::user_agent,     &AccessEntry::request_id,     &AccessEntry::script,
    &AccessEntry::program,        &AccessEntry::diagnosis,      &AccessEntry::tls_protocol,
    &AccessEntry::tls_cipher};
static_assert(offsetof(AccessEntry, status) == std::size(texts) * sizeof(std::string_view),
              "a text of an entry is not in this list, and would not be kept");
}  // namespace

StoredEntry::StoredEntry(const AccessEntry& entry) : entry_(entry) {
  for (const auto member : texts)
    texts_.append(entry.*member);
}

AccessEntry StoredEntry::entry() const {
  AccessEntry entry = entry_;
  std::string_view rest = texts_;
  for (const auto member : texts) {
    entry.*member = rest.substr(0, (entry_.*member).size());
    rest.remove_prefix((entry_.*member).size());
  }
  return entry;
}

// ---- formats -----------------------------------------------------------------------------------

Result<AccessFormat> AccessFormat::parse(std::string_view text) {
  AccessFormat format;
  std::vector<std::string> faults;
  if (text == "json") {
    format.json_ = true;
    return format;
  }
  if (text == "common") text = common_format;
  if (text == "combined") text = combined_format;
  Piece piece;
  while (!text.empty()) {
    const char c = text.front();
    const bool doubled = text.starts_with("{{") || text.starts_with("}}");
    if (doubled || (c != '{' && c != '}')) {
      piece.text.push_back(c);
      text.remove_prefix(doubled ? 2 : 1);
      continue;
    }
    const auto end = text.find('}');
    if (c == '}' || end == text.npos) {
      faults.emplace_back("a brace stands alone; write it twice to have one in the line");
      text.remove_prefix(1);
      continue;
    }
    const auto name = text.substr(1, end - 1);
    piece.field = find_field(name);
    if (piece.field < 0) faults.push_back(no_field(name));
    format.pieces_.push_back(std::move(piece));
    piece = {};
    text.remove_prefix(end + 1);
  }
  if (!faults.empty()) return fail("{}", fmt::join(faults, "; "));
  if (format.pieces_.empty())
    return fail(
        "neither \"combined\", \"common\" or \"json\", nor a text with fields in braces, such as "
        "\"{{host}} {{remote_address}} {{status}}\"; docs/reference.md lists them");
  piece.text.push_back('\n');
  format.pieces_.push_back(std::move(piece));
  return format;
}

namespace {

std::string one_column(std::string_view value) {
  std::string column;
  for (const char c : value)
    c == ' ' ? column.append("\\x20") : column.append(1, c);
  return column;
}

}  // namespace

std::string AccessFormat::line(const AccessEntry& entry, std::time_t now) const {
  if (json_) return json_line(entry, now);
  std::string line;
  for (const Piece& piece : pieces_) {
    line.append(piece.text);
    if (piece.field < 0) continue;
    const Field& field = fields[piece.field];
    const auto value = value_of(field, entry, now);
    const std::string_view shown = value.empty() ? std::string_view("-") : value;
    if (field.kind == column && shown.contains(' '))
      line += one_column(shown);
    else
      line.append(shown);
  }
  return line;
}

std::string check_access_format(const std::string& text) {
  const auto format = AccessFormat::parse(text);
  return format ? std::string() : format.error().what;
}

std::vector<AccessField> access_fields() {
  std::vector<AccessField> found;
  for (const Field& field : fields)
    found.push_back({field.name, field.about});
  return found;
}

}  // namespace cgisrv::accesslog

#include "exec/request.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/text.h"
#include "cgi/spool.h"

namespace cgisrv::exec {

namespace {

constexpr std::uint64_t spool_memory = 1 << 20;

std::string_view name_of(std::string_view field) {
  return field.substr(0, field.find(':'));
}

const std::string* find_field(const std::vector<std::string>& fields, std::string_view name) {
  const auto found = std::ranges::find_if(
      fields, [&](const auto& field) { return text::equals_ignoring_case(name_of(field), name); });
  return found == fields.end() ? nullptr : &*found;
}

bool is_framed(const std::vector<std::string>& fields) {
  return find_field(fields, "Content-Length") != nullptr ||
         find_field(fields, "Transfer-Encoding") != nullptr;
}

bool is_chunked(const std::vector<std::string>& fields) {
  const std::string* const field = find_field(fields, "Transfer-Encoding");
  if (field == nullptr) return false;
  const auto value = text::trim(std::string_view(*field).substr(field->find(':') + 1));
  return text::equals_ignoring_case(value, "chunked");
}

}  // namespace

bool has_body(std::string_view method, const std::vector<std::string>& fields) {
  constexpr std::array<std::string_view, 6> without = {"GET",    "HEAD",  "OPTIONS",
                                                       "DELETE", "TRACE", "CONNECT"};
  return is_framed(fields) || std::ranges::find(without, method) == without.end();
}

Result<Body> read_body(int input) {
  struct stat status {};
  if (::fstat(input, &status) == 0 && S_ISREG(status.st_mode)) {
    const off_t at = std::max<off_t>(::lseek(input, 0, SEEK_CUR), 0);
    Fd file(::fcntl(input, F_DUPFD_CLOEXEC, 3));
    if (!file) return fail_errno(errno, "reading the body");
    const auto length = static_cast<std::uint64_t>(std::max<off_t>(status.st_size - at, 0));
    return Body{std::move(file), static_cast<std::uint64_t>(at), length};
  }
  cgi::SpoolMemory memory(spool_memory);
  cgi::Spool spool(spool_memory, memory);
  std::array<char, 64 * 1024> bytes;
  ssize_t size = 0;
  while ((size = ::read(input, bytes.data(), bytes.size())) > 0 || (size < 0 && errno == EINTR))
    if (size > 0)
      if (auto kept = spool.append({bytes.data(), static_cast<std::size_t>(size)}); !kept)
        return std::unexpected(kept.error());
  if (size < 0) return fail_errno(errno, "reading the body from standard input");
  const std::uint64_t length = spool.size();
  auto file = spool.take();
  if (!file) return std::unexpected(file.error());
  return Body{std::move(*file), 0, length};
}

Result<ExecRequest> make_request(std::string method, std::string url, const std::string& host,
                                 const std::vector<std::string>& fields, std::optional<Body> body) {
  for (const std::string& field : fields)
    if (field.find(':') == field.npos || field.find_first_of("\r\n") != field.npos)
      return fail("\"{}\" is no header; write it as -H 'Name: value', one for each",
                  text::escape(field, 200));
  std::string head = fmt::format("{} {} HTTP/1.1\r\n", method, url);
  if (find_field(fields, "Host") == nullptr) head += fmt::format("Host: {}\r\n", host);
  for (const std::string& field : fields)
    head.append(field).append("\r\n");
  if (body && !is_framed(fields)) head += fmt::format("Content-Length: {}\r\n", body->length);
  head += "\r\n";
  return ExecRequest{std::move(method), std::move(url), std::move(head), std::move(body),
                     is_chunked(fields)};
}

}  // namespace cgisrv::exec

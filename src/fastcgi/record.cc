#include "fastcgi/record.h"

#include <algorithm>

#include "base/check.h"

namespace cgisrv::fastcgi {

namespace {

constexpr unsigned version = 1;
constexpr std::size_t body_bytes = 8;  // of a record that begins or ends a request
constexpr std::uint8_t keep_connection = 1;
constexpr std::size_t short_length_max = 127;

unsigned byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

std::uint16_t number16(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>((byte_at(bytes, at) << 8) | byte_at(bytes, at + 1));
}

std::uint32_t number32(std::string_view bytes, std::size_t at) {
  return (std::uint32_t{number16(bytes, at)} << 16) | number16(bytes, at + 2);
}

void append16(std::string& to, unsigned number) {
  to.push_back(static_cast<char>(number >> 8));
  to.push_back(static_cast<char>(number));
}

void append32(std::string& to, std::uint32_t number) {
  append16(to, number >> 16);
  append16(to, number & 0xffff);
}

bool is_stream(Type type) {
  return type >= Type::params && type <= Type::data;
}

// One byte, or four of which the first has its top bit set.
std::optional<std::size_t> take_length(std::string_view& bytes) {
  if (bytes.empty()) return std::nullopt;
  const bool is_long = byte_at(bytes, 0) > short_length_max;
  const std::size_t size = is_long ? 4 : 1;
  if (bytes.size() < size) return std::nullopt;
  const std::size_t length = is_long ? number32(bytes, 0) & 0x7fffffff : byte_at(bytes, 0);
  bytes.remove_prefix(size);
  return length;
}

void append_length(std::string& to, std::size_t length) {
  CGISRV_CHECK(length <= 0x7fffffff);
  if (length <= short_length_max)
    to.push_back(static_cast<char>(length));
  else
    append32(to, static_cast<std::uint32_t>(length) | 0x80000000);
}

}  // namespace

// ---- reading -----------------------------------------------------------------------------------

// False: it is not whole, or is none.
bool RecordReader::take_header(std::string_view& bytes) {
  const std::size_t skipped = std::min(padding_left_, bytes.size());
  bytes.remove_prefix(skipped);
  padding_left_ -= skipped;
  const std::size_t taken = std::min(header_bytes - head_.size(), bytes.size());
  head_.append(bytes.substr(0, taken));
  bytes.remove_prefix(taken);
  if (!head_.empty() && byte_at(head_, 0) != version) {
    problem_ = "a record that is not of version 1 of FastCGI";
    return false;
  }
  if (head_.size() < header_bytes) return false;
  header_ = {.type = static_cast<Type>(head_[1]),
             .id = number16(head_, 2),
             .content_size = number16(head_, 4),
             .padding_size = static_cast<std::uint8_t>(head_[6])};
  head_.clear();
  whole_.clear();
  is_in_record_ = true;
  content_left_ = header_.content_size;
  padding_left_ = header_.padding_size;
  return true;
}

std::optional<RecordReader::Part> RecordReader::next(std::string_view& bytes) {
  if (!problem_.empty()) return std::nullopt;
  if (!is_in_record_ && !take_header(bytes)) return std::nullopt;
  if (bytes.empty() && content_left_ > 0) return std::nullopt;
  auto content = bytes.substr(0, content_left_);
  bytes.remove_prefix(content.size());
  content_left_ -= content.size();
  is_in_record_ = content_left_ > 0;
  // A record that is all here needs no copy.
  if (!is_stream(header_.type) && content.size() < header_.content_size) {
    whole_.append(content);
    if (is_in_record_) return std::nullopt;
    content = whole_;
  }
  return Part{.header = header_, .content = content, .is_last = !is_in_record_};
}

std::optional<std::vector<Pair>> read_pairs(std::string_view bytes) {
  std::vector<Pair> pairs;
  while (!bytes.empty()) {
    const auto name = take_length(bytes);
    const auto value = name ? take_length(bytes) : std::nullopt;
    if (!value || *name > bytes.size() || *value > bytes.size() - *name) return std::nullopt;
    pairs.emplace_back(bytes.substr(0, *name), bytes.substr(*name, *value));
    bytes.remove_prefix(*name + *value);
  }
  return pairs;
}

std::optional<Begin> read_begin(std::string_view content) {
  if (content.size() < body_bytes) return std::nullopt;
  return Begin{.role = static_cast<Role>(number16(content, 0)),
               .keeps_connection = (byte_at(content, 2) & keep_connection) != 0};
}

std::optional<End> read_end(std::string_view content) {
  if (content.size() < body_bytes) return std::nullopt;
  return End{.application_status = number32(content, 0),
             .status = static_cast<EndStatus>(content[4])};
}

// ---- writing -----------------------------------------------------------------------------------

void write_header(std::string& to, const Header& header) {
  to.push_back(static_cast<char>(version));
  to.push_back(static_cast<char>(header.type));
  append16(to, header.id);
  append16(to, header.content_size);
  to.push_back(static_cast<char>(header.padding_size));
  to.push_back('\0');  // reserved
}

void write_record(std::string& to, Type type, std::uint16_t id, std::string_view content) {
  CGISRV_CHECK(content.size() <= content_bytes_max);
  write_header(
      to, {.type = type, .id = id, .content_size = static_cast<std::uint16_t>(content.size())});
  to.append(content);
}

void write_stream(std::string& to, Type type, std::uint16_t id, std::string_view bytes) {
  for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), full_content_bytes)))
    write_record(to, type, id, bytes.substr(0, full_content_bytes));
}

void write_stream_end(std::string& to, Type type, std::uint16_t id) {
  write_record(to, type, id, {});
}

void write_begin(std::string& to, std::uint16_t id, const Begin& begin) {
  std::string content;
  append16(content, static_cast<unsigned>(begin.role));
  content.push_back(begin.keeps_connection ? static_cast<char>(keep_connection) : '\0');
  content.resize(body_bytes);
  write_record(to, Type::begin_request, id, content);
}

void write_end(std::string& to, std::uint16_t id, const End& end) {
  std::string content;
  append32(content, end.application_status);
  content.push_back(static_cast<char>(end.status));
  content.resize(body_bytes);
  write_record(to, Type::end_request, id, content);
}

void write_break(std::string& to) {
  to.append(header_bytes, '\0');
}

void write_unknown_type(std::string& to, Type type) {
  std::string content(1, static_cast<char>(type));
  content.resize(body_bytes);
  write_record(to, Type::unknown_type, 0, content);
}

void write_pair(std::string& to, std::string_view name, std::string_view value) {
  append_length(to, name.size());
  append_length(to, value.size());
  to.append(name).append(value);
}

}  // namespace cgisrv::fastcgi

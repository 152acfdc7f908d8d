// The records of FastCGI 1.0: a header of eight bytes, content, padding. Pure, and for both ends:
// of a web server's connection to us, and of ours to a backend.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cgisrv::fastcgi {

inline constexpr std::size_t header_bytes = 8;
inline constexpr std::size_t content_bytes_max = 65535;
// A whole number of eights, as the specification recommends.
inline constexpr std::size_t full_content_bytes = 65528;

// As sent: a peer may send other numbers.
enum class Type : std::uint8_t {
  begin_request = 1,
  abort_request = 2,
  end_request = 3,
  params = 4,
  standard_input = 5,
  standard_output = 6,
  standard_error = 7,
  data = 8,
  get_values = 9,
  get_values_result = 10,
  unknown_type = 11,
};

enum class Role : std::uint16_t { responder = 1, authorizer = 2, filter = 3 };

enum class EndStatus : std::uint8_t {
  complete = 0,
  cannot_multiplex = 1,
  overloaded = 2,
  unknown_role = 3,
};

struct Header {
  Type type{};
  std::uint16_t id = 0;  // 0: the record is about the connection
  std::uint16_t content_size = 0;
  std::uint8_t padding_size = 0;
};

// ---- reading -----------------------------------------------------------------------------------

// Finds the records in bytes that come in pieces of any size.
class RecordReader {
 public:
  // The content of a record: of streams (params to data) as it comes, in one part or several; of
  // every other type whole. A record without content has one empty part.
  struct Part {
    Header header;
    std::string_view content;  // until the next call, or the end of the bytes' life
    bool is_last = false;      // of its record
  };

  // Takes the next part off the front of `bytes`. Nothing: more bytes are needed, all are taken; or
  // there is a problem.
  std::optional<Part> next(std::string_view& bytes);
  // Why nothing that follows can be read; empty: there is none. Static storage.
  std::string_view problem() const { return problem_; }
  // The record of which content is outstanding; null: none, or its header is not whole.
  const Header* current() const { return is_in_record_ ? &header_ : nullptr; }
  // Nothing of a record is outstanding but what has been returned.
  bool is_between_records() const { return !is_in_record_ && head_.empty() && padding_left_ == 0; }

 private:
  bool take_header(std::string_view& bytes);

  std::string head_;  // of a header, so far
  Header header_;
  bool is_in_record_ = false;  // content is still to come, or to be told
  std::size_t content_left_ = 0;
  std::size_t padding_left_ = 0;
  std::string whole_;  // content of a record that is returned whole
  std::string_view problem_;
};

using Pair = std::pair<std::string_view, std::string_view>;
// All pairs of a name and a value, as views into `bytes`. Nothing: a length leads beyond the end.
std::optional<std::vector<Pair>> read_pairs(std::string_view bytes);

struct Begin {
  Role role{};
  bool keeps_connection = false;
};
// The content of a record. Nothing: it is too short.
std::optional<Begin> read_begin(std::string_view content);

struct End {
  std::uint32_t application_status = 0;
  EndStatus status{};
};
std::optional<End> read_end(std::string_view content);

// ---- writing: each appends ---------------------------------------------------------------------

void write_header(std::string& to, const Header& header);
// One record, without padding: nginx takes padding behind a head for the beginning of the body, and
// keeps the head until more comes. `content`: at most content_bytes_max.
void write_record(std::string& to, Type type, std::uint16_t id, std::string_view content);
// As many records as the bytes need; none for no bytes, which would end the stream.
void write_stream(std::string& to, Type type, std::uint16_t id, std::string_view bytes);
void write_stream_end(std::string& to, Type type, std::uint16_t id);
void write_begin(std::string& to, std::uint16_t id, const Begin& begin);
void write_end(std::string& to, std::uint16_t id, const End& end);
// What no reader takes for a record, of version 0: all before it, and nothing else, has been said.
void write_break(std::string& to);
void write_unknown_type(std::string& to, Type type);
void write_pair(std::string& to, std::string_view name, std::string_view value);

}  // namespace cgisrv::fastcgi

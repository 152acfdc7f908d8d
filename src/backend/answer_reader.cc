#include "backend/answer_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "backend/request_writer.h"
#include "base/text.h"

namespace cgisrv::backend {

namespace {

using fastcgi::Type;

// They come in any order at any time, and are about the connection, not the request.
bool is_about_connection(const fastcgi::Header& header) {
  return header.id == 0 &&
         (header.type == Type::get_values_result || header.type == Type::unknown_type);
}

}  // namespace

std::optional<AnswerReader::Part> AnswerReader::next(std::string_view& bytes) {
  if (protocol_ == Protocol::scgi) {
    if (bytes.empty()) return std::nullopt;
    return Part{.bytes = std::exchange(bytes, {})};
  }
  while (problem_.empty() && !has_ended_) {
    const std::string_view before = bytes;
    const auto part = records_.next(bytes);
    if (!records_.problem().empty()) refuse_first_bytes(before);
    if (!part) return std::nullopt;
    has_begun_ = true;
    if (const auto judged = judge(*part)) return judged;
  }
  const std::size_t padding = has_ended_ ? std::min(padding_left_, bytes.size()) : 0;
  bytes.remove_prefix(padding);
  padding_left_ -= padding;
  return std::nullopt;
}

// Nothing: it tells nothing, or there is a problem.
std::optional<AnswerReader::Part> AnswerReader::judge(const fastcgi::RecordReader::Part& part) {
  const fastcgi::Header& header = part.header;
  if (is_about_connection(header)) return std::nullopt;
  if (header.id != only_id) {
    problem_ = fmt::format("it sent a record for a request {} that it was never asked", header.id);
    return std::nullopt;
  }
  switch (header.type) {
    case Type::standard_output:
      if (part.content.empty()) return std::nullopt;  // its end; that of the request follows
      return Part{.bytes = part.content};
    case Type::standard_error:
      if (part.content.empty()) return std::nullopt;
      return Part{.kind = Part::Kind::errors, .bytes = part.content};
    case Type::end_request:
      if (const auto end = fastcgi::read_end(part.content)) {
        has_ended_ = true;
        padding_left_ = header.padding_size;
        return Part{.kind = Part::Kind::end, .end = *end};
      }
      problem_ = "its record that ends a request is too short";
      return std::nullopt;
    default:
      problem_ = fmt::format("it sent a record of type {}, which is none of an answer's",
                             std::to_underlying(header.type));
      return std::nullopt;
  }
}

void AnswerReader::refuse_first_bytes(std::string_view bytes) {
  constexpr std::size_t shown = 60;
  if (has_begun_)
    problem_ = "it sent something that is no record of FastCGI in the middle of its answer";
  else if (bytes.starts_with("HTTP/"))
    problem_ = "it speaks HTTP, not FastCGI; name the address where its FastCGI is";
  else
    problem_ = fmt::format("it does not speak FastCGI: its answer begins with \"{}\"",
                           text::escape(bytes.substr(0, shown)));
}

}  // namespace cgisrv::backend

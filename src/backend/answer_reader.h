// What a FastCGI or SCGI server answers: output, errors, and the end. Pure: bytes in, parts out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "backend/target.h"
#include "fastcgi/record.h"

namespace cgisrv::backend {

class AnswerReader {
 public:
  explicit AnswerReader(Protocol protocol) : protocol_(protocol) {}

  struct Part {
    enum class Kind : std::uint8_t { output, errors, end };
    Kind kind = Kind::output;
    std::string_view bytes;  // of output and errors, as for RecordReader
    fastcgi::End end{};
  };

  // Takes the next part off the front of `bytes`. Nothing: all are taken, or there is a problem.
  // What comes after the end stays.
  std::optional<Part> next(std::string_view& bytes);
  // Why nothing that follows can be read, with what was sent, escaped; empty: there is none.
  const std::string& problem() const { return problem_; }
  // The end has come, and is whole with its padding. SCGI's is the end of the connection.
  bool has_ended() const { return has_ended_ && padding_left_ == 0; }

 private:
  std::optional<Part> judge(const fastcgi::RecordReader::Part& part);
  void refuse_first_bytes(std::string_view bytes);

  const Protocol protocol_;
  fastcgi::RecordReader records_;
  bool has_ended_ = false;
  std::size_t padding_left_ = 0;  // of the end
  bool has_begun_ = false;        // a record was whole
  std::string problem_;
};

}  // namespace cgisrv::backend

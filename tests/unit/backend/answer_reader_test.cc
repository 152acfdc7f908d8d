#include "backend/answer_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "backend/request_writer.h"

namespace cgisrv::backend {
namespace {

using Kind = AnswerReader::Part::Kind;
using fastcgi::Type;
using testing::HasSubstr;

struct Heard {
  std::string output, errors, problem;
  std::optional<fastcgi::End> end;
  bool has_ended = false;
};

Heard hear(Protocol protocol, std::string_view bytes, std::size_t piece) {
  AnswerReader reader(protocol);
  Heard heard;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    auto rest = bytes.substr(at, piece);
    while (const auto part = reader.next(rest)) {
      if (part->kind == Kind::output) heard.output += part->bytes;
      if (part->kind == Kind::errors) heard.errors += part->bytes;
      if (part->kind == Kind::end) heard.end = part->end;
    }
  }
  heard.problem = reader.problem();
  heard.has_ended = reader.has_ended();
  return heard;
}

std::string whole_answer() {
  std::string bytes;
  fastcgi::write_record(bytes, Type::get_values_result, 0, "x");
  fastcgi::write_record(bytes, Type::standard_error, only_id, "oh");
  fastcgi::write_record(bytes, Type::standard_output, only_id, "Status: 200 OK\n\n");
  fastcgi::write_record(bytes, Type::standard_output, only_id, "body");
  fastcgi::write_record(bytes, Type::standard_output, only_id, "");
  fastcgi::write_end(bytes, only_id, {.application_status = 3, .status = {}});
  return bytes;
}

TEST(AnswerReader, ReadsPiecesOfAnySize) {
  const std::string bytes = whole_answer();
  for (const std::size_t piece : {1, 2, 3, 7, 8, 9, 1000}) {
    const Heard heard = hear(Protocol::fastcgi, bytes, piece);
    EXPECT_EQ(heard.output, "Status: 200 OK\n\nbody");
    EXPECT_EQ(heard.errors, "oh");
    EXPECT_EQ(heard.problem, "");
    ASSERT_TRUE(heard.end.has_value());
    EXPECT_EQ(heard.end->application_status, 3U);
    EXPECT_TRUE(heard.has_ended);
  }
}

TEST(AnswerReader, HasNotEndedBeforeItsPadding) {
  std::string bytes;
  fastcgi::write_header(bytes, {Type::end_request, only_id, 8, 4});
  bytes.append(8, '\0');
  EXPECT_FALSE(hear(Protocol::fastcgi, bytes, 100).has_ended);
  EXPECT_FALSE(hear(Protocol::fastcgi, bytes + "123", 100).has_ended);
  EXPECT_TRUE(hear(Protocol::fastcgi, bytes + "1234", 1).has_ended);
}

TEST(AnswerReader, RefusesWhatIsNoneOfItsAnswers) {
  std::string other;
  fastcgi::write_record(other, Type::standard_output, 2, "x");
  EXPECT_THAT(hear(Protocol::fastcgi, other, 8).problem, HasSubstr("request 2"));
  std::string input;
  fastcgi::write_record(input, Type::standard_input, only_id, "x");
  EXPECT_THAT(hear(Protocol::fastcgi, input, 8).problem, HasSubstr("type 5"));
  std::string brief;
  fastcgi::write_record(brief, Type::end_request, only_id, "x");
  EXPECT_THAT(hear(Protocol::fastcgi, brief, 8).problem, HasSubstr("too short"));
  EXPECT_THAT(hear(Protocol::fastcgi, "HTTP/1.1 200 OK", 100).problem, HasSubstr("speaks HTTP"));
  EXPECT_THAT(hear(Protocol::fastcgi, "\x1b[0m", 100).problem, HasSubstr("begins with \"\\x1b["));
  std::string middle = whole_answer();
  middle.resize(16);
  EXPECT_THAT(hear(Protocol::fastcgi, middle + "what", 100).problem, HasSubstr("in the middle"));
}

TEST(AnswerReader, TakesAllOfScgiAsOutput) {
  const Heard heard = hear(Protocol::scgi, "\1\1Status", 3);
  EXPECT_EQ(heard.output, "\1\1Status");
  EXPECT_FALSE(heard.has_ended);
}

}  // namespace
}  // namespace cgisrv::backend

#include "files/static_file.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "http/date.h"

namespace cgisrv::files {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr std::time_t now = 1'700'000'000;

class StaticFile : public testing::Test {
 protected:
  StaticFile() {
    request.method = "GET";
    file.st_ino = 0xabc;
    file.st_size = 1000;
    file.st_mtim = {now - 100, 0x123};
  }
  FileAnswer answer() { return answer_file(request, file, "text/plain", now); }
  FileAnswer answer_with(std::string_view name, std::string_view value) {
    request.fields.assign({{name, value}});
    return answer();
  }
  static std::string get(const FileAnswer& answer, std::string_view name) {
    std::string all;
    for (const auto& field : answer.response.fields) {
      if (field.name == name) all += (all.empty() ? "" : "|") + field.value;
    }
    return all;
  }
  std::string etag() { return get(answer(), "ETag"); }

  http::Request request;
  struct stat file {};
};

TEST_F(StaticFile, WholeFile) {
  const auto whole = answer();
  EXPECT_EQ(whole.response.status, 200);
  EXPECT_EQ(whole.response.content_length, 1000u);
  EXPECT_EQ(get(whole, "Content-Type"), "text/plain");
  EXPECT_EQ(get(whole, "Accept-Ranges"), "bytes");
  EXPECT_EQ(get(whole, "ETag"), "\"3e8-6553f09c.123\"");
  EXPECT_EQ(get(whole, "Last-Modified"), http::format_date(now - 100));
  ASSERT_EQ(whole.pieces.size(), 1u);
  EXPECT_EQ(whole.pieces[0].offset, 0u);
  EXPECT_EQ(whole.pieces[0].length, 1000u);
}

TEST_F(StaticFile, EmptyFile) {
  file.st_size = 0;
  EXPECT_EQ(answer().response.content_length, 0u);
  EXPECT_THAT(answer().pieces, IsEmpty());
}

using Rfc9110_9_3_2 = StaticFile;
TEST_F(Rfc9110_9_3_2, HeadHasTheFieldsOfGetAndNoContent) {
  request.method = "HEAD";
  EXPECT_EQ(answer().response.content_length, 1000u);
  EXPECT_EQ(get(answer(), "Content-Type"), "text/plain");
  EXPECT_THAT(answer().pieces, IsEmpty());
}

using Rfc9110_8_8_1 = StaticFile;
TEST_F(Rfc9110_8_8_1, ETagChangesWithTheFileAndIsWeakWhileItIsYoung) {
  const auto first = etag();
  file.st_mtim.tv_nsec++;
  EXPECT_NE(etag(), first);
  file.st_mtim.tv_sec = now - 1;
  EXPECT_THAT(etag(), StartsWith("W/\""));
  file.st_mtim.tv_sec = now + 50;
  EXPECT_THAT(etag(), StartsWith("W/\""));
}

using Rfc9110_8_8_2_1 = StaticFile;
TEST_F(Rfc9110_8_8_2_1, LastModifiedIsNotAfterDate) {
  file.st_mtim.tv_sec = now + 50;
  EXPECT_EQ(get(answer(), "Last-Modified"), http::format_date(now));
}

using Rfc9110_13_1_1 = StaticFile;
TEST_F(Rfc9110_13_1_1, FailedPreconditionIs412) {
  const auto failed = answer_with("If-Match", "\"other\"");
  EXPECT_EQ(failed.response.status, 412);
  EXPECT_EQ(failed.response.content_length, 0u);
  EXPECT_THAT(failed.pieces, IsEmpty());
}

using Rfc9110_15_4_5 = StaticFile;
// Fault 35.
TEST_F(Rfc9110_15_4_5, NotModifiedRepeatsTheValidatorsAlone) {
  const auto tag = etag();
  const auto same = answer_with("If-None-Match", tag);
  EXPECT_EQ(same.response.status, 304);
  EXPECT_EQ(get(same, "ETag"), tag);
  EXPECT_EQ(get(same, "Last-Modified"), http::format_date(now - 100));
  EXPECT_EQ(get(same, "Content-Type"), "");
  EXPECT_EQ(same.response.content_length, std::nullopt);
  EXPECT_THAT(same.pieces, IsEmpty());
}

using Rfc9110_14_2 = StaticFile;
TEST_F(Rfc9110_14_2, RangesAreForGetAlone) {
  request.method = "HEAD";
  const auto head = answer_with("Range", "bytes=0-1");
  EXPECT_EQ(head.response.status, 200);
  EXPECT_EQ(head.response.content_length, 1000u);
}
TEST_F(Rfc9110_14_2, UnknownUnitsAreIgnored) {
  EXPECT_EQ(answer_with("Range", "lines=0-1").response.status, 200);
}
TEST_F(Rfc9110_14_2, PreconditionsComeFirst) {
  const auto tag = etag();
  request.fields = {{"Range", "bytes=0-1"}, {"If-None-Match", tag}};
  EXPECT_EQ(answer().response.status, 304);
}

using Rfc9110_15_3_7_1 = StaticFile;
TEST_F(Rfc9110_15_3_7_1, OneRange) {
  const auto part = answer_with("Range", "bytes=10-19");
  EXPECT_EQ(part.response.status, 206);
  EXPECT_EQ(get(part, "Content-Range"), "bytes 10-19/1000");
  EXPECT_EQ(get(part, "Content-Type"), "text/plain");
  EXPECT_EQ(part.response.content_length, 10u);
  ASSERT_EQ(part.pieces.size(), 1u);
  EXPECT_EQ(part.pieces[0].offset, 10u);
  EXPECT_EQ(part.pieces[0].length, 10u);
}
TEST_F(Rfc9110_15_3_7_1, SuffixLongerThanTheFileIsAllOfIt) {
  EXPECT_EQ(get(answer_with("Range", "bytes=-5000"), "Content-Range"), "bytes 0-999/1000");
}

using Rfc9110_15_3_7_2 = StaticFile;
// Fault 32.
TEST_F(Rfc9110_15_3_7_2, SeveralRangesAreMultipart) {
  const auto parts = answer_with("Range", "bytes=0-0,-1");
  EXPECT_EQ(parts.response.status, 206);
  EXPECT_EQ(get(parts, "Content-Range"), "");
  const auto type = get(parts, "Content-Type");
  ASSERT_THAT(type, StartsWith("multipart/byteranges; boundary="));
  const auto boundary = type.substr(type.find('=') + 1);
  EXPECT_EQ(boundary.size(), 32u);

  std::string body;
  for (const auto& piece : parts.pieces)
    body += piece.text + std::string(piece.length, 'x');
  EXPECT_EQ(body, "\r\n--" + boundary +
                      "\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-0/1000\r\n\r\nx"
                      "\r\n--" +
                      boundary +
                      "\r\nContent-Type: text/plain\r\nContent-Range: bytes 999-999/1000\r\n\r\nx"
                      "\r\n--" +
                      boundary + "--\r\n");
  EXPECT_EQ(parts.response.content_length, body.size());
  EXPECT_NE(get(answer(), "Content-Type"), type) << "a boundary that nobody can foresee";
}
TEST_F(Rfc9110_15_3_7_2, OverlappingRangesAreOne) {
  EXPECT_EQ(get(answer_with("Range", "bytes=0-9,5-20"), "Content-Range"), "bytes 0-20/1000");
}
TEST_F(Rfc9110_15_3_7_2, TooManyRangesAreTheWholeFile) {
  std::string ranges = "bytes=0-0";
  for (int i = 2; i < 1000; i += 2)
    ranges += fmt::format(",{}-{}", i, i);
  EXPECT_EQ(answer_with("Range", ranges).response.status, 200);
}

using Rfc9110_15_5_17 = StaticFile;
TEST_F(Rfc9110_15_5_17, PastTheEndIs416) {
  const auto past = answer_with("Range", "bytes=1000-");
  EXPECT_EQ(past.response.status, 416);
  EXPECT_EQ(get(past, "Content-Range"), "bytes */1000");
  EXPECT_EQ(past.response.content_length, 0u);
  EXPECT_THAT(past.pieces, IsEmpty());
}

using Rfc9110_13_1_5 = StaticFile;
TEST_F(Rfc9110_13_1_5, IfRangeThatDoesNotMatchIsTheWholeFile) {
  const auto tag = etag();
  request.fields = {{"Range", "bytes=0-1"}, {"If-Range", "\"old\""}};
  EXPECT_EQ(answer().response.status, 200);
  request.fields[1].value = tag;
  EXPECT_EQ(answer().response.status, 206);
}

}  // namespace
}  // namespace cgisrv::files

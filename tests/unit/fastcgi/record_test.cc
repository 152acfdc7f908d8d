#include "fastcgi/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cgisrv::fastcgi {
namespace {

using testing::ElementsAre;
using namespace std::string_literals;

struct Record {
  Type type{};
  unsigned id = 0;
  std::string content;
  std::size_t parts = 0;
  bool operator==(const Record&) const = default;
};

// All that a reader finds in bytes that come in pieces of that size.
std::vector<Record> read(RecordReader& reader, std::string_view bytes, std::size_t piece) {
  std::vector<Record> records;
  bool is_open = false;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
    std::string_view here = bytes.substr(0, piece);
    while (const auto part = reader.next(here)) {
      if (!is_open) records.push_back({part->header.type, part->header.id, {}});
      records.back().content += part->content;
      ++records.back().parts;
      is_open = !part->is_last;
    }
    EXPECT_TRUE(here.empty() || !reader.problem().empty());
  }
  EXPECT_EQ(reader.is_between_records(), !is_open && reader.problem().empty());
  return records;
}

std::string a_request() {
  std::string bytes;
  write_begin(bytes, 1, {Role::responder, true});
  write_record(bytes, Type::params, 1, "abcdefghi");
  write_stream_end(bytes, Type::params, 1);
  write_record(bytes, Type::standard_input, 1, std::string(content_bytes_max, 'x'));
  write_stream_end(bytes, Type::standard_input, 1);
  return bytes;
}

TEST(Records, AreFoundInPiecesOfAnySize) {
  for (const std::size_t piece : {1, 2, 7, 8, 9, 16, 1000, 100'000}) {
    RecordReader reader;
    const auto records = read(reader, a_request(), piece);
    ASSERT_EQ(records.size(), 5u) << piece;
    EXPECT_EQ(records[0].type, Type::begin_request);
    EXPECT_EQ(records[0].parts, 1u) << "comes whole";
    EXPECT_EQ(records[1].content, "abcdefghi");
    EXPECT_EQ(records[2].content, "");
    EXPECT_EQ(records[3].content, std::string(content_bytes_max, 'x'));
    EXPECT_EQ(records[4].type, Type::standard_input);
  }
}

TEST(Records, HaveTheirBytesInThisOrder) {
  std::string bytes;
  write_record(bytes, Type::standard_output, 0x0102, "abc");
  EXPECT_EQ(bytes, "\x01\x06\x01\x02\x00\x03\x00\x00"s + "abc"s);
  bytes.clear();
  write_begin(bytes, 2, {Role::responder, true});
  EXPECT_EQ(bytes, "\x01\x01\x00\x02\x00\x08\x00\x00\x00\x01\x01\x00\x00\x00\x00\x00"s);
  bytes.clear();
  write_end(bytes, 2, {0x01020304, EndStatus::overloaded});
  EXPECT_EQ(bytes, "\x01\x03\x00\x02\x00\x08\x00\x00\x01\x02\x03\x04\x02\x00\x00\x00"s);
  bytes.clear();
  write_unknown_type(bytes, Type{77});
  EXPECT_EQ(bytes, "\x01\x0b\x00\x00\x00\x08\x00\x00M\x00\x00\x00\x00\x00\x00\x00"s);
}

TEST(Records, OfLargeStreamsAreSeveral) {
  std::string bytes;
  write_stream(bytes, Type::standard_output, 1, "");
  EXPECT_EQ(bytes, "") << "it would be the stream's end";
  write_stream(bytes, Type::standard_output, 1, std::string(full_content_bytes + 1, 'x'));
  EXPECT_EQ(bytes.size(), header_bytes + full_content_bytes + header_bytes + 1);
  RecordReader reader;
  const auto records = read(reader, bytes, bytes.size());
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[1].content, "x");
}

TEST(Records, MayHaveAllThePaddingThatFits) {
  std::string bytes;
  write_header(bytes, {Type::params, 3, 1, 255});
  bytes += "a" + std::string(255, '\xff');
  write_header(bytes, {Type::params, 3, 0, 255});
  bytes += std::string(255, '\xff');
  for (const std::size_t piece : {1, 3, 1000}) {
    RecordReader reader;
    EXPECT_THAT(read(reader, bytes, piece),
                ElementsAre(Record{Type::params, 3, "a", 1}, Record{Type::params, 3, "", 1}));
  }
}

TEST(Records, OfOtherTypesAreReadAsTheyAre) {
  std::string bytes;
  write_record(bytes, Type{200}, 9, "what?");
  write_record(bytes, Type{0}, 9, "");
  RecordReader reader;
  EXPECT_THAT(read(reader, bytes, 3),
              ElementsAre(Record{Type{200}, 9, "what?", 1}, Record{Type{0}, 9, "", 1}));
}

TEST(Records, OfAnotherVersionEndReading) {
  RecordReader reader;
  std::string bytes;
  write_stream_end(bytes, Type::params, 1);
  EXPECT_THAT(read(reader, bytes + "GET / HTTP/1.1\r\n", 100),
              ElementsAre(Record{Type::params, 1, "", 1}));
  EXPECT_NE(reader.problem(), "");
  std::string_view more = bytes;
  EXPECT_FALSE(reader.next(more));
}

TEST(Records, EndAtABreak) {
  RecordReader reader;
  std::string bytes;
  write_stream(bytes, Type::standard_output, 1, "some");
  write_break(bytes);
  EXPECT_THAT(read(reader, bytes, 100), ElementsAre(Record{Type::standard_output, 1, "some", 1}));
  EXPECT_NE(reader.problem(), "");
}

TEST(Records, TellWhetherAnyIsOutstanding) {
  std::string bytes;
  write_record(bytes, Type::params, 1, "a");
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    RecordReader reader;
    std::string_view here = std::string_view(bytes).substr(0, size);
    while (reader.next(here)) {
    }
    EXPECT_EQ(reader.is_between_records(), size == 0 || size == bytes.size()) << size;
  }
}

TEST(Pairs, HaveLengthsOfOneByteOrFour) {
  const std::string name(127, 'n');
  const std::string value(128, 'v');
  std::string bytes;
  write_pair(bytes, name, value);
  EXPECT_EQ(bytes.substr(0, 5), "\x7f\x80\x00\x00\x80"s);
  write_pair(bytes, "", "");
  write_pair(bytes, "A", "b");
  const auto pairs = read_pairs(bytes);
  ASSERT_TRUE(pairs);
  EXPECT_THAT(*pairs, ElementsAre(Pair(name, value), Pair("", ""), Pair("A", "b")));
}

TEST(Pairs, MayUseFourBytesForASmallLength) {
  const std::string bytes = "\x80\x00\x00\x01\x01"s + "ab";
  const auto pairs = read_pairs(bytes);
  ASSERT_TRUE(pairs);
  EXPECT_THAT(*pairs, ElementsAre(Pair("a", "b")));
}

TEST(Pairs, ThatLeadBeyondTheEndAreNone) {
  std::string bytes;
  write_pair(bytes, "NAME", std::string(200, 'v'));
  EXPECT_TRUE(read_pairs(""));
  for (std::size_t size = 1; size < bytes.size(); ++size)
    EXPECT_FALSE(read_pairs(bytes.substr(0, size))) << size;
  EXPECT_FALSE(read_pairs("\xff\xff\xff\xff\xff\xff\xff\xff"s + "ab"));
  EXPECT_FALSE(read_pairs("\x01\xff\xff\xff\xff"s + "ab")) << "the sum must not wrap around";
}

TEST(Bodies, AreReadAsWritten) {
  std::string bytes;
  write_begin(bytes, 1, {Role::filter, false});
  const auto begin = read_begin(bytes.substr(header_bytes));
  ASSERT_TRUE(begin);
  EXPECT_EQ(begin->role, Role::filter);
  EXPECT_FALSE(begin->keeps_connection);
  EXPECT_FALSE(read_begin(bytes.substr(header_bytes + 1)));
  bytes.clear();
  write_end(bytes, 1, {0xfffffffe, EndStatus::unknown_role});
  const auto end = read_end(bytes.substr(header_bytes));
  ASSERT_TRUE(end);
  EXPECT_EQ(end->application_status, 0xfffffffe);
  EXPECT_EQ(end->status, EndStatus::unknown_role);
  EXPECT_FALSE(read_end(bytes.substr(header_bytes + 1)));
}

}  // namespace
}  // namespace cgisrv::fastcgi

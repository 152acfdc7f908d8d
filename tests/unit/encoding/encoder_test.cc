#include "encoding/encoder.h"

#include <gmock/gmock.h>

#include <random>
#include <vector>

#include "decode.h"

namespace cgisrv::encoding {
namespace {

using Random = std::minstd_rand;

// Text that repeats itself, with some that does not.
std::string some_text(Random& random, std::size_t size) {
  std::string text;
  while (text.size() < size) {
    text += "<li><a href=\"/page/" + std::to_string(random() % 1000) + "\">a page</a></li>\n";
    if (random() % 8 == 0) text += static_cast<char>(random());
  }
  return text.substr(0, size);
}

std::string noise(Random& random, std::size_t size) {
  std::string bytes;
  while (bytes.size() < size)
    bytes += static_cast<char>(random() >> 8);
  return bytes;
}

class EncoderTest : public testing::TestWithParam<Coding> {
 protected:
  std::unique_ptr<Encoder> encoder = make_encoder(GetParam());
  std::string out;
};

INSTANTIATE_TEST_SUITE_P(Each, EncoderTest, testing::ValuesIn(smallest_first),
                         [](const auto& each) { return std::string(name_of(each.param)); });

TEST_P(EncoderTest, NothingIsNothingAgain) {
  encoder->encode("", Then::end, out);
  const Decoded decoded = decode(GetParam(), out);
  EXPECT_TRUE(decoded.is_whole);
  EXPECT_EQ(decoded.bytes, "");
}

// Whatever the pieces, and wherever the stream pauses: all before a pause can be decoded.
TEST_P(EncoderTest, WhatGoesInComesOutAgain) {
  Random random(1);
  for (int round = 0; round < 12; ++round) {
    encoder = make_encoder(GetParam());
    const bool is_text = round % 3 != 0;
    std::string whole, encoded;
    for (int pieces = 1 + static_cast<int>(random() % 20); pieces > 0; --pieces) {
      const std::size_t size = random() % (std::size_t{1} << (random() % 17));
      const std::string piece = is_text ? some_text(random, size) : noise(random, size);
      whole += piece;
      const bool pauses = random() % 4 == 0;
      encoder->encode(piece, pauses ? Then::pause : Then::more, encoded);
      const Decoded decoded = decode(GetParam(), encoded);
      ASSERT_FALSE(decoded.is_whole);
      ASSERT_TRUE(whole.starts_with(decoded.bytes));
      ASSERT_TRUE(!pauses || decoded.bytes.size() == whole.size());
    }
    encoder->encode("", Then::end, encoded);
    const Decoded decoded = decode(GetParam(), encoded);
    ASSERT_TRUE(decoded.is_whole);
    ASSERT_TRUE(decoded.bytes == whole);
  }
}

TEST_P(EncoderTest, TextBecomesAFractionAndNoiseHardlyMore) {
  Random random(2);
  const std::string text = some_text(random, 100'000);
  encoder->encode(text, Then::end, out);
  EXPECT_LT(out.size(), text.size() / 5);
  out.clear();
  const std::string bytes = noise(random, 100'000);
  make_encoder(GetParam())->encode(bytes, Then::end, out);
  EXPECT_LT(out.size(), bytes.size() + 100);
}

// It keeps no more than was promised, however much goes through it.
TEST_P(EncoderTest, WhatItKeepsIsBounded) {
  Random random(3);
  std::size_t in = 0;
  for (int i = 0; i < 100; ++i) {
    const std::string piece = noise(random, 32 * 1024);
    encoder->encode(piece, Then::more, out);
    in += piece.size();
    ASSERT_LT(in, out.size() + 512 * 1024);
  }
}

TEST(Encoders, AreSoManyAtATime) {
  std::vector<std::unique_ptr<Encoder>> all;
  while (all.size() < Encoder::alive_max)
    all.push_back(make_encoder(Coding::gzip));
  EXPECT_EQ(Encoder::alive(), Encoder::alive_max);
  EXPECT_EQ(make_encoder(Coding::gzip), nullptr);
  EXPECT_EQ(make_encoder(Coding::br), nullptr);
  all.pop_back();
  EXPECT_NE(make_encoder(Coding::zstd), nullptr);
}

}  // namespace
}  // namespace cgisrv::encoding

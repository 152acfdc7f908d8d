#include "http1/chunked.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cgisrv::http1 {
namespace {

using State = ChunkedDecoder::State;

struct Outcome {
  State state;
  std::string body;
  std::size_t consumed;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

// Feeds the pieces one after the other, each as far as the decoder takes it.
Outcome decode(const std::vector<std::string_view>& pieces) {
  ChunkedDecoder decoder;
  Outcome outcome{State::open, "", 0};
  for (auto piece : pieces) {
    while (true) {
      const auto step = decoder.next(piece);
      outcome.body.append(step.data);
      outcome.consumed += step.consumed;
      piece.remove_prefix(step.consumed);
      if (step.consumed == 0) break;
    }
  }
  outcome.state = decoder.state();
  return outcome;
}

State state_after(std::string_view in) {
  return decode({in}).state;
}

TEST(Rfc9112_7_1, DecodesChunks) {
  const std::string body = "5\r\nhello\r\n00006\r\n world\r\nA\r\n0123456789\r\n0\r\n\r\n";
  const auto outcome = decode({body + "GET / "});
  EXPECT_EQ(outcome.state, State::complete);
  EXPECT_EQ(outcome.body, "hello world0123456789");
  EXPECT_EQ(outcome.consumed, body.size());
}

TEST(Rfc9112_7_1, EverySplitGivesTheSame) {
  for (const std::string body : {
           "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nnext",
           "1 ;a=\"b\"\r\nx\r\n000\r\nA: b\r\nC:\r\n\r\nnext",
           "3\r\nabc\r\n0\r\n\rX",
           "2\r\nabX\r\n",
       }) {
    const auto whole = decode({body});
    for (std::size_t i = 0; i <= body.size(); ++i) {
      for (std::size_t j = i; j <= body.size(); ++j) {
        const std::string_view view = body;
        ASSERT_EQ(decode({view.substr(0, i), view.substr(i, j - i), view.substr(j)}), whole)
            << body << ' ' << i << ' ' << j;
      }
    }
  }
}

TEST(Chunked, EveryPrefixOfALegalWalkIsOpen) {
  const std::string body = "a \t;b=\"c\";d\r\n0123456789\r\n0;e\r\nF: g\r\nH: \xff\r\n\r\n";
  for (std::size_t i = 0; i < body.size(); ++i) {
    EXPECT_EQ(state_after(body.substr(0, i)), State::open) << i;
  }
  EXPECT_EQ(state_after(body), State::complete);
}

TEST(Chunked, IllegalBytesInEveryPhase) {
  for (const auto* body : {
           "\r",
           "\n",
           "g",
           " 5",
           "+5",
           "-5",
           ";",
           "0x5",  // size_start
           "5\n",
           "5g",
           "5\v",
           "5_0",
           "5\t\r",
           "5 \r\n",
           "5 6",
           "5,",  // size
           "5;a\n",
           "5;a\x01",
           "5;a\x7f",
           "5;a\r;",  // extension
           "5\rx",
           "5\r\r",  // size_lf
           "1\r\nab",
           "1\r\na\n",
           "1\r\na\rb",
           "1\r\na\r\r",
           "1\r\na\r\n\r\n",  // after data
           "0\r\n\n",
           "0\r\n\rX",
           "0\r\n:",
           "0\r\n A: b",
           "0\r\nA B",
           "0\r\nA\r",
           "0\r\nA :",
           "0\r\nA: b\n",
           "0\r\nA: \x01",
           "0\r\nA: b\rX",
           "0\r\nA: b\r\n c",  // trailers
       }) {
    EXPECT_EQ(state_after(body), State::malformed) << body;
  }
  EXPECT_EQ(state_after(std::string_view("5\0", 2)), State::malformed);
}

TEST(Chunked, MalformedIsForGood) {
  ChunkedDecoder decoder;
  decoder.next("x");
  ASSERT_EQ(decoder.state(), State::malformed);
  EXPECT_EQ(decoder.next("0\r\n\r\n").consumed, 0U);
  EXPECT_EQ(decoder.state(), State::malformed);
}

TEST(Chunked, NothingIsTakenAfterTheEnd) {
  ChunkedDecoder decoder;
  EXPECT_EQ(decoder.next("0\r\n\r\n0\r\n\r\n").consumed, 5U);
  EXPECT_EQ(decoder.next("0\r\n\r\n").consumed, 0U);
  EXPECT_EQ(decoder.state(), State::complete);
}

TEST(Rfc9112_7_1, SizeOverflowIsMalformed) {
  EXPECT_EQ(state_after("ffffffffffffffff\r\n"), State::open);
  EXPECT_EQ(state_after("10000000000000000"), State::malformed);
  EXPECT_EQ(state_after("00000000000000001"), State::malformed);
}

std::string problem_of(std::string_view in) {
  ChunkedDecoder decoder;
  while (true) {
    const auto step = decoder.next(in);
    if (step.consumed == 0) return std::string(decoder.problem());
    in.remove_prefix(step.consumed);
  }
}

std::string chunk(std::size_t extension_bytes, std::size_t data_bytes = 1) {
  return fmt::format("{:x};{}\r\n{}\r\n", data_bytes, std::string(extension_bytes - 1, 'e'),
                     std::string(data_bytes, 'x'));
}

TEST(Rfc9112_7_1_1, ExtensionsAreIgnoredUpToTheCapOfAChunk) {
  const auto most = ChunkedDecoder::extension_bytes_max;
  EXPECT_EQ(decode({chunk(most) + "0\r\n\r\n"}), (Outcome{State::complete, "x", most + 11}));
  EXPECT_EQ(state_after(chunk(most + 1)), State::malformed);
  EXPECT_EQ(problem_of(chunk(most + 1)), "chunk extensions of more than 1024 bytes in one chunk");
}

// Fault 34.
TEST(Rfc9112_7_1_1, ExtensionsMayGrowWithTheBody) {
  const std::string signature = ";chunk-signature=" + std::string(64, 'a');
  std::string small;
  for (int i = 0; i < 50; ++i)
    small += "1" + signature + "\r\nx\r\n";
  EXPECT_EQ(state_after(small + "0" + signature + "\r\n\r\n"), State::complete);
  std::string large;
  for (int i = 0; i < 500; ++i)
    large += "2000" + signature + "\r\n" + std::string(0x2000, 'x') + "\r\n";
  EXPECT_EQ(state_after(large + "0" + signature + "\r\n\r\n"), State::complete);
}

TEST(Rfc9112_7_1_1, ExtensionsWithoutABodyHaveAnEnd) {
  std::string body;
  const auto most = ChunkedDecoder::extension_bytes_max;
  for (std::size_t i = 0; i < ChunkedDecoder::extensions_free / most; ++i)
    body += chunk(most);
  EXPECT_EQ(state_after(body), State::open);
  EXPECT_EQ(problem_of(body + chunk(4)), "chunk extensions that are too much for so small a body");
  EXPECT_EQ(state_after(body + "20\r\n" + std::string(0x20, 'x') + "\r\n" + chunk(4)), State::open);
}

// Fault 39.
TEST(Rfc9112_7_1_1, ExtensionsHaveTheirSyntax) {
  for (const auto* good : {";a", ";a;b", ";a=b", ";a=\"\"", " ; a = b ; c", ";a=\"b;\\\"\r c\"",
                           "\t;\ta\t=\t\"x\"\t;b", ";a=\"\xc3\xa9\""}) {
    const std::string extension = good;
    const bool has_cr = extension.contains('\r');
    EXPECT_EQ(state_after("5" + extension + "\r\nhello\r\n0\r\n\r\n"),
              has_cr ? State::malformed : State::complete)
        << good;
  }
  for (const auto* bad :
       {";",      "; ",        ";;",        ";=",          ";a=",           ";a=;b",     ";bad[=x",
        ";a=b c", ";a b",      ";a ",       ";a=b ",       ";a=\"b",        ";a=\"b\"c", ";a=b=c",
        ";a==b",  ";a=b\"c\"", ";\xc3\xa9", ";a=\"\x01\"", ";a=\"\\\x01\"", " ",         " a"}) {
    EXPECT_EQ(state_after("5" + std::string(bad) + "\r\nhello\r\n0\r\n\r\n"), State::malformed)
        << bad;
  }
}

// Fault 34.
TEST(Chunked, SaysWhatIsWrong) {
  EXPECT_EQ(problem_of("5\r\nhello\r\n0\r\n\r\n"), "");
  EXPECT_EQ(problem_of("x\r\n"), "a chunk size that is no hexadecimal number");
  EXPECT_EQ(problem_of("5x\r\n"), "a chunk size that is no hexadecimal number");
  EXPECT_EQ(problem_of("00000000000000001"), "a chunk size of more than 16 digits");
  EXPECT_EQ(problem_of("5;\r\n"), "a malformed chunk extension");
  EXPECT_EQ(problem_of("5\rx"), "a chunk size whose line does not end with CRLF");
  EXPECT_EQ(problem_of("1\r\nab"), "a chunk that is longer than its size");
  EXPECT_EQ(problem_of("0\r\nA B"), "a malformed trailer field after the chunks");
  EXPECT_EQ(problem_of("0\r\nA:" + std::string(9000, 'x')),
            "trailer fields of more than 8192 bytes after the chunks");
}

TEST(Rfc9112_7_1_2, TrailersAreDroppedUpToTheCap) {
  const auto body = [](std::size_t bytes) {
    return "0\r\nA:" + std::string(bytes - 6, 't') + "\r\n\r\n";
  };
  EXPECT_EQ(state_after(body(ChunkedDecoder::trailer_bytes_max)), State::complete);
  EXPECT_EQ(state_after(body(ChunkedDecoder::trailer_bytes_max + 1)), State::malformed);
}

}  // namespace
}  // namespace cgisrv::http1

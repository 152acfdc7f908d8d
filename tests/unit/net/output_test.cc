#include "net/output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <fstream>

#include "../temporary_directory.h"
#include "net/stream.h"

namespace cgisrv::net {
namespace {

class OutputTest : public testing::Test {
 protected:
  OutputTest() : stream(Fd()) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    stream = Stream(Fd(ends[0]));
    peer.reset(ends[1]);
    const int small = 16 * 1024;
    ::setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  }
  // What has arrived at the other end, removed.
  std::string arrived() const {
    std::string text;
    std::array<char, 4096> bytes;
    for (ssize_t size; (size = ::read(peer.get(), bytes.data(), bytes.size())) > 0;)
      text.append(bytes.data(), static_cast<std::size_t>(size));
    return text;
  }
  Io::Status flush(std::size_t budget = 4 << 20) { return output.flush(stream, budget); }

  Fd peer;
  Stream stream;
  Output output;
};

std::string pattern(std::size_t size) {
  std::string text;
  for (std::size_t i = 0; text.size() < size; ++i)
    text += std::to_string(i) + " ";
  text.resize(size);
  return text;
}

TEST_F(OutputTest, BytesGoOut) {
  EXPECT_TRUE(output.empty());
  EXPECT_EQ(flush(), Io::Status::ok);
  output.append("hello ");
  output.back().append("world");
  EXPECT_FALSE(output.empty());
  EXPECT_EQ(output.room(), Output::bytes_max - 11);
  EXPECT_EQ(flush(), Io::Status::ok);
  EXPECT_EQ(stream.written(), 11U);
  EXPECT_TRUE(output.empty());
  EXPECT_EQ(output.room(), Output::bytes_max);
  EXPECT_EQ(arrived(), "hello world");
}

TEST_F(OutputTest, FileFollowsTheBytes) {
  TemporaryDirectory directory;
  const std::string content = pattern(Output::copied_file_max + 3);
  const Fd file(::open(directory.file("f", 0644, content).c_str(), O_RDONLY | O_CLOEXEC));
  output.append("head:");
  output.append_file(file.get(), 2, content.size() - 2);
  EXPECT_EQ(output.room(), 0U);  // nothing may come after it until it is sent
  std::string received;
  while (!output.empty()) {
    ASSERT_NE(flush(), Io::Status::failed);
    received += arrived();
  }
  EXPECT_EQ(received, "head:" + content.substr(2));
  EXPECT_EQ(stream.written(), received.size());
  EXPECT_EQ(output.room(), Output::bytes_max);
  output.append("!");
  EXPECT_EQ(flush(), Io::Status::ok);
  EXPECT_EQ(arrived(), "!");
}

TEST_F(OutputTest, SmallPartOfAFileIsReadAtOnce) {
  TemporaryDirectory directory;
  Fd file(::open(directory.file("f", 0644, "0123456789").c_str(), O_RDONLY | O_CLOEXEC));
  output.append("head:");
  output.append_file(file.get(), 2, 5);
  file.reset();
  EXPECT_EQ(output.room(), Output::bytes_max - 10);
  output.append("!");
  EXPECT_EQ(flush(), Io::Status::ok);
  EXPECT_EQ(arrived(), "head:23456!");
  EXPECT_EQ(stream.written(), 11U);
}

TEST_F(OutputTest, BlockedThenResumed) {
  TemporaryDirectory directory;
  const std::string content = pattern(500'000);
  const std::string head = pattern(Output::bytes_max + 1000);
  const Fd file(::open(directory.file("f", 0644, content).c_str(), O_RDONLY | O_CLOEXEC));
  output.append(head);
  EXPECT_EQ(output.room(), 0U);
  output.append_file(file.get(), 0, content.size());
  std::string received;
  int blocked = 0;
  while (!output.empty()) {
    const auto status = flush();
    if (status == Io::Status::blocked) ++blocked;
    ASSERT_NE(status, Io::Status::failed);
    const std::string some = arrived();
    ASSERT_FALSE(some.empty());  // no turn without progress
    received += some;
  }
  EXPECT_GT(blocked, 2);
  EXPECT_EQ(received, head + content);
  EXPECT_EQ(stream.written(), received.size());
}

TEST_F(OutputTest, BudgetEndsATurn) {
  const int large = 1 << 20;
  ::setsockopt(stream.fd(), SOL_SOCKET, SO_SNDBUF, &large, sizeof large);
  TemporaryDirectory directory;
  const std::string content = pattern(Output::copied_file_max + 1);
  const Fd file(::open(directory.file("f", 0644, content).c_str(), O_RDONLY | O_CLOEXEC));
  output.append("abc");
  output.append_file(file.get(), 0, content.size());
  EXPECT_EQ(flush(2), Io::Status::ok);
  EXPECT_FALSE(output.empty());
  EXPECT_EQ(flush(), Io::Status::ok);
  EXPECT_TRUE(output.empty());
  EXPECT_EQ(arrived(), "abc" + content);
}

TEST_F(OutputTest, FileThatHasBecomeShorterFails) {
  TemporaryDirectory directory;
  const Fd file(::open(directory.file("f", 0644, "abc").c_str(), O_RDONLY | O_CLOEXEC));
  output.append_file(file.get(), 0, 10);
  EXPECT_EQ(flush(), Io::Status::failed);
  EXPECT_EQ(arrived(), "abc");
}

TEST_F(OutputTest, PeerThatHasGoneFailsWithoutASignal) {
  peer.reset();
  output.append("x");
  EXPECT_EQ(flush(), Io::Status::failed);
}

TEST_F(OutputTest, StreamReads) {
  std::array<char, 8> bytes{};
  EXPECT_EQ(stream.read(bytes).status, Io::Status::blocked);
  ASSERT_EQ(::write(peer.get(), "0123456789", 10), 10);
  auto io = stream.read(bytes);
  EXPECT_EQ(io.status, Io::Status::ok);
  EXPECT_EQ(std::string_view(bytes.data(), io.bytes), "01234567");
  io = stream.read(bytes);
  EXPECT_EQ(io.bytes, 2U);
  ::shutdown(peer.get(), SHUT_WR);
  EXPECT_EQ(stream.read(bytes).status, Io::Status::ended);
}

TEST_F(OutputTest, PeerSeesTheEndOfWriting) {
  output.append("last");
  EXPECT_EQ(flush(), Io::Status::ok);
  stream.finish_writing();
  EXPECT_EQ(arrived(), "last");
  char c = 0;
  EXPECT_EQ(::read(peer.get(), &c, 1), 0);
  ASSERT_EQ(::write(peer.get(), "x", 1), 1);  // the other way is still open
  std::array<char, 8> bytes{};
  EXPECT_EQ(stream.read(bytes).status, Io::Status::ok);
}

}  // namespace
}  // namespace cgisrv::net

#include "warm/manager_message.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>

#include "base/packet.h"

namespace cgisrv::warm {
namespace {

ManagerMessage an_example() {
  return {.kind = ManagerMessage::Kind::refused,
          .key = {7, "/srv/a b\xff.cgi"},
          .generation = 3,
          .count = 42,
          .processor_us = 7,
          .stamp = {1, 2, 3, 4, 5},
          .reason = "It starts a thread while it loads.",
          .pid = 99,
          .status = 9,
          .usage = {.ru_maxrss = 5}};
}

void expect_equal(const ManagerMessage& a, const ManagerMessage& b) {
  EXPECT_EQ(a.kind, b.kind);
  EXPECT_EQ(a.key, b.key);
  EXPECT_EQ(a.generation, b.generation);
  EXPECT_EQ(a.count, b.count);
  EXPECT_EQ(a.processor_us, b.processor_us);
  EXPECT_EQ(a.stamp, b.stamp);
  EXPECT_EQ(a.reason, b.reason);
  EXPECT_EQ(a.pid, b.pid);
  EXPECT_EQ(a.status, b.status);
  EXPECT_EQ(a.usage.ru_maxrss, b.usage.ru_maxrss);
}

TEST(ManagerMessage, IsReadAsItWasWritten) {
  const auto read = unpack(pack(an_example()));
  ASSERT_TRUE(read);
  expect_equal(*read, an_example());
}

TEST(ManagerMessage, IsNotReadFromLess) {
  const std::string bytes = pack(an_example());
  const std::size_t fixed =
      bytes.size() - an_example().key.file.size() - an_example().reason.size();
  for (std::size_t size = 0; size < fixed + an_example().key.file.size(); ++size)
    EXPECT_FALSE(unpack(std::string_view(bytes).substr(0, size))) << size;
}

TEST(ManagerMessage, IsNotReadFromWhatIsTooLongOrOfNoKind) {
  ManagerMessage message = an_example();
  message.reason.resize(manager_message_bytes_max);
  EXPECT_FALSE(unpack(pack(message)));
  std::string bytes = pack(an_example());
  bytes[0] = '\x7f';
  EXPECT_FALSE(unpack(bytes));
}

TEST(ManagerMessage, ComesWithItsDescriptor) {
  auto ends = open_pair();
  ASSERT_TRUE(ends);
  const Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(send_message(ends->first.get(), an_example(), null.get()));
  ASSERT_TRUE(send_message(ends->first.get(), an_example()));
  std::array<char, manager_message_bytes_max> room;
  const auto with = receive_packet(ends->second.get(), room);
  ASSERT_TRUE(with && with->descriptor);
  struct stat ours {
  }, theirs{};
  ::fstat(null.get(), &ours);
  ::fstat(with->descriptor.get(), &theirs);
  EXPECT_EQ(ours.st_ino, theirs.st_ino);
  EXPECT_NE(::fcntl(with->descriptor.get(), F_GETFD) & FD_CLOEXEC, 0);
  const auto without = receive_packet(ends->second.get(), room);
  ASSERT_TRUE(without);
  EXPECT_FALSE(without->descriptor);
  expect_equal(*unpack(without->bytes), an_example());
  EXPECT_FALSE(receive_packet(ends->second.get(), room));
}

TEST(ManagerMessage, IsNotSentToWhoDoesNotRead) {
  auto ends = open_pair();
  ASSERT_TRUE(ends);
  unsigned sent = 0;
  while (sent < 100'000 && send_message(ends->first.get(), an_example()))
    ++sent;
  EXPECT_LT(sent, 100'000U);  // and it did not wait
  ends->second.reset();
  EXPECT_FALSE(send_message(ends->first.get(), an_example()));
}

TEST(Packet, KeepsNoDescriptorThatIsNotGivenOn) {
  auto ends = open_pair();
  ASSERT_TRUE(ends);
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  const Fd reading(pipe[0]);
  {
    const Fd writing(pipe[1]);
    char byte = 'x';
    const iovec part{&byte, 1};
    const std::array<int, 2> both = {reading.get(), writing.get()};
    ASSERT_TRUE(send_packet(ends->first.get(), {&part, 1}, both));
  }
  std::array<char, 16> room{};
  const auto packet = receive_packet(ends->second.get(), room);
  ASSERT_TRUE(packet);
  char byte = 0;
  EXPECT_EQ(::read(reading.get(), &byte, 1), 0);  // the second one, which could write, is closed
}

}  // namespace
}  // namespace cgisrv::warm

#include "base/packet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

namespace cgisrv {
namespace {

class PacketTest : public testing::Test {
 protected:
  void send(const std::string& bytes, std::size_t descriptors = 0) {
    const iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    const std::vector<int> all(descriptors, STDIN_FILENO);
    ASSERT_TRUE(send_packet(ends->first.get(), {&part, 1}, all));
  }
  std::optional<Packet> receive() { return receive_packet(ends->second.get(), room); }

  std::optional<std::pair<Fd, Fd>> ends = open_pair();
  std::array<char, 8> room{};
};

TEST_F(PacketTest, ComesAsItWasSent) {
  send("hello");
  const auto packet = receive();
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->bytes, "hello");
  EXPECT_TRUE(packet->whole);
  EXPECT_EQ(packet->descriptors, 0U);
  EXPECT_FALSE(packet->descriptor);
  EXPECT_EQ(packet->sender, 0);
  EXPECT_FALSE(receive());
}

// Fault 25.
TEST_F(PacketTest, SaysWhatItsReceiverHasNotAskedFor) {
  send("longer than the room");
  send("two", 2);
  const auto first = receive();
  ASSERT_TRUE(first);
  EXPECT_FALSE(first->whole);
  const auto second = receive();
  ASSERT_TRUE(second);
  EXPECT_TRUE(second->whole);
  EXPECT_EQ(second->descriptors, 2U);
}

TEST_F(PacketTest, HasDescriptorsThoughItIsEmpty) {
  send("", 2);
  const auto packet = receive();
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->bytes, "");
  EXPECT_EQ(packet->descriptors, 2U);
}

TEST_F(PacketTest, IsNotSentToWhoHasEndedReading) {
  send("underway", 2);
  send("", 1);
  end_reading(ends->second.get());
  EXPECT_FALSE(receive());
  char byte = 'x';
  const iovec part{&byte, 1};
  EXPECT_FALSE(send_packet(ends->first.get(), {&part, 1}, {}));
  EXPECT_TRUE(send_packet(ends->second.get(), {&part, 1}, {}));
}

// Fault 27.
TEST_F(PacketTest, NamesItsSender) {
  ASSERT_TRUE(name_senders(ends->second.get()));
  send("hello", packet_descriptors_max);
  const auto packet = receive();
  ASSERT_TRUE(packet);
  EXPECT_TRUE(packet->whole);
  EXPECT_EQ(packet->sender, ::getpid());
  EXPECT_EQ(packet->descriptors, packet_descriptors_max);
}

}  // namespace
}  // namespace cgisrv

#include "warm/manager_message.h"

#include <cstring>
#include <span>
#include <type_traits>

#include "base/packet.h"

namespace cgisrv::warm {

namespace {

struct Fixed {
  ManagerMessage::Kind kind;
  std::uint32_t location;
  std::uint32_t number;
  std::uint64_t generation;
  std::uint64_t count;
  std::uint64_t processor_us;
  Stamp stamp;
  std::uint32_t file_bytes;
  pid_t pid;
  int status;
  rusage usage;
};
static_assert(std::is_trivially_copyable_v<Fixed>);

}  // namespace

std::string pack(const ManagerMessage& message) {
  const Fixed fixed{.kind = message.kind,
                    .location = message.key.location,
                    .number = message.key.number,
                    .generation = message.generation,
                    .count = message.count,
                    .processor_us = message.processor_us,
                    .stamp = message.stamp,
                    .file_bytes = static_cast<std::uint32_t>(message.key.file.size()),
                    .pid = message.pid,
                    .status = message.status,
                    .usage = message.usage};
  std::string bytes(reinterpret_cast<const char*>(&fixed), sizeof fixed);
  bytes.append(message.key.file).append(message.reason);
  return bytes;
}

std::optional<ManagerMessage> unpack(std::string_view bytes) {
  Fixed fixed{};
  if (bytes.size() < sizeof fixed || bytes.size() > manager_message_bytes_max) return std::nullopt;
  std::memcpy(&fixed, bytes.data(), sizeof fixed);
  bytes.remove_prefix(sizeof fixed);
  if (fixed.kind > ManagerMessage::Kind::ended || fixed.file_bytes > bytes.size())
    return std::nullopt;
  return ManagerMessage{
      .kind = fixed.kind,
      .key = {fixed.location, std::string(bytes.substr(0, fixed.file_bytes)), fixed.number},
      .generation = fixed.generation,
      .count = fixed.count,
      .processor_us = fixed.processor_us,
      .stamp = fixed.stamp,
      .reason = std::string(bytes.substr(fixed.file_bytes)),
      .pid = fixed.pid,
      .status = fixed.status,
      .usage = fixed.usage};
}

bool send_message(int socket, const ManagerMessage& message, int descriptor) {
  std::string bytes = pack(message);
  if (bytes.size() > manager_message_bytes_max) return false;
  const iovec part{bytes.data(), bytes.size()};
  return send_packet(socket, {&part, 1},
                     descriptor >= 0 ? std::span(&descriptor, 1) : std::span<const int>());
}

}  // namespace cgisrv::warm

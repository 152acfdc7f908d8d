#include "warm/note.h"

#include <cstring>
#include <span>
#include <type_traits>

#include "base/packet.h"

namespace cgisrv::warm {

namespace {

struct Fixed {
  Note::Kind kind;
  std::uint32_t location;
  std::uint32_t number;
  std::uint64_t generation;
  std::uint64_t count;
  Stamp stamp;
  std::uint32_t file_bytes;
};
static_assert(std::is_trivially_copyable_v<Fixed>);

}  // namespace

std::string pack(const Note& note) {
  const Fixed fixed{.kind = note.kind,
                    .location = note.subject.location,
                    .number = note.subject.number,
                    .generation = note.generation,
                    .count = note.count,
                    .stamp = note.stamp,
                    .file_bytes = static_cast<std::uint32_t>(note.subject.file.size())};
  std::string bytes(reinterpret_cast<const char*>(&fixed), sizeof fixed);
  bytes.append(note.subject.file).append(note.reason);
  return bytes;
}

std::optional<Note> unpack(std::string_view bytes) {
  Fixed fixed{};
  if (bytes.size() < sizeof fixed || bytes.size() > note_bytes_max) return std::nullopt;
  std::memcpy(&fixed, bytes.data(), sizeof fixed);
  bytes.remove_prefix(sizeof fixed);
  if (fixed.kind > Note::Kind::refused || fixed.file_bytes > bytes.size()) return std::nullopt;
  return Note{
      .kind = fixed.kind,
      .subject = {fixed.location, std::string(bytes.substr(0, fixed.file_bytes)), fixed.number},
      .generation = fixed.generation,
      .count = fixed.count,
      .stamp = fixed.stamp,
      .reason = std::string(bytes.substr(fixed.file_bytes))};
}

bool send_note(int socket, const Note& note, int descriptor) {
  std::string bytes = pack(note);
  if (bytes.size() > note_bytes_max) return false;
  const iovec part{bytes.data(), bytes.size()};
  return send_packet(socket, {&part, 1},
                     descriptor >= 0 ? std::span(&descriptor, 1) : std::span<const int>());
}

}  // namespace cgisrv::warm

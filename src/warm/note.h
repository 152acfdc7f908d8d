// What the keeper and the workers tell each other. A note is one packet, within one build.
//
//   worker -> keeper   subscribe (with the socket for the answers), wanted, used, suspect
//   keeper -> workers  zygote (with its control socket), gone, refused
//
// All workers share one socket to the keeper, which outlives it: what is said while there is none
// is read by the next. Each worker brings its own for the other direction, whose end tells it that
// the keeper has died.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "warm/stamp.h"

namespace cgisrv::warm {

// A program as the configuration sees it: the same file in two locations is two of them.
struct Subject {
  std::uint32_t location = 0;
  std::string file;
  std::uint32_t number = 0;  // where it has several zygotes: of which
  auto operator<=>(const Subject&) const = default;
};

struct Note {
  enum class Kind : std::uint8_t {
    subscribe,  // tell me from now on, beginning with what there is
    wanted,     // a zygote of the subject
    used,       // `count` requests since the last note
    suspect,    // another is to take its place; `reason` is for the log
    zygote,     // there is one; it takes the place of the one before
    gone,       // there is none any more: close your end; but there may be another
    refused,    // there can be none while the file is as `stamp` says; `reason` is for the log
  };
  Kind kind = Kind::wanted;
  Subject subject{};
  std::uint64_t generation = 0;  // of the zygote
  std::uint64_t count = 0;
  Stamp stamp{};       // of the file
  std::string reason;  // a whole sentence
};

inline constexpr std::size_t note_bytes_max = 16 * 1024;

std::string pack(const Note& note);
std::optional<Note> unpack(std::string_view bytes);

// False: the other end does not read, or is gone. The descriptor goes with it, and stays ours.
bool send_note(int socket, const Note& note, int descriptor = -1);

}  // namespace cgisrv::warm

// The head of a binary, elf(5): for which machine it was built, and what loads it. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cgisrv::process {

struct ElfHead {
  std::uint16_t machine = 0;  // EM_*
  unsigned bits = 64;
  std::string loader;  // PT_INTERP; empty: statically linked, or not within `bytes`
};

// `bytes`: the beginning of the file, 4096 of them hold all that is asked for in practice. Nothing
// when they are no ELF file, or end within its header.
std::optional<ElfHead> read_elf_head(std::string_view bytes);

// "AArch64 (64-bit ARM)"; "machine 4711" where there is no name for it.
std::string machine_name(std::uint16_t machine);

// What this server was built for, and so runs on.
std::uint16_t this_machine();

}  // namespace cgisrv::process

// The head of a binary, elf(5): its machine and its loader. Pure.
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

// `bytes`: the beginning of the file; 4096 of them suffice in practice. Nothing when they are no
// ELF file, or end within its header.
std::optional<ElfHead> read_elf_head(std::string_view bytes);

// "AArch64 (64-bit ARM)"; "machine 4711" if it has no known name.
std::string machine_name(std::uint16_t machine);

// The machine that this server was built for, and so runs on.
std::uint16_t this_machine();

}  // namespace cgisrv::process

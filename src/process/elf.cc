#include "process/elf.h"

#include <elf.h>
#include <fmt/format.h>
#include <link.h>

#include <bit>
#include <cstring>

// The head of this program in memory, by the linker. NOLINTNEXTLINE(bugprone-reserved-identifier)
extern "C" [[gnu::visibility("hidden")]] const ElfW(Ehdr) __ehdr_start;

namespace cgisrv::process {

namespace {

// Both widths have the same fields under the same names.
struct Elf32 {
  using Header = Elf32_Ehdr;
  using Segment = Elf32_Phdr;
};
struct Elf64 {
  using Header = Elf64_Ehdr;
  using Segment = Elf64_Phdr;
};

template <typename T>
bool copy_from(std::string_view bytes, std::uint64_t offset, T& into) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof into) return false;
  std::memcpy(&into, bytes.data() + offset, sizeof into);
  return true;
}

template <std::integral Number>
Number in_order(Number number, bool swapped) {
  return swapped ? std::byteswap(number) : number;
}

template <typename Width>
std::optional<ElfHead> read(std::string_view bytes, bool swapped) {
  typename Width::Header header;
  if (!copy_from(bytes, 0, header)) return std::nullopt;
  ElfHead head;
  head.machine = in_order(header.e_machine, swapped);
  head.bits = sizeof header.e_phoff * 8;
  const std::uint64_t table = in_order(header.e_phoff, swapped);
  const unsigned segments = in_order(header.e_phnum, swapped);
  for (unsigned i = 0; i < segments && table <= bytes.size(); ++i) {
    typename Width::Segment segment;
    if (!copy_from(bytes, table + i * sizeof segment, segment)) break;
    if (in_order(segment.p_type, swapped) != PT_INTERP) continue;
    const std::uint64_t offset = in_order(segment.p_offset, swapped);
    if (offset >= bytes.size()) break;
    const auto name = bytes.substr(offset, in_order(segment.p_filesz, swapped));
    head.loader = name.substr(0, name.find('\0'));
    break;
  }
  return head;
}

}  // namespace

std::optional<ElfHead> read_elf_head(std::string_view bytes) {
  if (bytes.size() < EI_NIDENT || !bytes.starts_with(ELFMAG)) return std::nullopt;
  constexpr auto ours = std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;
  const bool swapped = bytes[EI_DATA] != ours;
  return bytes[EI_CLASS] == ELFCLASS32 ? read<Elf32>(bytes, swapped) : read<Elf64>(bytes, swapped);
}

std::string machine_name(std::uint16_t machine) {
  switch (machine) {
    case EM_386:
      return "i386 (32-bit PC)";
    case EM_X86_64:
      return "x86-64 (64-bit PC)";
    case EM_ARM:
      return "ARM (32-bit)";
    case EM_AARCH64:
      return "AArch64 (64-bit ARM)";
    case EM_RISCV:
      return "RISC-V";
    case EM_PPC:
      return "PowerPC (32-bit)";
    case EM_PPC64:
      return "PowerPC (64-bit)";
    case EM_S390:
      return "S/390";
    case EM_MIPS:
      return "MIPS";
    case 258:  // EM_LOONGARCH, which older headers lack
      return "LoongArch";
    default:
      return fmt::format("machine {}", machine);
  }
}

std::uint16_t this_machine() {
  return __ehdr_start.e_machine;
}

}  // namespace cgisrv::process

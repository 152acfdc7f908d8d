#include "process/linkage.h"

#include <elf.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace cgisrv::process {

namespace {

using namespace std::string_view_literals;

using Header = ElfW(Ehdr);
using Segment = ElfW(Phdr);
using Section = ElfW(Shdr);
using DynamicEntry = ElfW(Dyn);

constexpr auto our_class = sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32;

constexpr std::uint64_t segments_max = 256;
constexpr std::uint64_t entries_max = 4096;
constexpr std::uint64_t strings_bytes_max = 4 << 20;
constexpr std::uint64_t section_names_bytes_max = 64 << 10;

// As many of `count` elements as the file has.
template <typename Table>
Table read(int file, std::uint64_t offset, std::uint64_t count) {
  constexpr auto element = sizeof(typename Table::value_type);
  Table table(count, typename Table::value_type{});
  const ssize_t got =
      ::pread(file, table.data(), count * element, static_cast<off_t>(offset));  // < 0: no offset
  table.resize(got > 0 ? static_cast<std::size_t>(got) / element : 0);
  return table;
}

const Segment* find(std::span<const Segment> segments, std::uint32_t type) {
  const auto found = std::ranges::find(segments, type, &Segment::p_type);
  return found != segments.end() ? &*found : nullptr;
}

// In a dynamic section; 0: no entry of that tag.
std::uint64_t find(std::span<const DynamicEntry> entries, std::int64_t tag) {
  const auto found = std::ranges::find(entries, tag, &DynamicEntry::d_tag);
  return found != entries.end() ? found->d_un.d_val : 0;
}

// The file offset of what is loaded at `address`; past the end of any file: nowhere.
std::uint64_t offset_of(std::uint64_t address, std::span<const Segment> segments) {
  for (const Segment& segment : segments)
    if (segment.p_type == PT_LOAD && address >= segment.p_vaddr &&
        address - segment.p_vaddr < segment.p_filesz)
      return address - segment.p_vaddr + segment.p_offset;
  return INT64_MAX;
}

bool has_section_of_go(int file, const Header& header) {
  if (header.e_shoff == 0) return false;
  const auto names =
      read<std::vector<Section>>(file, header.e_shoff + header.e_shstrndx * sizeof(Section), 1);
  if (names.empty()) return false;
  const auto text = read<std::string>(
      file, names[0].sh_offset, std::min<std::uint64_t>(names[0].sh_size, section_names_bytes_max));
  return text.contains(".go.buildinfo"sv) || text.contains(".note.go.buildid"sv);
}

void read_dynamic(int file, const Segment& dynamic, std::span<const Segment> segments,
                  Linkage& linkage) {
  auto entries = read<std::vector<DynamicEntry>>(
      file, dynamic.p_offset,
      std::min<std::uint64_t>(dynamic.p_filesz / sizeof(DynamicEntry), entries_max));
  entries.erase(std::ranges::find(entries, DT_NULL, &DynamicEntry::d_tag), entries.end());
  const auto strings =
      read<std::string>(file, offset_of(find(entries, DT_STRTAB), segments),
                        std::min<std::uint64_t>(find(entries, DT_STRSZ), strings_bytes_max));
  for (const DynamicEntry& entry : entries)
    if (entry.d_tag == DT_NEEDED && entry.d_un.d_val < strings.size())
      linkage.needed.emplace_back(strings.c_str() + entry.d_un.d_val);
  // Names imported from libraries are there, too.
  linkage.enters_by_libc = strings.contains("\0__libc_start_main\0"sv);
}

}  // namespace

Linkage read_linkage(int file) {
  Linkage linkage;
  const auto headers = read<std::vector<Header>>(file, 0, 1);
  if (headers.empty() || std::memcmp(headers[0].e_ident, ELFMAG, SELFMAG) != 0 ||
      headers[0].e_ident[EI_CLASS] != our_class)
    return linkage;
  const Header& header = headers[0];
  linkage.is_go = has_section_of_go(file, header);
  const auto segments = read<std::vector<Segment>>(
      file, header.e_phoff, std::min<std::uint64_t>(header.e_phnum, segments_max));
  if (const Segment* const loader = find(segments, PT_INTERP)) {
    const auto name = read<std::string>(file, loader->p_offset,
                                        std::min<std::uint64_t>(loader->p_filesz, PATH_MAX));
    linkage.loader = name.substr(0, name.find('\0'));
  }
  if (const Segment* const dynamic = find(segments, PT_DYNAMIC))
    read_dynamic(file, *dynamic, segments, linkage);
  return linkage;
}

}  // namespace cgisrv::process

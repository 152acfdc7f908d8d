#include "process/elf.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <cstring>

#include "../temporary_directory.h"
#include "process/shebang.h"

namespace cgisrv::process {
namespace {

// A header, one segment that names the loader, and the name.
template <typename Header, typename Segment>
std::string binary(std::uint16_t machine, unsigned char width, const std::string& loader) {
  Header header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = width;
  header.e_ident[EI_DATA] = std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;
  header.e_machine = machine;
  header.e_phoff = sizeof header;
  header.e_phnum = 2;
  Segment first{}, interpreter{};
  first.p_type = PT_LOAD;
  interpreter.p_type = PT_INTERP;
  interpreter.p_offset = sizeof header + 2 * sizeof first;
  interpreter.p_filesz = static_cast<decltype(interpreter.p_filesz)>(loader.size() + 1);
  const auto bytes = [](const auto& value) {
    return std::string(reinterpret_cast<const char*>(&value), sizeof value);
  };
  return bytes(header) + bytes(first) + bytes(interpreter) + loader + '\0';
}

TEST(ElfHead, OurOwn) {
  const auto head = read_elf_head(file_head("/proc/self/exe"));
  ASSERT_TRUE(head);
  EXPECT_EQ(head->machine, this_machine());
  EXPECT_EQ(head->bits, sizeof(void*) * 8);
  EXPECT_NE(head->loader.find("ld"), std::string::npos);
}

TEST(ElfHead, BothWidths) {
  const auto wide = read_elf_head(
      binary<Elf64_Ehdr, Elf64_Phdr>(EM_AARCH64, ELFCLASS64, "/lib/ld-musl-aarch64.so.1"));
  ASSERT_TRUE(wide);
  EXPECT_EQ(machine_name(wide->machine), "AArch64 (64-bit ARM)");
  EXPECT_EQ(wide->loader, "/lib/ld-musl-aarch64.so.1");
  const auto narrow =
      read_elf_head(binary<Elf32_Ehdr, Elf32_Phdr>(EM_386, ELFCLASS32, "/lib/ld-linux.so.2"));
  ASSERT_TRUE(narrow);
  EXPECT_EQ(narrow->bits, 32);
  EXPECT_EQ(narrow->loader, "/lib/ld-linux.so.2");
}

TEST(ElfHead, OtherByteOrder) {
  std::string bytes = binary<Elf64_Ehdr, Elf64_Phdr>(EM_NONE, ELFCLASS64, "");
  bytes[EI_DATA] = static_cast<char>(bytes[EI_DATA] == ELFDATA2LSB ? ELFDATA2MSB : ELFDATA2LSB);
  bytes[18] = std::endian::native == std::endian::little ? 0 : EM_S390;
  bytes[19] = std::endian::native == std::endian::little ? EM_S390 : 0;
  EXPECT_EQ(read_elf_head(bytes)->machine, EM_S390);
}

TEST(ElfHead, CutAnywhere) {
  const std::string whole = binary<Elf64_Ehdr, Elf64_Phdr>(EM_X86_64, ELFCLASS64, "/lib/ld.so");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto head = read_elf_head(std::string_view(whole).substr(0, size));
    EXPECT_EQ(head.has_value(), size >= sizeof(Elf64_Ehdr)) << size;
  }
}

TEST(ElfHead, OffsetsThatLeadAstray) {
  std::string bytes = binary<Elf64_Ehdr, Elf64_Phdr>(EM_X86_64, ELFCLASS64, "/lib/ld.so");
  for (const std::size_t at :
       {offsetof(Elf64_Ehdr, e_phoff),
        sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, p_offset)}) {
    std::string astray = bytes;
    astray.replace(at, 8, 8, '\xff');
    EXPECT_EQ(read_elf_head(astray)->loader, "");
  }
}

TEST(Shebang, ProgramAndArgument) {
  const Shebang plain = read_shebang("#! /usr/bin/env  -S python3 -u \nprint()\n");
  EXPECT_EQ(plain.program, "/usr/bin/env");
  EXPECT_EQ(plain.argument, "-S python3 -u");
  EXPECT_FALSE(plain.windows_line_end);
  EXPECT_EQ(read_shebang("#!/bin/sh").program, "/bin/sh");
  EXPECT_EQ(read_shebang("print()").program, "");
  EXPECT_EQ(read_shebang("#!\n/bin/sh\n").program, "");
}

TEST(Shebang, WindowsLineEnd) {
  const Shebang found = read_shebang("#!/bin/sh -e\r\necho\r\n");
  EXPECT_EQ(found.program, "/bin/sh");
  EXPECT_EQ(found.argument, "-e");
  EXPECT_TRUE(found.windows_line_end);
  EXPECT_FALSE(read_shebang("#!/bin/sh\necho\r\n").windows_line_end);
}

TEST(Shebang, WhereAProgramIsInstalled) {
  EXPECT_TRUE(find_program("/opt/none/sh").ends_with("bin/sh"));
  EXPECT_TRUE(find_program("/opt/none/sh5.1").ends_with("bin/sh"));
  EXPECT_EQ(find_program("/opt/none/5.1"), "");
  EXPECT_EQ(find_program("/opt/none/frobnicate"), "");
  EXPECT_EQ(find_program("/opt/none/"), "");
}

TEST(SearchPath, TheFirstExecutableOfThatName) {
  TemporaryDirectory directory;
  const auto a = directory.directory("a"), b = directory.directory("b");
  directory.file("a/none", 0644);
  directory.directory("a/tool");
  const auto tool = directory.file("b/tool", 0755), none = directory.file("b/none", 0755);
  const std::string path = a + ":" + b + ":/bin";
  EXPECT_EQ(find_in_path("tool", path), tool);
  EXPECT_EQ(find_in_path("none", path), none);
  EXPECT_EQ(find_in_path("tool", a), "");
  EXPECT_EQ(find_in_path("tool", ""), "");
  EXPECT_EQ(find_in_path("", path), "");
  EXPECT_EQ(find_in_path(a + "/tool", path), a + "/tool");
}

TEST(SearchPath, NothingThatDependsOnTheWorkingDirectory) {
  for (const char* path : {":/bin", "bin:/bin", ".:/bin"})
    EXPECT_EQ(find_in_path("sh", path), "") << path;
  EXPECT_EQ(find_in_path("sh", "/bin:."), "/bin/sh");
  EXPECT_EQ(find_in_path("bin/sh", "/bin"), "");
}

}  // namespace
}  // namespace cgisrv::process

#include "process/linkage.h"

#include <cgisrv/fd.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mman.h>

#include <fstream>
#include <iterator>

#include "process/elf.h"

namespace cgisrv::process {
namespace {

using testing::Contains;
using testing::IsEmpty;

Linkage linkage_of(std::string_view bytes) {
  const Fd file(::memfd_create("binary", MFD_CLOEXEC));
  EXPECT_EQ(::write(file.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  return read_linkage(file.get());
}

// A small one that every system has.
std::string binary() {
  std::ifstream stream("/usr/bin/env", std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

TEST(LinkageTest, OurOwn) {
  const Fd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  const Linkage found = read_linkage(file.get());
  EXPECT_NE(found.loader.find("/ld"), std::string::npos);
  EXPECT_THAT(found.needed, Contains("libc.so.6"));
  EXPECT_THAT(found.needed, Contains(testing::StartsWith("libstdc++.so")));
  EXPECT_TRUE(found.enters_by_libc);
  EXPECT_FALSE(found.is_go);
}

TEST(LinkageTest, TheLoaderIsThatOfTheHead) {
  const std::string whole = binary();
  EXPECT_EQ(linkage_of(whole).loader, read_elf_head(whole)->loader);
}

TEST(LinkageTest, WhatIsNoBinaryHasNothing) {
  for (const char* bytes : {"",
                            "\x7f"
                            "ELF",
                            "#!/bin/sh\n"}) {
    const Linkage found = linkage_of(bytes + std::string(200, 'x'));
    EXPECT_EQ(found.loader, "");
    EXPECT_THAT(found.needed, IsEmpty());
  }
  EXPECT_THAT(read_linkage(-1).needed, IsEmpty());
}

TEST(LinkageTest, CutAnywhereItHasNothingThatItHadNot) {
  const std::string bytes = binary();
  const Linkage whole = linkage_of(bytes);
  ASSERT_TRUE(whole.enters_by_libc);
  for (std::size_t size = 0; size < bytes.size(); size += size < 1024 ? 1 : 509) {
    const Linkage cut = linkage_of(std::string_view(bytes).substr(0, size));
    EXPECT_TRUE(whole.loader.starts_with(cut.loader)) << size;
    for (const auto& library : cut.needed)
      EXPECT_THAT(whole.needed, Contains(testing::StartsWith(library))) << size;
  }
}

// Each byte of the headers in turn, so that offsets, sizes and counts lead anywhere.
TEST(LinkageTest, OffsetsThatLeadAstray) {
  const std::string bytes = binary();
  std::size_t without = 0;
  for (std::size_t at = 0; at < 1024; ++at) {
    std::string astray = bytes;
    astray[at] = '\xff';
    without += linkage_of(astray).needed.empty() ? 1 : 0;
  }
  EXPECT_GT(without, 0U);
  EXPECT_LT(without, 1024U);
}

}  // namespace
}  // namespace cgisrv::process

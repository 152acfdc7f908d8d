#include "base/regular_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "../temporary_directory.h"

namespace cgisrv {
namespace {

TEST(RegularFile, IsReadWhole) {
  TemporaryDirectory folder;
  const std::string text(200'000, 'x');
  EXPECT_EQ(read_regular(folder.file("long", 0644, text), text.size()), text);
  EXPECT_EQ(read_regular(folder.file("empty", 0644, ""), 0), "");
  EXPECT_EQ(read_regular(folder.path() + "/long", text.size() - 1).error().code, EFBIG);
  EXPECT_EQ(read_regular(folder.path() + "/none", 1).error().code, ENOENT);
}

// With nobody at its other end a FIFO would be waited for, by readers and by writers.
TEST(RegularFile, NothingElseIsOpened) {
  const TemporaryDirectory folder;
  const auto fifo = folder.path() + "/fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0644), 0);
  const std::pair<std::string, std::string> others[] = {
      {fifo, "a FIFO"}, {"/dev/zero", "a device"}, {folder.path(), "a directory"}};
  for (const auto& [path, kind] : others)
    for (const int flags : {O_RDONLY, O_WRONLY | O_CREAT | O_TRUNC}) {
      const auto file = open_regular(path, flags);
      ASSERT_FALSE(file) << path;
      EXPECT_EQ(file.error().code, 0) << path;
      EXPECT_EQ(file.error().what, "it is not a regular file but " + kind + "; name a regular one");
    }
}

}  // namespace
}  // namespace cgisrv

#include "warm/binary.h"

#include <cgisrv/fd.h>
#include <elf.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/capability.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <cstdlib>

#include "../no_descriptors.h"
#include "../temporary_directory.h"
#include "process/elf.h"
#include "process/linkage.h"

namespace cgisrv::warm {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* nothing = "int main(void) { return 0; }\n";

// Binaries as gcc makes them, and what becomes of a preloaded library in them.
class BinaryTest : public testing::Test {
 protected:
  static int run(const std::string& command) {
    const int status = std::system(command.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  std::string build(const std::string& flags = "", const std::string& source = nothing) {
    const auto file = directory.path() + "/program";
    const auto from = directory.file("program.c", 0644, source);
    EXPECT_EQ(run("gcc -w -o " + file + " " + from + " " + flags), 0);
    return file;
  }
  // With other bytes at `offset`.
  std::string patched(std::size_t offset, std::string_view bytes) {
    const auto file = build();
    std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
    stream.seekp(static_cast<std::streamoff>(offset)).write(bytes.data(), std::ssize(bytes));
    return file;
  }
  // Whether a library that stands in for __libc_start_main gets control.
  bool is_stopped(const std::string& file) {
    const auto library = directory.path() + "/probe.so";
    const auto from = directory.file("probe.c", 0644,
                                     "#include <unistd.h>\n"
                                     "int __libc_start_main(void) { _exit(42); }\n");
    EXPECT_EQ(run("gcc -w -shared -fPIC -o " + library + " " + from), 0);
    return run("LD_PRELOAD=" + library + " LD_BIND_NOW=1 " + file) == 42;
  }
  TemporaryDirectory directory;
};

struct Case {
  const char* name;
  const char* flags;
  const char* source;
  const char* why;  // a part of it; empty: it can be preloaded
};

class EachBinary : public BinaryTest, public testing::WithParamInterface<Case> {};

// The answer agrees with what the loader does.
TEST_P(EachBinary, IsStoppedOrSaysWhyNot) {
  const auto file = build(GetParam().flags, GetParam().source);
  const std::string why = *why_not_preloaded(file);
  if (*GetParam().why == '\0')
    EXPECT_THAT(why, IsEmpty());
  else
    EXPECT_THAT(why, HasSubstr(GetParam().why));
  EXPECT_EQ(is_stopped(file), why.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Warm, EachBinary,
    testing::Values(
        Case{"Plain", "", nothing, ""}, Case{"NoPie", "-no-pie", nothing, ""},
        Case{"Stripped", "-s", nothing, ""},
        Case{"ManyLibraries", "-Wl,--no-as-needed -lm -lstdc++", nothing, ""},
        Case{"Static", "-static", nothing, "is statically linked"},
        Case{"StaticPie", "-static-pie", nothing, "is statically linked"},
        Case{"Musl", "-Wl,--dynamic-linker=/lib/ld-musl-none.so.1", nothing, "C library musl"},
        Case{"OtherLoader", "-Wl,--dynamic-linker=/opt/none/ld.so", nothing,
             "has a loader of its own, /opt/none/ld.so"},
        Case{"WithoutLibc", "-nostdlib -pie", "void _start(void) { __builtin_trap(); }\n",
             "does not use the C library"},
        Case{"NameThatHoldsAnother", "-nostartfiles -rdynamic",
             "#include <unistd.h>\nvoid _start(void) { _exit(0); }\n"
             "void not__libc_start_main_either(void) {}\n",
             "does not come to main"},
        Case{"StartOfItsOwn", "-nostartfiles",
             "#include <unistd.h>\nvoid _start(void) { _exit(0); }\n", "does not come to main"}),
    [](const auto& each) { return each.param.name; });

TEST_F(BinaryTest, TheSystemsLoaderUnderAnotherName) {
  const Fd own(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  const auto link = directory.path() + "/ld.so";
  std::filesystem::create_symlink(process::read_linkage(own.get()).loader, link);
  const auto file = build("-Wl,--dynamic-linker=" + link);
  EXPECT_THAT(*why_not_preloaded(file), IsEmpty());
  EXPECT_TRUE(is_stopped(file));
}

TEST_F(BinaryTest, Go) {
  const auto content = directory.file("section");
  for (const char* section : {".go.buildinfo", ".note.go.buildid"}) {
    const auto file = build();
    ASSERT_EQ(run("objcopy --add-section " + std::string(section) + "=" + content + " " + file), 0);
    EXPECT_THAT(*why_not_preloaded(file), HasSubstr("is written in Go")) << section;
  }
}

TEST_F(BinaryTest, WhatGainsPrivileges) {
  const auto file = build();
  struct Mode {
    mode_t mode;
    const char* why;
  };
  for (const auto& [mode, why] :
       {Mode{0755, ""}, Mode{04755, "is setuid,"}, Mode{02755, "is setgid,"}, Mode{02745, ""}}) {
    ASSERT_EQ(::chmod(file.c_str(), mode), 0);
    const std::string found = *why_not_preloaded(file);
    EXPECT_TRUE(*why == '\0' ? found.empty() : found.starts_with(why)) << std::oct << mode << found;
  }
}

TEST_F(BinaryTest, Capabilities) {
  const auto file = build();
  const vfs_cap_data data{.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE,
                          .data = {{.permitted = 1U << CAP_NET_RAW, .inheritable = 0}}};
  if (::setxattr(file.c_str(), "security.capability", &data, sizeof data, 0) != 0)
    GTEST_SKIP() << "only root may give capabilities";
  EXPECT_THAT(*why_not_preloaded(file), HasSubstr("is given capabilities,"));
}

TEST_F(BinaryTest, OfAnotherMachine) {
  const std::uint16_t other = process::this_machine() == EM_AARCH64 ? EM_X86_64 : EM_AARCH64;
  const auto file = patched(offsetof(Elf64_Ehdr, e_machine),
                            {reinterpret_cast<const char*>(&other), sizeof other});
  EXPECT_THAT(*why_not_preloaded(file), HasSubstr("is a binary for "));
}

TEST_F(BinaryTest, OfAnotherWidth) {
  const char other = sizeof(void*) == 8 ? ELFCLASS32 : ELFCLASS64;
  EXPECT_THAT(*why_not_preloaded(patched(EI_CLASS, {&other, 1})), HasSubstr("-bit binary"));
}

TEST_F(BinaryTest, WhatIsNoBinary) {
  const auto fifo = directory.path() + "/fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0755), 0);
  for (const auto& file : {fifo, directory.path(), directory.file("empty", 0755, ""),
                           directory.file("text", 0755, "print()\n")})
    EXPECT_THAT(*why_not_preloaded(file), HasSubstr("is neither a binary nor a script")) << file;
  EXPECT_THAT(*why_not_preloaded(directory.file("script", 0755, "#!/bin/sh\n")),
              HasSubstr("is itself a script"));
  EXPECT_THAT(*why_not_preloaded(directory.path() + "/none"), HasSubstr("cannot be read"));
}

TEST_F(BinaryTest, WhatMayNotBeRead) {
  const auto file = build();
  ASSERT_EQ(::chmod(file.c_str(), 0111), 0);
  const Unprivileged nobody;
  EXPECT_THAT(*why_not_preloaded(file), HasSubstr("cannot be read"));
}

TEST_F(BinaryTest, WhatCannotBeReadForWantOfADescriptor) {
  const auto file = build();
  const auto why = [&] {
    const NoDescriptors scarcity;
    return why_not_preloaded(file);
  }();
  ASSERT_FALSE(why);
  EXPECT_EQ(why.error().code, EMFILE);
  EXPECT_THAT(*why_not_preloaded(file), IsEmpty());
}

}  // namespace
}  // namespace cgisrv::warm

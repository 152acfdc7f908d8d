// A recipe is right when what it starts says that it is ready. In truth it is the manager that does
// what is done here.
#include <cgisrv/fd.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "../temporary_directory.h"
#include "warm/recipe.h"

namespace cgisrv::warm {
namespace {

class BootTest : public testing::Test {
 protected:
  // "ready"; or why not, by the recipe or by the zygote.
  std::string boot(const WarmProgram& program) {
    const auto here = std::filesystem::canonical("/proc/self/exe").parent_path();
    const auto recipe = make_recipe(program, {}, std::filesystem::canonical(here / "../.."));
    if (!recipe) return recipe.error().why;
    std::array<int, 2> control{}, input{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control.data()), 0);
    EXPECT_EQ(::pipe2(input.data(), O_CLOEXEC), 0);
    Fd ours(control[0]), theirs(control[1]), stdin_fd(input[0]), writer(input[1]);
    EXPECT_EQ(::write(writer.get(), "?", 1), 1);
    writer.reset();
    const Fd out(::memfd_create("stdout", MFD_CLOEXEC)), err(::memfd_create("stderr", MFD_CLOEXEC)),
        slate(::memfd_create("slate", MFD_CLOEXEC));
    const pid_t pid = start(*recipe, {{stdin_fd.get(), 0},
                                      {out.get(), 1},
                                      {err.get(), 2},
                                      {theirs.get(), channel_fd},
                                      {slate.get(), slate_fd}});
    theirs.reset();
    std::string said = hear(ours.get());
    if (said.empty()) {
      said.resize(1000);
      said.resize(static_cast<std::size_t>(
          std::max<ssize_t>(0, ::pread(err.get(), said.data(), said.size(), 0))));
    }
    ours.reset();
    EXPECT_EQ(::waitpid(pid, nullptr, 0), pid);
    return said;
  }

  TemporaryDirectory directory;

 private:
  static pid_t start(const Recipe& recipe, const std::vector<std::pair<int, int>>& descriptors) {
    auto environment = recipe.environment;
    environment.push_back("CGISRV_WARM_CHANNEL=" + std::to_string(channel_fd));
    environment.push_back("CGISRV_WARM_SLATE=" + std::to_string(slate_fd));
    environment.push_back("CGISRV_WARM_MANAGER=" + std::to_string(::getpid()));
    const auto pointers = [](const std::vector<std::string>& strings) {
      std::vector<char*> list;
      for (const auto& string : strings)
        list.push_back(const_cast<char*>(string.c_str()));
      list.push_back(nullptr);
      return list;
    };
    const auto argv = pointers(recipe.argv), envp = pointers(environment);
    const pid_t pid = ::fork();
    if (pid != 0) return pid;
    for (const auto& [fd, number] : descriptors)
      ::dup2(fd, number);
    ::close_range(3, channel_fd - 1, 0);
    ::close_range(slate_fd + 1, ~0U, 0);
    ::execve(recipe.executable.c_str(), argv.data(), envp.data());
    ::_exit(127);
  }

  static std::string hear(int control) {
    pollfd readable{control, POLLIN, 0};
    EXPECT_EQ(::poll(&readable, 1, 10'000), 1) << "neither ready nor refused";
    std::array<char, 2048> packet{};
    cgisrv_warm_header header{};
    const ssize_t got = ::recv(control, packet.data(), packet.size(), MSG_DONTWAIT);
    if (got < static_cast<ssize_t>(sizeof header)) return {};
    std::memcpy(&header, packet.data(), sizeof header);
    if (header.type == CGISRV_WARM_READY) return "ready";
    return std::string(packet.data(), static_cast<std::size_t>(got)).substr(sizeof header);
  }
};

TEST_F(BootTest, Perl) {
  for (const char* line : {"#!/usr/bin/perl", "#!/usr/bin/perl -T -w", "#!/usr/bin/env perl",
                           "#!/usr/bin/env -S perl -w -I/opt"})
    EXPECT_EQ(boot({.file = directory.file("a.cgi", 0755, std::string(line) + "\nprint 1;\n")}),
              "ready")
        << line;
}

TEST_F(BootTest, Python) {
  for (const char* line :
       {"/usr/bin/python3", "/usr/bin/python3 -uBIWignore", "/usr/bin/env -S python3 -u -Xutf8"})
    EXPECT_EQ(
        boot({.file = directory.file("a.cgi", 0755, std::string("#!") + line + "\nprint(1)\n"),
              .variables = {{"PATH", "/usr/bin"}}}),
        "ready")
        << line;
}

TEST_F(BootTest, ConfiguredInterpreter) {
  EXPECT_EQ(
      boot({.file = directory.file("a.txt", 0644, "print 1;\n"), .interpreter = "/usr/bin/perl"}),
      "ready");
}

TEST_F(BootTest, Native) {
  EXPECT_EQ(boot({.file = "/usr/bin/env"}), "ready");
}

TEST_F(BootTest, WhatTheBootHasMayBeAskedFor) {
  const auto file = directory.file("a.cgi", 0755,
                                   "#!/usr/bin/perl\n"
                                   "BEGIN { $ENV{SCRIPT_FILENAME} eq $0 or die \"other\";\n"
                                   "        $ENV{LANG} eq 'C' or die \"none\"; }\n"
                                   "BEGIN { $x = $ENV{DOCUMENT_ROOT} }\n");
  EXPECT_EQ(boot({.file = file, .variables = {{"LANG", "C"}}, .root = "/srv"}), "ready");
  EXPECT_THAT(boot({.file = file, .variables = {{"LANG", "C"}}}),
              testing::StartsWith("It asks for DOCUMENT_ROOT while it loads"));
  EXPECT_THAT(boot({.file = file, .root = "/srv"}), testing::StartsWith("none at "));
}

}  // namespace
}  // namespace cgisrv::warm

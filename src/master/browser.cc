#include "master/browser.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ranges>
#include <string>
#include <string_view>
#include <vector>

namespace cgisrv::master {

namespace {

std::vector<std::string> browsers() {
  std::vector<std::string> commands;
  if (const char* const named = std::getenv("BROWSER"); named != nullptr)
    for (const auto each : std::views::split(std::string_view(named), ':'))
      if (!each.empty()) commands.emplace_back(each.begin(), each.end());
  commands.emplace_back("xdg-open");
  commands.emplace_back("x-www-browser");
  return commands;
}

// In a session of its own, since a signal for the server is none for the browser; without the
// server's output. The supervisor reaps it.
bool start(const std::string& command, const std::string& url) {
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
  sigset_t none;
  sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  char* const words[] = {const_cast<char*>(command.c_str()), const_cast<char*>(url.c_str()),
                         nullptr};
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, command.c_str(), &files, &attributes, words, environ);
  ::posix_spawn_file_actions_destroy(&files);
  ::posix_spawnattr_destroy(&attributes);
  return error == 0;
}

}  // namespace

void open_browser(const std::string& url) {
  for (const std::string& command : browsers())
    if (start(command, url)) return;
  std::fprintf(stderr, "cgisrv: no browser found: open %s by hand, or name one in $BROWSER\n",
               url.c_str());
}

}  // namespace cgisrv::master

// Files for the tests that need real ones.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace cgisrv {

// A directory under /tmp that anybody may enter, gone with this object.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = "/tmp/cgisrv-test-XXXXXX";
    path_ = ::mkdtemp(name.data());
    ::chmod(path_.c_str(), 0755);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }

  const std::string& path() const { return path_; }

  // Writes a file below, and the directories it needs; returns its absolute path.
  std::string file(const std::string& name, mode_t mode = 0644, std::string_view content = "x") {
    const auto full = path_ + "/" + name;
    std::filesystem::create_directories(std::filesystem::path(full).parent_path());
    std::ofstream(full) << content;
    ::chmod(full.c_str(), mode);
    return full;
  }
  std::string directory(const std::string& name, mode_t mode = 0755) {
    const auto full = path_ + "/" + name;
    std::filesystem::create_directories(full);
    ::chmod(full.c_str(), mode);
    return full;
  }

 private:
  std::string path_;
};

// Root may enter and read everything; while this lives, we are somebody who may not.
class Unprivileged {
 public:
  Unprivileged() : was_root_(::geteuid() == 0) { EXPECT_TRUE(!was_root_ || ::seteuid(65534) == 0); }
  Unprivileged(const Unprivileged&) = delete;
  Unprivileged& operator=(const Unprivileged&) = delete;
  ~Unprivileged() { EXPECT_TRUE(!was_root_ || ::seteuid(0) == 0); }

 private:
  bool was_root_;
};

}  // namespace cgisrv

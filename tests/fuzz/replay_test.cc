// Every input of the corpora, through its target again.
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "fuzz.h"

// So that a sanitizer's report, too, ends in the signal that names the input.
extern "C" const char* __asan_default_options() {
  return "abort_on_error=1";
}
extern "C" const char* __ubsan_default_options() {
  return "abort_on_error=1:print_stacktrace=1";
}

namespace cgisrv::fuzz {
namespace {

namespace fs = std::filesystem;

std::string input_at_hand;

void name_input(int) {
  for (const std::string_view part : {"failed on ", input_at_hand.c_str(), "\n"})
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, part.data(), part.size());
  std::signal(SIGABRT, SIG_DFL);
}

std::string read(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

class Replay : public testing::TestWithParam<std::string> {};

TEST_P(Replay, Corpus) {
  std::signal(SIGABRT, name_input);
  const auto target = targets().at(GetParam());
  target("");
  std::size_t inputs = 0;
  for (const auto& entry :
       fs::directory_iterator(fs::path(CGISRV_SOURCE_DIR "/tests/fuzz/corpus") / GetParam())) {
    input_at_hand = entry.path();
    target(read(entry.path()));
    ++inputs;
  }
  EXPECT_GT(inputs, 0U);
}

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const auto& [name, target] : targets())
    all.emplace_back(name);
  return all;
}

INSTANTIATE_TEST_SUITE_P(Fuzz, Replay, testing::ValuesIn(names()),
                         [](const auto& each) { return each.param; });

}  // namespace
}  // namespace cgisrv::fuzz

#include "exec/preload.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <numeric>

#include "exec/trial.h"
#include "exec/zygote_manager_process.h"

namespace cgisrv::exec {

namespace {

using Modules = std::vector<std::string>;

constexpr std::size_t modules_max = 500;
constexpr unsigned attempts_max = 6;

struct Lesson {
  struct Loaded {
    std::string name;
    std::uint64_t micros;
  };
  std::vector<Loaded> kept;  // of the preloaded: those that were not loaded anyway
  Modules fresh;             // loaded by a request
  std::string bad;           // of the preloaded: leaves something that must not be shared
};

// Written by the program's process, so it may be anything.
bool is_module(const std::string& name) {
  constexpr std::size_t length_max = 200;
  return !name.empty() && name.size() <= length_max && name != "__main__" &&
         std::ranges::all_of(name, [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '_' || c == '.' || c == ':';
         });
}

Lesson read_lesson(const std::string& path) {
  Lesson lesson;
  std::ifstream file(path);
  std::string kind, name;
  std::uint64_t micros = 0;
  for (std::size_t i = 0; i < 2 * modules_max && file >> kind >> name >> micros; ++i) {
    if (!is_module(name)) continue;
    if (kind == "kept") lesson.kept.push_back({name, micros});
    if (kind == "new") lesson.fresh.push_back(name);
    if (kind == "bad") lesson.bad = name;
  }
  return lesson;
}

// Private to us, and removed with this.
class TemporaryFile {
 public:
  TemporaryFile() : path_((std::filesystem::temp_directory_path() / "cgisrv-XXXXXX").string()) {
    fd_.reset(::mkostemp(path_.data(), O_CLOEXEC));
  }
  ~TemporaryFile() {
    if (fd_) ::unlink(path_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  explicit operator bool() const { return static_cast<bool>(fd_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  Fd fd_;
};

// What one run with these modules teaches.
Lesson learn(const ResolvedRequest& resolved, const ExecRequest& request, const rlimit& descriptors,
             const Modules& modules) {
  const TemporaryFile file;
  if (!file) return {};
  Trial trial(with_preload(resolved, modules, file.path()), request, descriptors, true);
  ZygoteManagerProcess zygote_manager(trial.resolved().config, descriptors);
  if (zygote_manager.boot(trial.key())) trial.run(zygote_manager.channel());
  return read_lesson(file.path());
}

const Modules& configured_at(const ResolvedRequest& resolved) {
  static const Modules none;
  const auto found = destination(resolved);
  return found ? found->location->cgi.warm.preload.modules : none;
}

// "a" is loaded with "a.b".
bool is_parent_of_another(const std::string& name, const std::vector<Lesson::Loaded>& all) {
  return std::ranges::any_of(all, [&](const auto& each) {
    return each.name.starts_with(name) &&
           std::string_view(each.name).substr(name.size()).starts_with('.');
  });
}

// The modules worth it: if times are known, those that take a noticeable time.
Modules chosen(const std::vector<Lesson::Loaded>& kept) {
  const auto total = std::accumulate(
      kept.begin(), kept.end(), std::uint64_t{0},
      [](std::uint64_t sum, const Lesson::Loaded& each) { return sum + each.micros; });
  Modules modules;
  for (const auto& each : kept)
    if (each.micros * 100 >= total && !is_parent_of_another(each.name, kept))
      modules.push_back(each.name);
  return modules;
}

}  // namespace

ResolvedRequest with_preload(ResolvedRequest resolved, const std::vector<std::string>& modules,
                             const std::string& learn) {
  for (config::Site& site : resolved.config.sites)
    for (config::Location& location : site.locations) {
      location.cgi.warm.preload.modules = modules;
      location.cgi.warm.learn = learn;
    }
  return resolved;
}

std::vector<std::string> propose_preload(const ResolvedRequest& resolved,
                                         const ExecRequest& request, const rlimit& descriptors) {
  Modules modules = configured_at(resolved);
  const std::size_t known = modules.size();
  const Lesson first = learn(resolved, request, descriptors, modules);
  modules.insert(modules.end(), first.fresh.begin(), first.fresh.end());
  modules.resize(std::min(modules.size(), modules_max));
  for (unsigned attempt = 0; modules.size() > known && attempt < attempts_max; ++attempt) {
    const Lesson lesson = learn(resolved, request, descriptors, modules);
    if (lesson.bad.empty()) return chosen(lesson.kept);
    std::erase(modules, lesson.bad);
  }
  return {};
}

std::string preload_text(const std::vector<std::string>& modules) {
  return fmt::format("preload = [\"{}\"]", fmt::join(modules, "\", \""));
}

}  // namespace cgisrv::exec

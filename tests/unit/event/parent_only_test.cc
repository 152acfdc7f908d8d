#include <cgisrv/loop.h>
#include <cgisrv/parent_only.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <functional>
#include <optional>
#include <set>
#include <vector>

#include "../run_until.h"
#include "event/signals.h"

namespace cgisrv {
namespace {

std::set<int> open_descriptors() {
  std::set<int> found;
  for (int fd = 0; fd < 256; ++fd)
    if (::fcntl(fd, F_GETFD) >= 0) found.insert(fd);
  return found;
}

Fd some_descriptor() {
  return Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

bool in_child(const std::function<bool()>& holds) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(holds() ? 0 : 1);
  int status = -1;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  return status == 0;
}

struct Listener {
  bool heard = false;
  void hear() { heard = true; }
};

TEST(ParentOnly, ChildHasNoneOfThemAndTheParentAll) {
  Listener listener;
  const auto before = open_descriptors();
  Loop loop;
  const Signals signals(loop, {SIGUSR1}, SignalCallback::of<&Listener::hear>(listener));
  const ParentOnly<Fd> one(some_descriptor());
  ParentOnly<std::vector<Fd>> many;
  many->push_back(some_descriptor());
  many->push_back(some_descriptor());
  const auto after = open_descriptors();
  EXPECT_EQ(after.size(), before.size() + 5);
  EXPECT_TRUE(in_child([&] {
    ClosedInChild::close_all();
    return open_descriptors() == before && !*one && many->empty();
  }));
  EXPECT_EQ(open_descriptors(), after);
  ::raise(SIGUSR1);
  EXPECT_TRUE(run_until(loop, [&] { return listener.heard; }));
}

TEST(ParentOnly, ChildKeepsWhatItSays) {
  ParentOnly<Fd> kept(some_descriptor());
  const ParentOnly<Fd> other(some_descriptor());
  EXPECT_TRUE(in_child([&] {
    const int number = kept->get();
    kept.keep();
    ClosedInChild::close_all();
    ClosedInChild::close_all();
    return ::fcntl(number, F_GETFD) >= 0 && kept->get() == number && !*other;
  }));
}

TEST(ParentOnly, FollowsItsValueWhereThatIsMoved) {
  const auto before = open_descriptors();
  std::optional<ParentOnly<Fd>> first(some_descriptor());
  const ParentOnly<Fd> second(std::move(*first));
  first.reset();
  ParentOnly<Fd> third;
  third = some_descriptor();
  EXPECT_TRUE(in_child([&] {
    ClosedInChild::close_all();
    return open_descriptors() == before && !*second;
  }));
}

TEST(ParentOnly, OneMayBeInAnother) {
  struct Log {
    ParentOnly<Fd> sending;
    Fd receiving;
  };
  const auto before = open_descriptors();
  ParentOnly<std::optional<Log>> kept;
  kept->emplace(ParentOnly<Fd>(some_descriptor()), some_descriptor());
  ParentOnly<std::optional<Log>> closed;
  closed->emplace(ParentOnly<Fd>(some_descriptor()), some_descriptor());
  EXPECT_TRUE(in_child([&] {
    kept.keep();
    ClosedInChild::close_all();
    auto left = before;
    left.insert((*kept)->receiving.get());
    return open_descriptors() == left && !*closed;
  }));
}

TEST(ParentOnly, WatchThatEndsInTheChildGoesOnInTheParent) {
  Loop loop;
  Listener listener;
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const Fd writing(ends[1]);
  ParentOnly<WatchedFd> reading(
      WatchedFd(loop, Fd(ends[0]), EPOLLIN, WatchCallback::of<&Listener::hear>(listener)));
  std::optional<Watch> stays(std::in_place, loop, writing.get(), 0U,
                             WatchCallback::of<&Listener::hear>(listener));
  EXPECT_TRUE(in_child([&] {
    ClosedInChild::close_all();
    stays.reset();
    return !*reading && ::fcntl(ends[0], F_GETFD) < 0;
  }));
  ASSERT_EQ(::write(writing.get(), "x", 1), 1);
  EXPECT_TRUE(run_until(loop, [&] { return listener.heard; }));
}

}  // namespace
}  // namespace cgisrv

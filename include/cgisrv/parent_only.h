// Descriptors that a process must not share with the children that it forks. A copy in a child
// keeps a port bound, a dead parent alive to its peers, a removed file on the disk.
//
// Each such object is in a list as long as it lives. A child first keeps what it needs, then closes
// the rest:
//
//   ParentOnly<Fd> listener(...), log(...);
//
//   if (::fork() == 0) {
//     log.keep();
//     ClosedInChild::close_all();  // the listener
//     ...
//
// A child that calls exec(3) at once need do neither: all these descriptors are close-on-exec.
#pragma once

#include <utility>

namespace cgisrv {

// An object that is in the list. Not thread-safe, as fork(2) is not.
class ClosedInChild {
 public:
  ClosedInChild(const ClosedInChild&) = delete;
  ClosedInChild& operator=(const ClosedInChild&) = delete;

  // Called in a child: the objects in the list close their descriptors, in the order in which they
  // were made, and the list is emptied. The parent is not affected.
  static void close_all() {
    while (ClosedInChild* const first = first_) {
      first->keep();
      first->close_in_child();
    }
  }
  // Called in a child before close_all(): keeps this one open.
  void keep() {
    if (!is_in_list_) return;
    (previous_ != nullptr ? previous_->next_ : first_) = next_;
    (next_ != nullptr ? next_->previous_ : last_) = previous_;
    is_in_list_ = false;
  }

 protected:
  ClosedInChild() : previous_(last_) {
    (previous_ != nullptr ? previous_->next_ : first_) = this;
    last_ = this;
  }
  ~ClosedInChild() { keep(); }

 private:
  // Must not touch what parent and child share, such as an epoll set.
  virtual void close_in_child() = 0;

  inline static ClosedInChild* first_ = nullptr;
  inline static ClosedInChild* last_ = nullptr;

  ClosedInChild* previous_;
  ClosedInChild* next_ = nullptr;
  bool is_in_list_ = true;
};

// A value whose empty state holds no descriptor: Fd, WatchedFd, a container of them. The child
// empties it.
template <typename T>
class ParentOnly final : public ClosedInChild {
 public:
  ParentOnly() = default;
  explicit ParentOnly(T value) : value_(std::move(value)) {}
  ParentOnly(ParentOnly&& other) noexcept : value_(std::move(other.value_)) {}
  ParentOnly& operator=(ParentOnly&& other) noexcept {
    value_ = std::move(other.value_);
    return *this;
  }
  ParentOnly& operator=(T value) {
    value_ = std::move(value);
    return *this;
  }
  ~ParentOnly() = default;

  T& operator*() { return value_; }
  const T& operator*() const { return value_; }
  T* operator->() { return &value_; }
  const T* operator->() const { return &value_; }

 private:
  void close_in_child() override { value_ = T(); }

  T value_{};
};

}  // namespace cgisrv

#include "backend/idle_connections.h"

#include <sys/socket.h>

#include <cerrno>
#include <iterator>
#include <utility>

namespace cgisrv::backend {

namespace {

// Its server may have closed it, or said something, of which the loop has not told yet.
bool is_silent(int socket) {
  char byte = 0;
  return ::recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

}  // namespace

Connected IdleConnections::take(const std::string& address) {
  const auto found = by_address_.find(address);
  if (found == by_address_.end()) return {};
  for (auto& list = found->second; !list.empty();) {
    Connected connected{list.back().socket.release(), list.back().since};
    list.pop_back();
    if (is_silent(connected.socket.get())) return connected;
  }
  return {};
}

void IdleConnections::keep(const std::string& address, Connected connected, unsigned most) {
  auto& list = by_address_[address];
  if (list.size() >= most || loop_.now() - connected.since >= age_max) return;
  Idle& idle = list.emplace_back();
  idle.list = &list;
  idle.self = std::prev(list.end());
  idle.since = connected.since;
  idle.idle_since = loop_.now();
  idle.socket = WatchedFd(loop_, std::move(connected.socket), EPOLLIN | EPOLLRDHUP,
                          WatchCallback::of<&Idle::spoken>(idle));
  if (!idle.socket) list.pop_back();
  if (!timer_.armed()) timer_.arm_after(idle_max);
}

// Its server closes it, or says what nobody has asked: neither is of use.
void IdleConnections::Idle::spoken() {
  list->erase(self);
}

void IdleConnections::close_old() {
  bool are_left = false;
  for (auto& [address, list] : by_address_) {
    while (!list.empty() && loop_.now() - list.front().idle_since >= idle_max)
      list.pop_front();
    are_left |= !list.empty();
  }
  if (are_left) timer_.arm_after(idle_max / 5);
}

void IdleConnections::close_all() {
  for (auto& [address, list] : by_address_)
    list.clear();
}

}  // namespace cgisrv::backend

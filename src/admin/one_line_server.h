// Says one line to whoever connects to a listener, and closes.
//
//   accept --> the line is sent, and our side shut --> the client closes, or a second has passed
//
// What the client sends is dropped: closing with something unread would reset the connection, and
// the line might be lost.
#pragma once

#include <cgisrv/loop.h>

#include <functional>
#include <list>
#include <string>

namespace cgisrv::admin {

class OneLineServer {
 public:
  static constexpr std::size_t clients_max = 32;  // a further one replaces the oldest

  // `line` makes what is said, without the end of the line.
  OneLineServer(Loop& loop, Fd listener, std::function<std::string()> line);

 private:
  struct Client {
    Client(OneLineServer& server, Fd connection);
    void readable();
    OneLineServer& owner;
    WatchedFd socket;
    TimePoint since;
    std::list<Client>::iterator self;
  };

  void watch();
  void connection_waits();
  void let_go();

  Loop& loop_;
  Fd listener_;
  Watch listener_watch_;
  const std::function<std::string()> line_;
  Timer again_;  // for when no descriptor was left
  Timer patience_;
  std::list<Client> clients_;  // oldest first
};

}  // namespace cgisrv::admin

// A server's end of its control socket, on its loop: never waits for a client.
//
//   accept --> reading a line --> waiting for the answer --> writing it --> close
//                   \______ too long, or too late _________/
//
// Only the same user and root get an answer. Their cost is bounded: the length of a line, the time
// for reading and for writing, and the number of clients; a new one replaces the oldest.
#pragma once

#include <cgisrv/loop.h>
#include <cgisrv/parent_only.h>
#include <sys/socket.h>

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "control/answer.h"

namespace cgisrv::control {

inline constexpr std::size_t line_bytes_max = 256;
inline constexpr std::size_t clients_max = 32;

// A forked child closes it, and does not remove the socket's file.
class Server final : private ClosedInChild {
 public:
  using Handler = std::function<void(std::string_view verb, const ucred& peer, Reply reply)>;

  // Listens at DIRECTORY/PID.sock, mode 0600. make_directory() must have been called.
  static Result<std::unique_ptr<Server>> open(Loop& loop, const std::string& directory,
                                              Handler handler);
  ~Server();  // removes the socket

  const std::string& path() const { return path_; }

 private:
  struct Session;

  Server(Loop& loop, Fd listener, std::string path, Handler handler);
  void close_in_child() override;
  void connection_waits();
  void resume();
  void ask(Session& session, std::string_view line);
  void reply(std::uint64_t session, const Answer& answer);
  void drop(Session& session);

  Loop& loop_;
  std::string path_;
  const Handler handler_;
  WatchedFd listener_;
  Timer resume_;                                  // for when no descriptor was left
  std::list<std::unique_ptr<Session>> sessions_;  // oldest first
  std::uint64_t last_session_ = 0;
};

}  // namespace cgisrv::control

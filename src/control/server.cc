#include "control/server.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

#include "control/directory.h"
#include "control/unix_address.h"

namespace cgisrv::control {

namespace {

using namespace std::chrono_literals;

constexpr auto session_time = 5s;
constexpr auto recovery_time = 1s;
constexpr int backlog = 64;

// Binds under another name first: a socket that exists but does not listen yet would be taken for a
// dead server's.
Result<Fd> listen_at(const std::string& path) {
  const std::string unfinished = path + ".new";
  const auto address = unix_address(unfinished);
  if (!address) return std::unexpected(address.error());
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  ::unlink(unfinished.c_str());
  if (!socket ||
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0 ||
      ::chmod(unfinished.c_str(), 0600) != 0 || ::listen(socket.get(), backlog) != 0 ||
      ::rename(unfinished.c_str(), path.c_str()) != 0)
    return fail_errno(errno, "listening at {}", path);
  return socket;
}

ucred peer_of(int socket) {
  ucred peer{.pid = 0, .uid = static_cast<uid_t>(-1), .gid = static_cast<gid_t>(-1)};
  socklen_t size = sizeof peer;
  ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size);
  return peer;
}

}  // namespace

struct Server::Session {
  Session(Server& owner, Fd socket)
      : server(owner),
        number(++owner.last_session_),
        deadline(owner.loop_, Callback::of<&Session::expired>(*this)),
        stream(owner.loop_, std::move(socket), EPOLLIN, WatchCallback::of<&Session::ready>(*this)) {
    deadline.arm_after(session_time);
  }

  enum class State : std::uint8_t { reading, waiting, writing };

  void expired() { server.drop(*this); }
  void ready(std::uint32_t events);
  void read();
  void answer(const Answer& answer);
  void write();

  Server& server;
  const std::uint64_t number;
  Timer deadline;
  WatchedFd stream;
  State state = State::reading;
  std::string line;
  std::string unsent;
};

void Server::Session::ready(std::uint32_t events) {
  switch (state) {
    case State::reading:
      return read();
    case State::waiting:  // only its end is reported
      if ((events & (EPOLLHUP | EPOLLERR)) != 0) server.drop(*this);
      return;
    case State::writing:
      return write();
  }
}

void Server::Session::read() {
  std::array<char, line_bytes_max> bytes;
  const ssize_t size = ::recv(stream.get(), bytes.data(), bytes.size(), 0);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size <= 0) return server.drop(*this);
  line.append(bytes.data(), static_cast<std::size_t>(size));
  if (const auto end = line.find('\n'); end < line_bytes_max)
    return server.ask(*this, std::string_view(line).substr(0, end));
  if (line.size() >= line_bytes_max) server.drop(*this);
}

void Server::Session::answer(const Answer& answer) {
  unsent = fmt::format("{}\n{}", answer.status, answer.text);
  state = State::writing;
  deadline.arm_after(session_time);
  stream.modify(EPOLLOUT);
  write();
}

void Server::Session::write() {
  const ssize_t size = ::send(stream.get(), unsent.data(), unsent.size(), MSG_NOSIGNAL);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size < 0) return server.drop(*this);
  unsent.erase(0, static_cast<std::size_t>(size));
  if (unsent.empty()) server.drop(*this);
}

Result<std::unique_ptr<Server>> Server::open(Loop& loop, const std::string& directory,
                                             Handler handler) {
  remove_stale_sockets(directory);
  std::string path = socket_path(directory, ::getpid());
  auto listener = listen_at(path);
  if (!listener) return std::unexpected(listener.error());
  return std::unique_ptr<Server>(
      new Server(loop, std::move(*listener), std::move(path), std::move(handler)));
}

Server::Server(Loop& loop, Fd listener, std::string path, Handler handler)
    : loop_(loop),
      path_(std::move(path)),
      handler_(std::move(handler)),
      listener_(loop, std::move(listener), EPOLLIN,
                WatchCallback::of<&Server::connection_waits>(*this)),
      resume_(loop, Callback::of<&Server::resume>(*this)) {}

Server::~Server() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

void Server::close_in_child() {
  path_.clear();
  sessions_.clear();
  listener_.reset();
}

// One in each turn of the loop, so that many of them delay nothing else.
void Server::connection_waits() {
  Fd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!socket) {
    if (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR) return;
    listener_.modify(0);
    return resume_.arm_after(recovery_time);
  }
  const uid_t uid = peer_of(socket.get()).uid;
  if (uid != 0 && uid != ::geteuid()) return;
  if (sessions_.size() >= clients_max) drop(*sessions_.front());
  sessions_.push_back(std::make_unique<Session>(*this, std::move(socket)));
  Session& made = *sessions_.back();
  if (!made.stream) return drop(made);  // the kernel refused to watch it
  made.read();                          // mostly its line has arrived
}

void Server::resume() {
  listener_.modify(EPOLLIN);
}

void Server::ask(Session& session, std::string_view line) {
  session.state = Session::State::waiting;
  session.deadline.disarm();  // the command has a time limit of its own
  session.stream.modify(0);
  handler_(line, peer_of(session.stream.get()),
           [this, number = session.number](const Answer& answer) { reply(number, answer); });
}

void Server::reply(std::uint64_t session, const Answer& answer) {
  const auto found = std::ranges::find_if(sessions_, [&](const auto& candidate) {
    return candidate->number == session && candidate->state == Session::State::waiting;
  });
  if (found != sessions_.end()) (*found)->answer(answer);
}

void Server::drop(Session& session) {
  session.deadline.disarm();
  session.stream.reset();
  const auto found = std::ranges::find_if(
      sessions_, [&](const auto& candidate) { return candidate.get() == &session; });
  loop_.dispose(std::move(*found));
  sessions_.erase(found);
}

}  // namespace cgisrv::control

// RFC 862: sends back what it receives. Many connections in one loop, on the pool library alone.
//
//   build/release/examples/echo 127.0.0.1:8007 & nc 127.0.0.1 8007
#include <cgisrv/pool.h>

#include <array>
#include <map>

namespace {

using cgisrv::pool::Connection;

class Echo : public cgisrv::pool::Service {
 public:
  explicit Echo(cgisrv::pool::Worker& worker) : worker_(worker) {}
  void accepted(Connection connection) override {
    const int fd = connection.socket.get();
    sessions_.try_emplace(fd, *this, std::move(connection));
  }
  void drain() override { stop(); }  // an echo has no end of its own
  void stop() override { sessions_.clear(); }

 private:
  struct Session {
    Session(Echo& owner, Connection accepted)
        : echo(owner),
          connection(std::move(accepted)),
          watch(echo.worker_.loop(), connection.socket.get(), EPOLLIN,
                cgisrv::WatchCallback::of<&Session::readable>(*this)) {}
    // One buffer a turn, so that a busy session does not keep the others waiting. What the peer
    // does not take at once is lost with the session: an echo owes patience to nobody.
    void readable() {
      std::array<char, 4096> bytes;
      const int fd = connection.socket.get();
      const ssize_t size = ::recv(fd, bytes.data(), bytes.size(), 0);
      if (size > 0 && ::send(fd, bytes.data(), size, MSG_NOSIGNAL) == size) return;
      watch.cancel();
      echo.sessions_.erase(fd);  // ends this object
    }
    Echo& echo;
    Connection connection;
    cgisrv::Watch watch;
  };
  cgisrv::pool::Worker& worker_;
  std::map<int, Session> sessions_;
};

}  // namespace

int main(int argc, char** argv) {
  auto listeners = cgisrv::pool::listen(argc > 1 ? argv[1] : "127.0.0.1:8007");
  if (listeners.empty()) return 69;
  return cgisrv::pool::run({}, std::move(listeners), [](cgisrv::pool::Worker& worker) {
    return std::make_unique<Echo>(worker);
  });
}

// RFC 867: whoever connects is told the time. A whole server on the pool library.
//
//   build/release/examples/daytime 127.0.0.1:8013 & nc 127.0.0.1 8013
#include <cgisrv/pool.h>

#include <array>
#include <ctime>

namespace {

class Daytime : public cgisrv::pool::Service {
 public:
  // The line fits in any socket's buffer, so one send is all; closing is the end of the answer.
  void accepted(cgisrv::pool::Connection connection) override {
    const std::time_t now = std::time(nullptr);
    std::array<char, 64> line{};
    const auto size =
        std::strftime(line.data(), line.size(), "%A, %B %d, %Y %T-%Z\r\n", std::gmtime(&now));
    ::send(connection.socket.get(), line.data(), size, MSG_NOSIGNAL);
  }
  void drain() override {}  // nothing stays open
  void stop() override {}
};

}  // namespace

int main(int argc, char** argv) {
  auto listeners = cgisrv::pool::listen(argc > 1 ? argv[1] : "127.0.0.1:8013");
  if (listeners.empty()) return 69;
  return cgisrv::pool::run({}, std::move(listeners),
                           [](cgisrv::pool::Worker&) { return std::make_unique<Daytime>(); });
}

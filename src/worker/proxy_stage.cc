#include "worker/proxy_stage.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <iterator>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "config/config.h"

namespace cgisrv::worker {

namespace {
constexpr auto silence_min = std::chrono::seconds(1);  // even where connections are short
}  // namespace

// One connection whose header has not come yet.
class ProxyStage::Waiting {
 public:
  Waiting(ProxyStage& owner, pool::Connection connection)
      : owner_(owner),
        connection_(std::move(connection)),
        proxy_(access::Peer::from_kernel(connection_.peer)),
        since_(owner.loop_.now()),
        deadline_(owner.loop_, Callback::of<&Waiting::late>(*this)) {}

  void set_position(Position position) { position_ = position; }
  Position position() const { return position_; }
  TimePoint since() const { return since_; }

  void start() {
    watch_ = Watch(owner_.loop_, connection_.socket.get(), EPOLLIN | EPOLLRDHUP | EPOLLET,
                   WatchCallback::of<&Waiting::readable>(*this));
    if (!watch_) return close();
    deadline_.arm_after(owner_.config_.limits.header_timeout);
    readable();
  }

  // Looks at what has come, and takes it once it is whole.
  void readable() {
    std::array<char, proxy::header_bytes_max> bytes;
    const auto size = ::recv(connection_.socket.get(), bytes.data(), bytes.size(), MSG_PEEK);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size <= 0) return close();  // as who only looks whether somebody listens
    const std::string_view seen(bytes.data(), static_cast<std::size_t>(size));
    const auto header = proxy::parse_proxy_header(seen);
    switch (header.state) {
      case proxy::ProxyHeader::State::incomplete:
        return;
      case proxy::ProxyHeader::State::malformed:
        return refuse(header.problem);
      case proxy::ProxyHeader::State::complete:
        break;
    }
    if (::recv(connection_.socket.get(), bytes.data(), header.bytes, 0) !=
        static_cast<ssize_t>(header.bytes))
      return close();
    hand_over(header);
  }

  void close() {
    end();
    connection_.socket.reset();
    connection_.guard = {};
    owner_.forget(*this);
  }

 private:
  void late() { refuse("it did not come in time (header_timeout)"); }

  void refuse(std::string_view problem) {
    owner_.tell(proxy_, problem);
    close();
  }

  void hand_over(const proxy::ProxyHeader& header) {
    end();
    auto proxied = std::make_unique<proxy::Proxied>(proxy::proxied_by(proxy_, header));
    pool::Connection connection = std::move(connection_);
    ProxyStage& owner = owner_;
    owner.forget(*this);
    owner.ready_(std::move(connection), std::move(proxied));
  }

  void end() {
    watch_.cancel();
    deadline_.disarm();
  }

  ProxyStage& owner_;
  pool::Connection connection_;
  const access::Peer proxy_;
  const TimePoint since_;
  Position position_;
  Watch watch_;
  Timer deadline_;
};

ProxyStage::ProxyStage(Loop& loop, const config::Config& config, Ready ready)
    : loop_(loop), config_(config), ready_(std::move(ready)) {}

ProxyStage::~ProxyStage() = default;

void ProxyStage::accepted(pool::Connection connection) {
  waiting_.push_back(std::make_unique<Waiting>(*this, std::move(connection)));
  Waiting& made = *waiting_.back();
  made.set_position(std::prev(waiting_.end()));
  made.start();
}

void ProxyStage::tell(const access::Peer& proxy, std::string_view problem) {
  if (!lines_.pass(loop_.now())) return;
  log::line(log::Level::warn,
            "{} sent no header of the PROXY protocol: {}; its connection is closed. A listener "
            "with proxy_protocol needs send-proxy, or the like, in the proxy{}",
            proxy.text(), problem, lines_.left_out());
}

void ProxyStage::forget(Waiting& waiting) {
  const Position position = waiting.position();
  loop_.dispose(std::move(*position));  // it may be on the stack
  waiting_.erase(position);
}

void ProxyStage::drain() {
  for (auto next = waiting_.begin(); next != waiting_.end();)
    (*next++)->readable();
  close_all();
}

void ProxyStage::close_all() {
  while (!waiting_.empty())
    waiting_.front()->close();
}

bool ProxyStage::make_room() {
  if (waiting_.empty() || loop_.now() - waiting_.front()->since() < silence_min) return false;
  waiting_.front()->close();
  return true;
}

}  // namespace cgisrv::worker

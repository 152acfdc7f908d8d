#include "worker/tls_listener.h"

#include <iterator>
#include <utility>
#include <vector>

#include "access/peer.h"
#include "base/collect.h"
#include "base/log.h"
#include "event/turn.h"
#include "site/router.h"

namespace cgisrv::worker {

namespace {

constexpr auto pause_min =
    std::chrono::seconds(1);  // of a client, even where connections are short

// The certificates for a host: those of its site, or else of the first that has some.
tls::Contexts::Choose choose_by_site(const config::Config& config) {
  auto numbers = collect(config.sites, [next = std::size_t{0}](const config::Site& site) mutable {
    return site.tls.empty() ? 0 : next++;
  });
  return [&config, numbers = std::move(numbers)](std::string_view host) {
    const auto site = &site::find_site(config, host) - config.sites.data();
    return numbers[static_cast<std::size_t>(site)];
  };
}

}  // namespace

// One connection whose handshake is not done.
class TlsListener::Opening {
 public:
  Opening(TlsListener& owner, pool::Connection connection, std::unique_ptr<proxy::Proxied> proxied,
          bool offers_http2)
      : owner_(owner),
        connection_(std::move(connection)),
        proxied_(std::move(proxied)),
        session_(owner.contexts_->accept(connection_.socket.get(), offers_http2)),
        deadline_(owner.loop_, Callback::of<&Opening::late>(*this)) {}

  // Its place in one of the lists.
  List* list = nullptr;
  List::iterator position{};
  TimePoint since{};  // it waits for its client

  void start() {
    watch_ =
        Watch(owner_.loop_, connection_.socket.get(), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
              WatchCallback::of<&Opening::socket_ready>(*this));
    if (!watch_ || !session_) return close();
    deadline_.arm_after(owner_.config_.limits.header_timeout);
  }

  void go_on() {
    using Step = tls::Session::Step;
    switch (const Step step = session_->handshake()) {
      case Step::reads:
      case Step::writes:
        waits_to_write_ = step == Step::writes;
        if (has_left_ && !waits_to_write_) owner_.make_due(*this);  // no other event will tell
        return;
      case Step::failed:
        return fail(session_->problem());
      case Step::done:
      case Step::clear:
        count_done(step == Step::clear);
        return hand_over();
    }
  }

  void close() {
    end();
    connection_.socket.reset();
    connection_.guard = {};
    owner_.forget(*this);
  }

 private:
  void socket_ready(std::uint32_t events) {
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) return fail("the client has left");
    has_left_ |= (events & EPOLLRDHUP) != 0;
    if ((events & (EPOLLIN | EPOLLRDHUP)) != 0 || waits_to_write_) owner_.make_due(*this);
  }

  void late() { fail("it took too long (header_timeout)"); }

  // Whoever only looks whether somebody listens has begun nothing.
  void fail(std::string_view problem) {
    if (session_->has_begun()) {
      if (owner_.count_ != nullptr) ++owner_.count_->failed;
      log::line(log::Level::debug, "a handshake with {} has failed: {}",
                access::Peer::from_kernel(connection_.peer).text(), problem);
    }
    close();
  }

  void count_done(bool in_the_clear) {
    if (owner_.count_ == nullptr) return;
    if (in_the_clear)
      ++owner_.count_->failed;
    else
      ++(session_->was_resumed() ? owner_.count_->resumed : owner_.count_->full);
  }

  void hand_over() {
    end();
    pool::Connection connection = std::move(connection_);
    auto proxied = std::move(proxied_);
    auto session = std::move(session_);
    TlsListener& owner = owner_;
    owner.forget(*this);
    owner.ready_(std::move(connection), std::move(session), std::move(proxied));
  }

  void end() {
    watch_.cancel();
    deadline_.disarm();
  }

  TlsListener& owner_;
  pool::Connection connection_;
  std::unique_ptr<proxy::Proxied> proxied_;
  std::unique_ptr<tls::Session> session_;
  bool waits_to_write_ = false;
  bool has_left_ = false;  // or has only ended their side; what they sent before may be unread
  Watch watch_;
  Timer deadline_;
};

TlsListener::TlsListener(Loop& loop, const config::Config& config, tls::Contexts* contexts,
                         telemetry::Handshakes* count, Ready ready)
    : loop_(loop),
      config_(config),
      contexts_(contexts),
      count_(count),
      ready_(std::move(ready)),
      turn_(loop, Callback::of<&TlsListener::take_turn>(*this)) {
  if (contexts_ != nullptr && !config.sites.empty()) contexts_->choose_by(choose_by_site(config));
}

TlsListener::~TlsListener() = default;

void TlsListener::accepted(pool::Connection connection, std::unique_ptr<proxy::Proxied> proxied,
                           bool offers_http2) {
  waiting_.push_back(
      std::make_unique<Opening>(*this, std::move(connection), std::move(proxied), offers_http2));
  Opening& made = *waiting_.back();
  made.list = &waiting_;
  made.position = std::prev(waiting_.end());
  made.since = loop_.now();
  made.start();
}

void TlsListener::make_due(Opening& opening) {
  if (opening.list == &due_) return;
  due_.splice(due_.end(), waiting_, opening.position);
  opening.list = &due_;
  if (!turn_.armed()) turn_.arm(loop_.now());
}

void TlsListener::take_turn() {
  Turn turn;
  while (!due_.empty()) {
    Opening& next = *due_.front();
    waiting_.splice(waiting_.end(), due_, next.position);
    next.list = &waiting_;
    next.since = loop_.now();
    next.go_on();
    if (turn.is_over()) break;
  }
  if (!due_.empty()) turn_.arm(loop_.now());
}

void TlsListener::forget(Opening& opening) {
  const auto position = opening.position;
  List& list = *opening.list;
  loop_.dispose(std::move(*position));  // it may be on the stack
  list.erase(position);
}

void TlsListener::close_all() {
  for (List* const list : {&waiting_, &due_})
    while (!list->empty())
      list->front()->close();
}

void TlsListener::make_room() {
  if (!waiting_.empty() && loop_.now() - waiting_.front()->since >= pause_min)
    waiting_.front()->close();
}

}  // namespace cgisrv::worker

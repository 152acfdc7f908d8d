#include "worker/tls_stage.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "access/peer.h"
#include "base/collect.h"
#include "base/log.h"
#include "config/config.h"
#include "site/router.h"

namespace cgisrv::worker {

namespace {

constexpr auto pause_min =
    std::chrono::seconds(1);                       // of a client, even where connections are short
constexpr config::Duration last_handshake{2'000};  // when the worker is about to end

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
class TlsStage::Opening {
 public:
  Opening(TlsStage& owner, pool::Connection connection, std::unique_ptr<proxy::Proxied> proxied,
          bool offers_http2)
      : owner_(owner),
        connection_(std::move(connection)),
        proxied_(std::move(proxied)),
        session_(owner.contexts_->accept(connection_.socket.get(), offers_http2)),
        go_on_(Callback::of<&Opening::go_on>(*this)),
        deadline_(owner.loop_, Callback::of<&Opening::late>(*this)) {}

  List::iterator position{};  // its place among the openings
  TimePoint since{};          // its client has not gone on

  bool is_due() const { return go_on_.is_waiting(); }

  void start() {
    watch_ =
        Watch(owner_.loop_, connection_.socket.get(), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
              WatchCallback::of<&Opening::socket_ready>(*this));
    if (!watch_ || !session_) return close();
    deadline_.arm_after(owner_.config_.limits.header_timeout);
    if (owner_.is_draining_) hurry();
  }

  void hurry() {
    deadline_.arm_after(std::min(owner_.config_.limits.header_timeout, last_handshake));
  }

  void close() {
    end();
    connection_.socket.reset();
    connection_.guard = {};
    owner_.forget(*this);
  }

 private:
  using Step = tls::Session::Step;

  void socket_ready(std::uint32_t events) {
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) return fail("the client has left");
    has_left_ |= (events & EPOLLRDHUP) != 0;
    if (is_due()) return;
    if ((events & (EPOLLIN | EPOLLRDHUP)) == 0 && !waits_to_write_) return;
    owner_.move_back(*this);
    owner_.due_.ask(go_on_);
  }

  void go_on() {
    Step step = session_->handshake();
    while (step == Step::reads && has_left_)
      step = session_->handshake();  // no other event will tell of what is left
    switch (step) {
      case Step::reads:
      case Step::writes:
        waits_to_write_ = step == Step::writes;
        return;
      case Step::failed:
        return fail(session_->problem());
      case Step::done:
      case Step::clear:
        count_done(step == Step::clear);
        return hand_over();
    }
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
    TlsStage& owner = owner_;
    owner.forget(*this);
    owner.ready_(std::move(connection), std::move(session), std::move(proxied));
  }

  void end() {
    go_on_.take_back();
    watch_.cancel();
    deadline_.disarm();
  }

  TlsStage& owner_;
  pool::Connection connection_;
  std::unique_ptr<proxy::Proxied> proxied_;
  std::unique_ptr<tls::Session> session_;
  bool waits_to_write_ = false;
  bool has_left_ = false;  // or has only ended their side; what they sent before may be unread
  Watch watch_;
  TurnQueue::Work go_on_;
  Timer deadline_;
};

TlsStage::TlsStage(Loop& loop, const config::Config& config, tls::Contexts* contexts,
                   telemetry::Handshakes* count, Ready ready)
    : loop_(loop),
      config_(config),
      contexts_(contexts),
      count_(count),
      ready_(std::move(ready)),
      due_(loop, share) {
  if (contexts_ != nullptr && !config.sites.empty()) contexts_->choose_by(choose_by_site(config));
}

TlsStage::~TlsStage() = default;

void TlsStage::accepted(pool::Connection connection, std::unique_ptr<proxy::Proxied> proxied,
                        bool offers_http2) {
  openings_.push_back(
      std::make_unique<Opening>(*this, std::move(connection), std::move(proxied), offers_http2));
  Opening& made = *openings_.back();
  made.position = std::prev(openings_.end());
  made.since = loop_.now();
  made.start();
}

void TlsStage::drain() {
  is_draining_ = true;
  for (const auto& opening : openings_)
    opening->hurry();
}

void TlsStage::move_back(Opening& opening) {
  openings_.splice(openings_.end(), openings_, opening.position);
  opening.since = loop_.now();
}

void TlsStage::forget(Opening& opening) {
  const auto position = opening.position;
  loop_.dispose(std::move(*position));  // it may be on the stack
  openings_.erase(position);
}

void TlsStage::close_all() {
  while (!openings_.empty())
    openings_.front()->close();
}

// Who is due waits for us, and all behind have gone on later.
bool TlsStage::make_room() {
  if (openings_.empty()) return false;
  Opening& first = *openings_.front();
  if (first.is_due() || loop_.now() - first.since < pause_min) return false;
  first.close();
  return true;
}

}  // namespace cgisrv::worker

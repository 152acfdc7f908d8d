#include "cgi/detached_runs.h"

#include <algorithm>
#include <cstdint>

#include "base/log.h"

namespace cgisrv::cgi {

// Has no client.
class DetachedRuns::Exchange final : public handler::Exchange {
 public:
  Exchange(DetachedRuns& owner, std::unique_ptr<handler::Handler> kept, std::string request_id)
      : owner_(owner), handler_(std::move(kept)), request_id_(std::move(request_id)) {
    ++owner_.count_;
  }
  ~Exchange() override {
    handler_.reset();
    if (--owner_.count_ == 0) owner_.on_idle_();
  }

  const http::Request& request() const override {
    static const http::Request none;  // it went with the client
    return none;
  }
  std::string_view request_id() const override { return request_id_; }

  void open_body() override {}
  std::string_view body() override { return {}; }
  void consume(std::size_t) override {}
  bool body_complete() override { return true; }
  void discard_body() override {}

  void respond(http::Response) override {}
  void respond_raw(int) override {}
  std::size_t room() const override { return SIZE_MAX; }
  void write(std::string_view) override {}
  void send_file(int, std::uint64_t, std::uint64_t) override {}
  void flush() override {}

  void finish() override { owner_.remove(*this); }
  void abort() override { owner_.remove(*this); }
  void fail(handler::Failure failure) override {
    log::write(log::Level::warn, request_id_, failure.reason + "; its client had left before");
    owner_.remove(*this);
  }
  void redirect(std::string, std::vector<http::Field>) override { owner_.remove(*this); }

 private:
  DetachedRuns& owner_;
  std::unique_ptr<handler::Handler> handler_;
  std::string request_id_;
};

DetachedRuns::DetachedRuns(Loop& loop, Callback on_idle) : loop_(loop), on_idle_(on_idle) {}

DetachedRuns::~DetachedRuns() = default;

handler::Exchange& DetachedRuns::adopt(std::unique_ptr<handler::Handler> handler,
                                       std::string request_id) {
  return *exchanges_.emplace_back(
      std::make_unique<Exchange>(*this, std::move(handler), std::move(request_id)));
}

void DetachedRuns::end() {
  exchanges_.clear();
}

// Called by the handler, through its exchange: neither may be freed yet.
void DetachedRuns::remove(Exchange& exchange) {
  const auto found = std::ranges::find(exchanges_, &exchange, &std::unique_ptr<Exchange>::get);
  loop_.dispose(std::move(*found));
  exchanges_.erase(found);
}

}  // namespace cgisrv::cgi

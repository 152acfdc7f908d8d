// The handlers that need no program: a page held in memory, and a file.
#pragma once

#include <cgisrv/fd.h>

#include <string>

#include "files/static_file.h"
#include "handler/exchange.h"

namespace cgisrv::handler {

// Sends a response that is already whole.
class PageHandler final : public Handler {
 public:
  PageHandler(Exchange& exchange, http::Response response, std::string body)
      : exchange_(exchange), response_(std::move(response)), body_(std::move(body)) {}
  void start() override;
  void room_ready() override;

 private:
  Exchange& exchange_;
  http::Response response_;
  std::string body_;
  std::size_t sent_ = 0;
};

// Refuses with fail(): the exchange makes the page.
class FailureHandler final : public Handler {
 public:
  FailureHandler(Exchange& exchange, Failure failure)
      : exchange_(exchange), failure_(std::move(failure)) {}
  void start() override { exchange_.fail(std::move(failure_)); }

 private:
  Exchange& exchange_;
  Failure failure_;
};

HandlerPtr refuse(Exchange& exchange, int status, std::string reason);

// Sends a file, or parts of it. A file that becomes shorter meanwhile ends in abort().
class FileHandler final : public Handler {
 public:
  FileHandler(Exchange& exchange, Fd file, files::FileAnswer answer)
      : exchange_(exchange), file_(std::move(file)), answer_(std::move(answer)) {}
  void start() override;
  void room_ready() override;

 private:
  void copy();

  Exchange& exchange_;
  Fd file_;
  files::FileAnswer answer_;
  std::size_t next_piece_ = 0;
  std::uint64_t copied_ = 0;  // bytes that were written
};

}  // namespace cgisrv::handler

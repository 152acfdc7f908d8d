// A web server's connection in SCGI: one request, whose response ends with the connection.
#pragma once

#include <string>
#include <string_view>

#include "gateway/session.h"

namespace cgisrv::gateway {

class ScgiSession final : public Session {
 public:
  using Session::Session;

 private:
  static constexpr std::uint16_t only_id = 1;

  std::string_view take(std::string_view bytes) override;
  bool is_in_head() const override { return !head_.empty(); }
  bool shows_end() const override { return false; }
  void append_content(std::string& to, const Stream& stream, std::string_view bytes) override;
  void append_end(std::string& /*to*/, const Stream& /*stream*/, bool /*is_whole*/) override {}

  std::string_view take_head();
  void take_body(std::string_view bytes);

  std::string head_;  // so far
  bool has_begun_ = false;
};

}  // namespace cgisrv::gateway

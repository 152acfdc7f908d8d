// A web server's connection in FastCGI 1.0: several requests one after the other, or at a time.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "fastcgi/record.h"
#include "gateway/session.h"

namespace cgisrv::gateway {

class FastcgiSession final : public Session {
 public:
  using Session::Session;

 private:
  using Part = fastcgi::RecordReader::Part;

  std::string_view take(std::string_view bytes) override;
  bool is_in_head() const override;
  bool shows_end() const override { return true; }
  void append_content(std::string& to, const Stream& stream, std::string_view bytes) override;
  void append_errors(std::string& to, const Stream& stream, std::string_view bytes) override;
  void append_end(std::string& to, const Stream& stream, bool is_whole) override;
  void append_break(std::string& to) override { fastcgi::write_break(to); }

  std::string_view take_part(const Part& part);
  std::string_view begin_request(const Part& part);
  std::string_view take_params(const Part& part, Stream& stream);
  std::string_view take_body(const Part& part, Stream& stream);
  void abort_request(Stream& stream);
  void tell_values(std::string_view asked);

  fastcgi::RecordReader reader_;
  bool is_last_begun_ = false;                   // no other request may follow
  std::map<std::uint16_t, std::string> params_;  // of requests whose parameters are not whole
};

}  // namespace cgisrv::gateway

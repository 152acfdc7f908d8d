// The client's end of a connection: sends one request, reads its response.
#pragma once

#include <cgisrv/fd.h>
#include <cgisrv/loop.h>

#include "exec/request.h"
#include "exec/response.h"

namespace cgisrv::exec {

class Client {
 public:
  // `over` is called once, when the response has ended for whatever reason. `request` outlives us.
  Client(Loop& loop, Fd socket, const ExecRequest& request, Callback over);

  const Response& response() const { return response_; }

 private:
  void ready();
  void send_more();
  bool fill();
  void receive_more();

  const ExecRequest& request_;
  Callback over_;
  Response response_;
  Buffer output_;
  std::uint64_t body_sent_ = 0;
  bool body_ended_ = false;
  bool sent_ = false;  // all of it, or as much as the server wants
  WatchedFd socket_;
};

}  // namespace cgisrv::exec

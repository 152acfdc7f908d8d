// Whole connections: a client that sends, reads, stalls, half-closes and resets as the input says,
// against the state machines of http1::Connection and its exchanges, with handlers that do what
// each request's path says (scripted_handler.h). Whatever happens: every request is answered once
// and in order, nothing follows the last answer, and in the end nothing is left.
//
// The input is what the client sends. Bytes from 0x80 on are not sent, they are what else happens;
// the first byte chooses limits.
#include "http1/connection.h"

#include "http1/server.h"
#include "scripted_server.h"
#include "wire.h"

namespace cgisrv::fuzz {
namespace {

// Every request that was begun is one that was sent, in that order; and the answers are theirs.
void check_order(const Sent& sent, const std::vector<Record>& records,
                 const std::vector<Received>& responses) {
  CGISRV_CHECK(records.size() <= sent.requests.size());
  for (std::size_t i = 0; i < records.size(); ++i)
    CGISRV_CHECK(records[i].target == sent.requests[i].target);
  CGISRV_CHECK(responses.size() <= records.size() + 1);  // one may refuse what is no request
  for (std::size_t i = 0; i < responses.size(); ++i) {
    const auto& [status, number, body, close, whole] = responses[i];
    CGISRV_CHECK(number ? *number == i : status >= 400);
    if (i >= records.size()) {
      CGISRV_CHECK(!number && close);
    } else if (number && records[i].method != "HEAD") {
      CGISRV_CHECK(records[i].written.starts_with(body));
      CGISRV_CHECK(!whole || records[i].written == body);
    }
  }
}

// Where nobody was in a hurry, whatever could be answered was.
void check_complete(const Sent& sent, const std::vector<Record>& records,
                    const std::vector<Received>& responses) {
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (!records[i].finished) return;
    CGISRV_CHECK(responses.size() > i);
    if (!responses[i].whole || responses[i].close) return;
    if (!sent.requests[i].body_whole) return;
  }
  CGISRV_CHECK(records.size() == sent.requests.size());
  CGISRV_CHECK(!sent.malformed || responses.size() == records.size() + 1);
}

using Server = ScriptedServer<http1::Server>;

void choose_limits(Server& server, unsigned choice) {
  config::Config& config = server.config;
  if ((choice & 1) != 0) config.limits.keepalive_requests = 2;
  if ((choice & 2) != 0) config.limits.header_size = 300;
  if ((choice & 4) != 0) config.limits.target_size = 30;
  if ((choice & 8) != 0) server.scripts.body_bytes_max = 20;
}

}  // namespace

CGISRV_FUZZ_TARGET(connection) {
  static Server server;
  Choices choices(input);
  server.start_input(input.size());
  choose_limits(server, choices.byte());
  ClientEnd client(server.worker, server.connections);
  server.connections.accepted(client.connect());
  for (const char c : choices.rest()) {
    if (const auto byte = static_cast<unsigned char>(c); byte >= 0x80) {
      client.act(byte);
    } else {
      client.say({&c, 1});
    }
  }
  client.settle();

  const auto& limits = server.config.limits;
  const auto sent = read_requests(client.sent(), {.head_bytes_max = limits.header_size,
                                                  .target_bytes_max = limits.target_size,
                                                  .fields_max = limits.header_fields});
  const auto responses = read_responses(client.received(), sent);
  check_order(sent, server.scripts.records, responses);
  if (client.calm()) check_complete(sent, server.scripts.records, responses);
  client.leave();
  CGISRV_CHECK(server.worker.open_connections == 0);
  CGISRV_CHECK(ScriptedHandler::alive == 0);
}

}  // namespace cgisrv::fuzz

// Whole connections of HTTP/2: a client that sends frames, reads, stalls, half-closes and resets as
// the input says, against http2::Session, its streams and their exchanges, with handlers that do
// what each request's path says (scripted_handler.h). Whatever happens: frames and windows are as
// the protocol has them, each request is answered at most once and with what was written for it, no
// more is held and runs than is allowed, nothing stands still, and in the end nothing is left.
//
// The input is the client's frames, in pieces. A frame of a type that nobody has (event_type) is
// not sent: its flags say what else happens. The first byte chooses limits; the preface is not in
// it.
#include "frames.h"
#include "http2/serve.h"
#include "scripted_server.h"

namespace cgisrv::fuzz {
namespace {

constexpr unsigned event_type = 0xfa;
// Between a handler and its client: a stream's output, frames, and what the kernel keeps.
constexpr std::size_t held_bytes_max = 256 * 1024;

using Server = ScriptedServer<connection::Connections>;

void choose_limits(config::Limits& limits, unsigned choice) {
  if ((choice & 1) != 0) limits.keepalive_requests = 2;
  if ((choice & 2) != 0) limits.header_size = 300;
  if ((choice & 4) != 0) limits.max_streams = 2;
}

void play(Server& server, ClientEnd& client, std::string_view input) {
  const auto say = [&](std::string_view text) {
    for (Pieces pieces(text); !pieces.empty();) {
      client.say(pieces.next());
      client.act(0);
      CGISRV_CHECK(ScriptedHandler::running <= static_cast<int>(server.config.limits.max_streams));
    }
  };
  const char* begin = input.data();
  while (const auto frame = take_frame(input)) {
    if (frame->type != event_type) continue;
    say({begin, frame->bytes.data()});
    client.act(frame->flags);
    begin = input.data();
  }
  say({begin, input.data() + input.size()});
  client.settle();
}

void check_answers(const std::vector<Record>& records, const Asked& asked, const Answers& answers) {
  CGISRV_CHECK(records.size() <= asked.streams.size());
  CGISRV_CHECK(answers.body_bytes <= asked.window);
  std::vector<bool> are_answered(records.size());
  for (const auto& [id, answer] : answers.streams) {
    CGISRV_CHECK(answer.status == 0 || asked.streams.contains(id));
    if (answer.status < 200) continue;
    CGISRV_CHECK(answer.number || answer.status >= 400);
    if (!answer.number) continue;
    CGISRV_CHECK(!are_answered.at(*answer.number));
    are_answered[*answer.number] = true;
    const Record& record = records[*answer.number];
    if (record.method == "HEAD") continue;
    CGISRV_CHECK(record.written.starts_with(answer.body));
    CGISRV_CHECK(record.written.size() <= answer.body.size() + held_bytes_max);
    CGISRV_CHECK(!answer.has_ended || record.written == answer.body);
  }
}

// Where nobody was in a hurry, nothing stands still that could go on.
void check_complete(const std::vector<Record>& records, const Asked& asked,
                    const Answers& answers) {
  if (answers.is_going_away || answers.streams.empty()) return;
  std::size_t without_answer = 0;
  for (const Record& record : records)
    without_answer += record.finished ? 1 : 0;
  bool is_over = answers.body_bytes < asked.window;
  for (const auto& [id, stream] : asked.streams) {
    const auto at = answers.streams.find(id);
    const Answer answer = at == answers.streams.end() ? Answer{} : at->second;
    const bool is_shut =
        asked.initial_window + stream.window <= static_cast<std::int64_t>(answer.body.size());
    const bool was_reset = answer.was_reset || stream.was_reset;
    is_over &= stream.has_ended && !is_shut && !was_reset;
    if (was_reset && !answer.number) without_answer -= std::min<std::size_t>(without_answer, 1);
    if (!answer.number) continue;
    const Record& record = records[*answer.number];
    if (!record.finished) continue;
    --without_answer;
    CGISRV_CHECK(answer.has_ended || was_reset || is_shut || answers.body_bytes >= asked.window);
  }
  CGISRV_CHECK(without_answer == 0);
  const bool may_wait = std::ranges::any_of(records, [](const Record& record) {
    return record.target.find_first_of("~%") != std::string::npos;
  });
  CGISRV_CHECK(!is_over || may_wait || ScriptedHandler::running == 0);
}

// Whoever reads and waits sees the connection end, unless a handler waits for ever.
void check_end(Server& server, ClientEnd& client, bool is_told) {
  if (is_told) server.connections.drain();
  for (int hours = 0; hours < 4 && server.worker.open_connections > 0; ++hours) {
    client.act(7);
    client.settle();
  }
  CGISRV_CHECK(server.worker.open_connections == 0 || ScriptedHandler::running > 0);
}

}  // namespace

CGISRV_FUZZ_TARGET(http2_session) {
  static Server server;
  Choices choices(input);
  server.start_input(input.size());
  const unsigned choice = choices.byte();
  choose_limits(server.config.limits, choice);
  if ((choice & 8) != 0) server.scripts.body_bytes_max = 20;
  ClientEnd client(server.worker, server.connections);
  std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  std::string_view read;
  if ((choice & 16) != 0) preface = {};
  if ((choice & 32) != 0) std::swap(read, preface);
  http2::serve(server.connections, connection::Client(server.connections, client.connect()), read);
  client.say(preface);
  play(server, client, choices.rest());

  const auto asked = read_asked(client.sent().substr(preface.size()));
  const auto answers = AnswerReader().read(client.received());
  check_answers(server.scripts.records, asked, answers);
  if (client.calm()) check_complete(server.scripts.records, asked, answers);
  if (!client.gone()) check_end(server, client, (choice & 64) != 0);
  client.leave();
  CGISRV_CHECK(server.worker.open_connections == 0);
  CGISRV_CHECK(ScriptedHandler::alive == 0 && ScriptedHandler::running == 0);
}

}  // namespace cgisrv::fuzz

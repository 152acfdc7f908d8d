// Both directions of a connection as its client sees them: which requests it has sent, and which
// responses it has got. Written for reading whole texts; shares the server's parsers for requests
// (which have targets of their own) and none of its code for responses.
#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <vector>

#include "base/text.h"
#include "fuzz.h"
#include "http1/body.h"
#include "request.h"

namespace cgisrv::fuzz {

struct SentRequest {
  std::string method;
  std::string target;
  bool body_whole = false;
};

struct Sent {
  std::vector<SentRequest> requests;  // the heads that are whole and well-formed
  bool malformed = false;             // what follows them is no head
  bool asks_for_head = false;         // but begins as one of method HEAD
};

inline Sent read_requests(std::string_view stream, const http1::HeadLimits& limits) {
  Sent sent;
  while (true) {
    while (!sent.requests.empty() && stream.starts_with("\r\n"))
      stream.remove_prefix(2);
    http::Request request;
    const auto head = parse(stream, request, limits);
    sent.malformed = head.state == http1::HeadStatus::State::refused;
    sent.asks_for_head = http1::asks_for_no_content(stream);
    if (head.state != http1::HeadStatus::State::complete) return sent;
    Buffer rest;
    rest.append(stream.substr(head.consumed));
    http1::BodyReader body(request);
    for (auto bytes = body.peek(rest); !bytes.empty(); bytes = body.peek(rest))
      body.consume(rest, bytes.size());
    const bool whole = body.state() == http1::BodyReader::State::complete;
    sent.requests.push_back({std::string(request.method), std::string(request.raw_target), whole});
    if (!whole) return sent;
    stream.remove_prefix(stream.size() - rest.size());
  }
}

struct Received {
  int status = 0;
  std::optional<std::size_t> number;  // X-Number: which of the requests it answers
  std::string body;
  bool close = false;  // says that it is the last
  bool whole = false;  // arrived to its end; where that is the connection's, not known
};

namespace wire {

inline std::size_t number(std::string_view digits, int base = 10) {
  std::size_t value = 0;
  const auto* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value, base);
  CGISRV_CHECK(error == std::errc{} && stop == end);
  return value;
}

// A chunked body off the front of `stream`; false when it is not all there.
inline bool take_chunks(std::string_view& stream, std::string& body) {
  while (true) {
    const auto end = stream.find("\r\n");
    if (end == std::string_view::npos) return false;
    const auto size = number(stream.substr(0, end), 16);
    stream.remove_prefix(end + 2);
    body.append(stream.substr(0, size));
    if (stream.size() < size + 2) return false;
    CGISRV_CHECK(stream.substr(size, 2) == "\r\n");
    stream.remove_prefix(size + 2);
    if (size == 0) return true;
  }
}

// One response off the front of `stream`, or nothing when its head is not all there.
inline std::optional<Received> take_response(std::string_view& stream, bool is_head) {
  constexpr std::string_view interim = "HTTP/1.1 100 Continue\r\n\r\n";
  while (stream.starts_with(interim))
    stream.remove_prefix(interim.size());
  const auto end = stream.find("\r\n\r\n");
  if (end == std::string_view::npos) return {};
  auto head = stream.substr(0, end + 2);
  stream.remove_prefix(end + 4);
  CGISRV_CHECK(head.starts_with("HTTP/1.1 ") && text::is_digit(head[9]));
  Received response;
  response.status = static_cast<int>(number(head.substr(9, 3)));
  std::optional<std::size_t> length;
  bool chunked = false;
  for (text::take_until(head, '\n'); !head.empty();) {
    auto value = text::take_until(head, '\r');
    text::take_until(head, '\n');
    const auto name = text::take_until(value, ':');
    value = text::trim(value);
    if (name == "X-Number") response.number = number(value);
    if (name == "Content-Length") length = number(value);
    if (name == "Transfer-Encoding") chunked = true;
    if (name == "Connection") response.close = value == "close";
  }
  CGISRV_CHECK(!chunked || !length);
  if (is_head) {
    response.whole = true;
  } else if (chunked) {
    response.whole = take_chunks(stream, response.body);
    if (!response.whole) stream = {};  // all that is left is its own
  } else {
    response.body = stream.substr(0, length.value_or(stream.size()));
    response.whole = length && response.body.size() == *length;
    stream.remove_prefix(response.body.size());
    CGISRV_CHECK(length || response.close);
  }
  return response;
}

}  // namespace wire

// The responses to what was sent, in order. After the last nothing may follow.
inline std::vector<Received> read_responses(std::string_view stream, const Sent& sent) {
  std::vector<Received> all;
  while (!stream.empty()) {
    const bool is_head = all.size() < sent.requests.size()
                             ? sent.requests[all.size()].method == "HEAD"
                             : sent.asks_for_head;
    auto response = wire::take_response(stream, is_head);
    if (!response) break;
    all.push_back(std::move(*response));
    // It may have come before the method had: then it has a body, and is the last.
    if (is_head && all.back().status == 408) break;
    if (all.back().close || !all.back().whole) {
      CGISRV_CHECK(stream.empty());  // never a response after the last
    }
  }
  return all;
}

}  // namespace cgisrv::fuzz

// The opinions of our parser and of llhttp.
#include "opinion.h"

#include <llhttp.h>

#include "base/text.h"
#include "http1/head.h"

namespace cgisrv::differential {

Opinion ask_ours(std::string_view input) {
  http::Request request;
  std::size_t scanned = 0;
  const auto head = http1::parse_head(input, scanned,
                                      {.head_bytes_max = head_bytes_max,
                                       .target_bytes_max = head_bytes_max,
                                       .fields_max = head_bytes_max},
                                      request);
  if (head.state == http1::HeadStatus::State::incomplete) return {};
  if (head.state == http1::HeadStatus::State::refused)
    return {.verdict = Opinion::Verdict::refused,
            .status = head.status,
            .why = std::string(head.reason)};
  Opinion ours{.verdict = Opinion::Verdict::accepted,
               .bytes = head.consumed,
               .method = std::string(request.method),
               .target = std::string(request.raw_target),
               .version = request.version == http::Version::http10 ? 10U : 11U,
               .chunked = request.framing == http::Framing::chunked,
               .keep_alive = request.keep_alive};
  if (request.framing == http::Framing::length) ours.length = request.content_length;
  for (const auto& [name, value] : request.fields)
    ours.fields.emplace_back(name, value);
  return ours;
}

namespace {

// Collects what llhttp reports; it gives each part in pieces.
struct Collector {
  Opinion opinion;
  std::string name;
  std::string value;
};

template <std::string Collector::*part>
int append(llhttp_t* parser, const char* at, std::size_t size) {
  (static_cast<Collector*>(parser->data)->*part).append(at, size);
  return 0;
}

int append_target(llhttp_t* parser, const char* at, std::size_t size) {
  static_cast<Collector*>(parser->data)->opinion.target.append(at, size);
  return 0;
}

int end_field(llhttp_t* parser) {
  auto& [opinion, name, value] = *static_cast<Collector*>(parser->data);
  opinion.fields.emplace_back(std::exchange(name, {}), text::trim(value));
  value.clear();
  return 0;
}

int end_head(llhttp_t* parser) {
  auto& opinion = static_cast<Collector*>(parser->data)->opinion;
  opinion.method = llhttp_method_name(static_cast<llhttp_method_t>(parser->method));
  opinion.version = parser->http_major * 10U + parser->http_minor;
  opinion.chunked = (parser->flags & F_CHUNKED) != 0;
  if ((parser->flags & F_CONTENT_LENGTH) != 0) opinion.length = parser->content_length;
  opinion.keep_alive = llhttp_should_keep_alive(parser) != 0;
  return HPE_PAUSED;
}

}  // namespace

Opinion ask_llhttp(std::string_view input) {
  llhttp_settings_t settings;
  llhttp_settings_init(&settings);
  settings.on_url = append_target;
  settings.on_header_field = append<&Collector::name>;
  settings.on_header_value = append<&Collector::value>;
  settings.on_header_value_complete = end_field;
  settings.on_headers_complete = end_head;
  Collector collector;
  llhttp_t parser;
  llhttp_init(&parser, HTTP_REQUEST, &settings);
  parser.data = &collector;
  const auto outcome = llhttp_execute(&parser, input.data(), input.size());
  Opinion& opinion = collector.opinion;
  if (outcome == HPE_PAUSED) {
    opinion.verdict = Opinion::Verdict::accepted;
    opinion.bytes = static_cast<std::size_t>(llhttp_get_error_pos(&parser) - input.data());
  } else if (outcome != HPE_OK) {
    opinion = {.verdict = Opinion::Verdict::refused, .why = llhttp_errno_name(outcome)};
  }
  return opinion;
}

}  // namespace cgisrv::differential

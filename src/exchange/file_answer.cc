#include "exchange/file_answer.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "config/site.h"
#include "exchange/answer_fields.h"
#include "exchange/exchange.h"
#include "exchange/negotiation.h"
#include "files/mime.h"
#include "site/locate.h"

namespace cgisrv::exchange {

namespace {

bool may_be_cached(int status) {
  return status == 200 || status == 206 || status == 304;
}

// Whoever wants a part of the file, or the file only as he knows it, needs its bytes as they are:
// what is compressed on its way has neither ranges nor a strong validator.
bool wants_bytes(const http::Request& request) {
  return request.field("Range") || request.field("If-Match");
}

void set_negotiation(const http::Request& request, std::string_view type, const OpenFile& file,
                     http::Response& response) {
  using http::Negotiation;
  response.negotiation = Negotiation::none;
  if (!encoding::is_compressible(type)) return;
  response.negotiation = Negotiation::done;
  const bool has_content = response.status == 200 || response.status == 206;
  if (file.coding && has_content) response.add("Content-Encoding", encoding::name_of(*file.coding));
  const bool is_long = static_cast<std::uint64_t>(file.seen.status.st_size) >= encoded_bytes_min;
  if (!file.coding && is_long && !wants_bytes(request)) response.negotiation = Negotiation::open;
}

// The file's own: a program that names it cannot know better.
bool is_of_the_file(std::string_view field) {
  constexpr std::array names = {
      std::string_view("Content-Type"), std::string_view("ETag"), std::string_view("Last-Modified"),
      std::string_view("Accept-Ranges"), std::string_view("Content-Range")};
  return std::ranges::any_of(
      names, [field](auto name) { return text::equals_ignoring_case(name, field); });
}

}  // namespace

std::string why_not_sent(const config::Config& config, const Exchange& exchange,
                         const Routing& routing, const Seen& opened) {
  return why_not(config, exchange, routing, routing.path, routing.located, opened);
}

files::FileAnswer answer_for(const config::Config& config, const Exchange& exchange,
                             const Routing& routing, const Tree& tree, OpenFile& file) {
  const config::AnswerRules& rules = routing.located.location->answers;
  const std::string& path = routing.located.file;
  const http::Request& request = exchange.request();
  std::string configured;
  if (!routing.beside && !rules.types.empty()) configured = content_type(rules.types, path);
  const std::string_view type = routing.beside       ? std::string_view(routing.beside->type)
                                : configured.empty() ? files::mime_type(path)
                                                     : std::string_view(configured);
  if (rules.compress && encoding::is_compressible(type))
    prefer_beside(config, exchange, routing, tree, file);
  const std::time_t now = std::time(nullptr);
  const auto variant = file.coding ? encoding::ending_of(*file.coding) : std::string_view();
  auto answer = exchange.is_error_page()
                    ? files::whole_file(request, file.seen.status, type)
                    : files::answer_file(request, file.seen.status, type, now, variant);
  if (!rules.cache.empty() && !exchange.is_error_page() && may_be_cached(answer.response.status))
    add_cache_fields(rules.cache, type, answer.response, now);
  if (rules.compress) set_negotiation(request, type, file, answer.response);
  return answer;
}

files::FileAnswer answer_under(const Exchange& exchange, const config::AnswerRules& rules,
                               const std::string& path, const OpenFile& file, http::Response head) {
  const http::Request& request = exchange.request();
  const bool is_read = request.method == "GET" || request.method == "HEAD";
  std::string type(head.field("Content-Type"));
  if (type.empty()) type = content_type(rules.types, path);
  const std::time_t now = std::time(nullptr);
  const bool is_plain = is_read && head.status == 200 && !exchange.is_error_page();
  auto answer = is_plain ? files::answer_file(request, file.seen.status, type, now)
                         : files::whole_file(request, file.seen.status, type);
  const bool is_encoded = !head.field("Content-Encoding").empty();
  if (rules.compress && !is_encoded) set_negotiation(request, type, file, answer.response);
  if (!is_plain) {
    answer.response.status = head.status;
    answer.response.reason = std::move(head.reason);
  }
  for (http::Field& field : head.fields)
    if (!is_of_the_file(field.name)) answer.response.fields.push_back(std::move(field));
  if (may_be_cached(answer.response.status) && answer.response.field("Cache-Control").empty() &&
      answer.response.field("Expires").empty())
    add_cache_fields(rules.cache, type, answer.response, now);
  return answer;
}

}  // namespace cgisrv::exchange

// The client and the first request, for the logs and the pages.
#include <fmt/compile.h>

#include <algorithm>

#include "base/text.h"
#include "base/units.h"
#include "config/config.h"
#include "exchange/exchange.h"
#include "exchange/gateway.h"
#include "http/octets.h"
#include "site/own_names.h"

namespace cgisrv::exchange {

// A proxy on this machine also connects by loopback, for any client. Most proxies leave a trace,
// and name another host.
bool Exchange::shows_failures() const {
  const config::Config& config = host_.config();
  return config.show_failures && reach().loopback &&
         (request_.host.empty() || site::means_this_machine(config.own_names, request_.host)) &&
         !shows_proxy_;
}

// "is more than body_size allows for /form.cgi, 10m; ...": of a body, with the remedy.
std::string Exchange::too_much() const {
  const std::uint64_t allowed = routing_.body_bytes_max;
  // Doubled until what is announced fits, if that is serious; in chunks nothing is announced.
  std::uint64_t enough = std::max<std::uint64_t>(allowed, 1) * 2;
  while (enough < request_.content_length && enough < std::uint64_t{1} << 40)
    enough *= 2;
  const std::string size = format_size(enough);
  return fmt::format(
      "is more than body_size allows for {}, {}; {} if it is to be taken",
      text::escape(request_.target.path, 200), size_text(allowed),
      host_.config().file.empty()
          ? fmt::format("start with more, such as --body-size {},", size)
          : fmt::format("write more, such as body_size = \"{}\", in its location or under [limits]",
                        size));
}

handler::Failure Exchange::clients_fault(int status, std::string_view reason) const {
  const std::string_view client = endpoints().remote_address;
  return {.status = status,
          .reason = fmt::format("{}; {} sent \"{}\"", reason, client.empty() ? "a client" : client,
                                text::escape(request_line(), 200)),
          .told = std::string(reason)};
}

// For its own error log, where its listener has that.
void Exchange::tell_web_server(std::string_view text) {
  if (is_for_web_server())
    wire_->complain(fmt::format("[{}] {}\n", request_id(), text::printable_line(text)));
}

std::string Exchange::request_line() const {
  if (request_.raw_target.empty()) return std::string(refused_line_);
  return fmt::format(FMT_COMPILE("{} {} {}"), asked_method_, request_.raw_target,
                     http::text_of(request_.version));
}

// Of the request that was made, also if a page for its failure stands elsewhere.
const config::Location* Exchange::location() const {
  return failed_ ? failed_->location : routing_.located.location;
}

// ---- the log entry -----------------------------------------------------------------------------

void Exchange::log_access() {
  const Clock::duration duration = Clock::now() - began_;
  host_.count(location(), status_, duration);
  accesslog::AccessEntry entry = {.diagnosis = diagnosis_,
                                  .status = status_,
                                  .duration = duration,
                                  .usage = account_ ? &account_->usage : nullptr};
  if (!host_.wants(entry)) return;
  const std::string line = request_line();
  entry.request_line = line;
  describe_request(entry);
  if (!account_ || account_->is_final()) return host_.write(entry);
  account_->when_final(
      [kept = accesslog::StoredEntry(entry), &host = host_](const account::Usage& usage) {
        accesslog::AccessEntry late = kept.entry();
        late.usage = &usage;
        host.write(late);
      });
}

// Whom somebody in front of this server has let in.
std::string_view Exchange::remote_user(const cgi::Options& options) const {
  const Gateway* const said = gateway();
  return said != nullptr && !said->user.empty() ? std::string_view(said->user)
                                                : cgi::remote_user(request_, options.remote_user);
}

void Exchange::describe_request(accesslog::AccessEntry& entry) const {
  const auto field = [&](std::string_view name) { return request_.field(name).value_or(""); };
  entry.method = asked_method_;
  entry.target = request_.raw_target;
  if (request_.raw_target.empty()) {  // refused: the part that looks like a request line
    std::string_view rest = refused_line_;
    const auto method = text::take_until(rest, ' ');
    entry.method = http::is_token(method) ? method : "";
    entry.target = text::take_until(rest, ' ');
  }
  // The field of a proxy counts for nothing where the server itself asks.
  entry.user = user_;
  if (const auto* const place = location(); place != nullptr && user_.empty() && !keeps_password())
    entry.user = remote_user(place->cgi);
  describe_client(entry);
  entry.host = request_.host;
  entry.referer = field("Referer");
  entry.user_agent = field("User-Agent");
  entry.request_id = request_id();
  entry.script = script_name_.empty() ? script_filename_ : script_name_;  // empty: a program at /
  entry.program = script_filename_;
  entry.bytes_sent = wire_->content_sent();
  entry.bytes_received = wire_->body_received();
}

}  // namespace cgisrv::exchange

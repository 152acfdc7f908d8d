#include "gateway/fastcgi_session.h"

#include <vector>

namespace cgisrv::gateway {

using fastcgi::EndStatus;
using fastcgi::Role;
using fastcgi::Type;

// ---- what comes --------------------------------------------------------------------------------

std::string_view FastcgiSession::take(std::string_view bytes) {
  while (const auto part = reader_.next(bytes))
    if (const auto problem = take_part(*part); !problem.empty()) return problem;
  return reader_.problem();
}

// What is about a request that is not there was sent before its sender knew; so the specification
// has it ignored (section 3.3).
std::string_view FastcgiSession::take_part(const Part& part) {
  const Type type = part.header.type;
  if (type == Type::begin_request) return begin_request(part);
  if (type == Type::get_values && part.header.id == 0) {
    tell_values(part.content);
    return {};
  }
  if (type < Type::begin_request || type == Type::end_request || type > Type::data ||
      type == Type::standard_output || type == Type::standard_error) {
    if (part.is_last) fastcgi::write_unknown_type(output(), type);
    return {};
  }
  Stream* const stream = find(part.header.id);
  if (stream == nullptr) return {};
  if (type == Type::params) return take_params(part, *stream);
  if (type == Type::standard_input) return take_body(part, *stream);
  if (type == Type::abort_request) abort_request(*stream);
  return {};
}

// A body that goes on behind its response is none.
bool FastcgiSession::is_in_head() const {
  if (reader_.is_between_records() || count() > 0 || is_last_begun_) return false;
  const auto* const record = reader_.current();
  return record == nullptr ||
         (record->type != Type::params && record->type != Type::standard_input);
}

std::string_view FastcgiSession::begin_request(const Part& part) {
  const std::uint16_t id = part.header.id;
  const auto begun = fastcgi::read_begin(part.content);
  if (!begun) return "a FCGI_BEGIN_REQUEST that is too short";
  if (id == 0) return "a request with the id 0";
  if (find(id) != nullptr) return "a request with the id of another one that is under way";
  // Of what comes while it winds down nothing is begun, or it would never end.
  const bool is_welcome = count() < limits().max_streams && (count() == 0 || !closes_at_end());
  if (!begun->keeps_connection) {
    is_last_begun_ = true;
    close_at_end();
  }
  const EndStatus status = begun->role != Role::responder ? EndStatus::unknown_role
                           : !is_welcome || !may_begin()  ? EndStatus::overloaded
                                                          : EndStatus::complete;
  if (status == EndStatus::complete) {
    begin(id);
    params_[id].clear();
  } else {
    fastcgi::write_end(output(), id, {0, status});
  }
  return {};
}

std::string_view FastcgiSession::take_params(const Part& part, Stream& stream) {
  if (stream.is_refused()) return {};
  if (stream.is_head_complete()) return "FCGI_PARAMS after their end";
  std::string& params = params_[stream.id()];
  if (part.header.content_size > 0) {
    params.append(part.content);
    if (params.size() <= params_bytes_max(limits().header_size)) return {};
    stream.refuse({431, "the parameters of the web server are too many (header_size)"});
  } else if (const auto pairs = fastcgi::read_pairs(params)) {
    stream.head_complete(*pairs);
  } else {
    stream.refuse({400, "a parameter whose length leads beyond the end of all parameters"});
  }
  params_.erase(stream.id());
  return {};
}

std::string_view FastcgiSession::take_body(const Part& part, Stream& stream) {
  if (stream.is_refused()) return {};
  if (!stream.is_head_complete()) return "FCGI_STDIN before the end of FCGI_PARAMS";
  if (stream.is_body_ended()) return "FCGI_STDIN after its end";
  if (part.header.content_size > 0)
    stream.body_arrived(part.content);
  else
    stream.body_ended();
  return {};
}

void FastcgiSession::abort_request(Stream& stream) {
  params_.erase(stream.id());
  stream.abort_asked();
}

void FastcgiSession::tell_values(std::string_view asked) {
  const auto pairs = fastcgi::read_pairs(asked);
  std::string answer;
  for (const auto& [name, value] : pairs.value_or(std::vector<fastcgi::Pair>())) {
    const auto streams = std::to_string(limits().max_streams);
    if (name == "FCGI_MAX_CONNS") fastcgi::write_pair(answer, name, "65535");
    if (name == "FCGI_MAX_REQS") fastcgi::write_pair(answer, name, streams);
    if (name == "FCGI_MPXS_CONNS") fastcgi::write_pair(answer, name, "1");
    if (answer.size() > fastcgi::full_content_bytes / 2) break;
  }
  fastcgi::write_record(output(), Type::get_values_result, 0, answer);
}

// ---- what is sent ------------------------------------------------------------------------------

void FastcgiSession::append_content(std::string& to, const Stream& stream, std::string_view bytes) {
  fastcgi::write_stream(to, Type::standard_output, stream.id(), bytes);
}

void FastcgiSession::append_errors(std::string& to, const Stream& stream, std::string_view bytes) {
  fastcgi::write_stream(to, Type::standard_error, stream.id(), bytes);
}

void FastcgiSession::append_end(std::string& to, const Stream& stream, bool is_whole) {
  fastcgi::write_stream_end(to, Type::standard_output, stream.id());
  if (stream.has_complained()) fastcgi::write_stream_end(to, Type::standard_error, stream.id());
  fastcgi::write_end(to, stream.id(), {is_whole ? 0u : 1u, EndStatus::complete});
}

}  // namespace cgisrv::gateway

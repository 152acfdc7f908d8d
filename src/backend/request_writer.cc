#include "backend/request_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "fastcgi/record.h"

namespace cgisrv::backend {

namespace {

std::pair<std::string_view, std::string_view> split(std::string_view variable) {
  const auto end = std::min(variable.find('='), variable.size());
  return {variable.substr(0, end), variable.substr(std::min(end + 1, variable.size()))};
}

std::size_t bytes_of(std::span<const std::string_view> variables) {
  std::size_t bytes = 0;
  for (const std::string_view variable : variables)
    bytes += variable.size() + 8;  // two lengths, of four bytes at most
  return bytes;
}

void write_fastcgi_head(std::string& to, std::span<const std::string_view> variables,
                        bool keeps_connection) {
  fastcgi::write_begin(to, only_id,
                       {.role = fastcgi::Role::responder, .keeps_connection = keeps_connection});
  std::string pairs;
  pairs.reserve(bytes_of(variables));
  for (const std::string_view variable : variables) {
    const auto [name, value] = split(variable);
    fastcgi::write_pair(pairs, name, value);
  }
  fastcgi::write_stream(to, fastcgi::Type::params, only_id, pairs);
  fastcgi::write_stream_end(to, fastcgi::Type::params, only_id);
}

// A netstring of names and values, each with a NUL; CONTENT_LENGTH is first, then SCGI.
void write_scgi_head(std::string& to, std::span<const std::string_view> variables) {
  std::string_view length = "0";
  std::string rest;
  rest.reserve(bytes_of(variables));
  for (const std::string_view variable : variables) {
    const auto [name, value] = split(variable);
    if (name == "CONTENT_LENGTH")
      length = value;
    else
      rest.append(name).append(1, '\0').append(value).append(1, '\0');
  }
  std::string first("CONTENT_LENGTH");
  first.append(1, '\0').append(length).append(1, '\0');
  first.append("SCGI").append(1, '\0').append("1").append(1, '\0');
  to.append(fmt::format("{}:", first.size() + rest.size()));
  to.append(first).append(rest).push_back(',');
}

}  // namespace

void write_head(std::string& to, Protocol protocol, std::span<const std::string_view> variables,
                bool keeps_connection) {
  if (protocol == Protocol::fastcgi)
    write_fastcgi_head(to, variables, keeps_connection);
  else
    write_scgi_head(to, variables);
}

void write_body(std::string& to, Protocol protocol, std::string_view bytes) {
  if (protocol == Protocol::fastcgi)
    fastcgi::write_stream(to, fastcgi::Type::standard_input, only_id, bytes);
  else
    to.append(bytes);
}

void write_body_end(std::string& to, Protocol protocol) {
  if (protocol == Protocol::fastcgi)
    fastcgi::write_stream_end(to, fastcgi::Type::standard_input, only_id);
}

}  // namespace cgisrv::backend

// The id that a proxy in front has given a request, so that one search finds the request in the
// logs of all machines. Pure.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "base/result.h"
#include "http/message.h"

namespace cgisrv::proxy {

inline constexpr std::string_view x_request_id = "X-Request-ID";
inline constexpr std::size_t request_id_bytes_max = 128;

// traceparent and tracestate of W3C Trace Context.
bool names_trace(std::string_view field_name);
// These, and X-Request-ID.
bool names_request(std::string_view field_name);

// 1 to 128 letters, digits and -_.:@+=#, the first of them a letter, a digit or _. Such a text
// cannot pose as anything else in a log, on a page, or as the name of a file that a program makes.
bool is_request_id(std::string_view text);

// The trace-id of a traceparent, "00-TRACE-PARENT-FLAGS"; empty: it is not valid.
std::string_view trace_id_of(std::string_view value);

// The id in the fields of a trusted proxy; empty: they have none. That of X-Request-ID goes first.
// Of several of its values the last is the proxy's: a proxy appends, as to X-Forwarded-For. An
// error is one that cannot be taken.
Result<std::string_view> find_request_id(std::span<const http::FieldView> fields);

// Whether traceparent, and so tracestate, can be handed on: there is one, and it is valid.
bool has_valid_trace(std::span<const http::FieldView> fields);

// The same of what a web server says in a parameter of its own.
Result<std::string_view> check_request_id(std::string_view parameter, std::string_view value);

}  // namespace cgisrv::proxy

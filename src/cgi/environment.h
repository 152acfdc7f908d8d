// The meta-variables of RFC 3875 section 4.1: a pure function from a request to an environment.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cgi/script.h"
#include "http/message.h"

namespace cgisrv::cgi {

// The two ends of the client's connection.
struct Endpoints {
  std::string_view remote_address;  // no brackets; "unix" listeners: empty, as is the port
  std::string_view remote_port;
  std::string_view server_address;
  std::string_view server_port;
  bool https = false;
  std::uint64_t client = 0;  // who is calling, for counting: net::Address::client()
};

// Variables the administrator sets, in the order of configuration.
using Variables = std::vector<std::pair<std::string, std::string>>;

struct EnvironmentInput {
  const http::Request& request;
  const Script& script;
  const Endpoints& endpoints;
  const Variables& configured;
  std::string_view request_id;
  // Known length of the body after de-chunking; nothing: no body, or one that is streamed.
  std::optional<std::uint64_t> content_length;
  bool pass_authorization = false;     // HTTP_AUTHORIZATION is withheld otherwise
  std::string_view user_field = {};    // in which a proxy says who REMOTE_USER is; empty: none
  std::string_view redirect_url = {};  // after a local redirect: the first request's path
};

// An environment as execve(2) wants it, held in one block of memory. Empty unless built.
class Environment {
 public:
  void reserve(std::size_t bytes, std::size_t variables);
  // Nothing is added for a name or value that no environment can hold: a NUL, '=' in the name.
  void add(std::string_view name, std::string_view value);
  bool has(std::string_view name) const;
  std::optional<std::string_view> get(std::string_view name) const;
  std::vector<std::string_view> entries() const;  // "NAME=value" in order; valid as envp() is
  std::size_t size() const { return offsets_.size(); }
  std::size_t bytes() const { return block_.size(); }
  // NULL-terminated; valid until the next add().
  char* const* envp();

 private:
  std::string block_;  // NAME=value\0 one after another
  std::vector<std::size_t> offsets_;
  std::vector<char*> pointers_;
};

// Always: GATEWAY_INTERFACE QUERY_STRING REMOTE_ADDR REMOTE_PORT REQUEST_METHOD REQUEST_URI
// SCRIPT_NAME SCRIPT_FILENAME DOCUMENT_ROOT SERVER_ADDR SERVER_NAME SERVER_PORT SERVER_PROTOCOL
// SERVER_SOFTWARE REQUEST_SCHEME REQUEST_ID UNIQUE_ID REDIRECT_STATUS=200 (php-cgi refuses to run
// without it) PATH (configured, or a safe default); as they apply: CONTENT_LENGTH CONTENT_TYPE
// PATH_INFO PATH_TRANSLATED HTTPS REDIRECT_URL; then HTTP_* from the fields. SERVER_NAME is the
// request's host, else the server's address.
//
// Fields become HTTP_*: letters upper-cased, '-' to '_', same names merged with ", " (Cookie with
// "; "). A field whose name holds anything but letters, digits and '-' is dropped, since '_', '.'
// and the like could pose as another field. Content-Type, Content-Length, Transfer-Encoding,
// Connection, Keep-Alive, TE, Trailer, Upgrade, Expect, Proxy and Proxy-* never become HTTP_*.
// HTTP_HOST is the host of an absolute target where the request has one. Git-Protocol is also
// GIT_PROTOCOL, which git http-backend reads, when it holds nothing but [A-Za-z0-9=:.-].
// REMOTE_USER is what user_field says, if it is there once and not empty.
// Configured variables are added last, the last of a name wins, and they cannot supersede a
// computed one nor stand in for CONTENT_LENGTH, CONTENT_TYPE, PATH_INFO or PATH_TRANSLATED where
// there is none. Nothing comes from the server's own environment.
Environment build_environment(const EnvironmentInput& input);

}  // namespace cgisrv::cgi

// The meta-variables of RFC 3875 section 4.1: a pure function from a request to an environment.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cgi/script.h"
#include "cgi/variables.h"
#include "http/message.h"

namespace cgisrv::access {
struct ClientCertificate;
}

namespace cgisrv::cgi {

// The two ends of the client's connection.
struct Endpoints {
  std::string remote_address;  // no brackets; "unix" listeners: empty, as is the port
  std::string remote_port;
  std::string server_address;
  std::string server_port;
  bool https = false;
  std::string server_name = {};  // SERVER_NAME; empty: the request's host
  // Of TLS between the client, or its proxy, and this server; empty: there is none.
  std::string tls_protocol = {};     // "TLSv1.3"
  std::string tls_cipher = {};       // "TLS_AES_256_GCM_SHA384"
  std::string tls_server_name = {};  // the host of SNI; empty: the client has named none
  // Of the client; null: TLS has asked it for none.
  std::shared_ptr<const access::ClientCertificate> client_certificate = {};
  std::uint64_t client = 0;  // identifies the client in counts: access::Ip::client()
};

// What led to a program that nobody has asked for by its name, as Apache says it.
struct Redirected {
  std::string url;     // the path of the first request; empty: it is this program's
  int status = 200;    // of the failure whose page the program is
  std::string query;   // of the request that failed
  std::string method;  // likewise; empty: none has failed
};

struct EnvironmentInput {
  const http::Request& request;
  const Script& script;
  const Endpoints& endpoints;
  const Variables& configured;
  std::string_view request_id;
  // Length of the body after de-chunking; nothing: no body, or one that is streamed.
  std::optional<std::uint64_t> content_length;
  bool pass_authorization = false;   // else HTTP_AUTHORIZATION is withheld
  std::string_view user = {};        // logged in with us; empty: nobody
  std::string_view auth_type = {};   // how; empty: nobody has
  std::string_view user_field = {};  // by which a proxy sets REMOTE_USER; empty: none
  Redirected redirected{};
  bool keeps_password = false;  // users are the server's own to name
};

// The user whom the proxy names in `field`; empty: none, no such field, or more than one of it.
// Lives as long as the request.
std::string_view remote_user(const http::Request& request, std::string_view field);

// An environment for execve(2), held in one block of memory. Empty unless built.
class Environment {
 public:
  void reserve(std::size_t bytes, std::size_t variables);
  // Drops a name or value that no environment can hold: a NUL, '=' in the name.
  void add(std::string_view name, std::string_view value);
  bool has(std::string_view name) const;
  std::optional<std::string_view> get(std::string_view name) const;
  std::vector<std::string_view> entries() const;  // "NAME=value" in order; valid as envp() is
  std::size_t size() const { return offsets_.size(); }
  // NULL-terminated; valid until the next add().
  char* const* envp();

 private:
  std::string block_;  // NAME=value\0 one after another
  std::vector<std::size_t> offsets_;
  std::vector<char*> pointers_;
};

// Always: GATEWAY_INTERFACE QUERY_STRING REMOTE_ADDR REMOTE_PORT REQUEST_METHOD REQUEST_URI
// SCRIPT_NAME SCRIPT_FILENAME DOCUMENT_ROOT SERVER_ADDR SERVER_NAME SERVER_PORT SERVER_PROTOCOL
// SERVER_SOFTWARE REQUEST_SCHEME REQUEST_ID UNIQUE_ID REDIRECT_STATUS (200, or the status of the
// failure whose page it is; php-cgi refuses to run without it) PATH (configured, or a safe
// default). Where they apply: CONTENT_LENGTH CONTENT_TYPE PATH_INFO PATH_TRANSLATED HTTPS
// SSL_PROTOCOL SSL_CIPHER SSL_TLS_SNI (as Apache's mod_ssl has them) REDIRECT_URL
// REDIRECT_QUERY_STRING REDIRECT_REQUEST_METHOD; then HTTP_* from the fields. Where clients are
// asked for a certificate: SSL_CLIENT_VERIFY, and only with a certificate that is verified
// SSL_CLIENT_S_DN SSL_CLIENT_S_DN_CN SSL_CLIENT_SAN_Email_0 SSL_CLIENT_I_DN SSL_CLIENT_M_SERIAL
// SSL_CLIENT_V_START SSL_CLIENT_V_END.
// SERVER_NAME is the request's host, else the server's address.
//
// Fields become HTTP_*: letters upper-cased, '-' to '_', same names merged with ", " (Cookie with
// "; "). A field whose name holds anything but letters, digits and '-' is dropped, since '_', '.'
// and the like could pose as another field. Content-Type, Content-Length, Transfer-Encoding,
// Connection, Keep-Alive, TE, Trailer, Upgrade, Expect, Proxy and Proxy-* never become HTTP_*.
// HTTP_HOST is the host of an absolute target where the request has one. Git-Protocol is also
// GIT_PROTOCOL, which git http-backend reads, when it holds nothing but [A-Za-z0-9=:.-].
// AUTH_TYPE goes with REMOTE_USER, which is `user`; without one, it is remote_user() of user_field.
// Where there is a user, HTTP_AUTHORIZATION is withheld: it holds the password that we have
// checked. Configured variables come last; the last of a name wins. They cannot supersede a
// computed one, nor stand in for a missing CONTENT_LENGTH, CONTENT_TYPE, PATH_INFO or
// PATH_TRANSLATED. Nothing comes from the server's own environment.
// What a web server in front has added follows them, where nothing else has that name.
Environment build_environment(const EnvironmentInput& input);

// Whether the variable is computed for each request, or missing on purpose, so that configuring it
// has no effect.
bool is_computed(std::string_view name);

// Why programs do not get a field that a client sent: a clause. Empty: they do get it, or it only
// concerns the connection.
std::string_view why_withheld(std::string_view field, bool pass_authorization);

}  // namespace cgisrv::cgi

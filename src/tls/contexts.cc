#include "tls/contexts.h"

#include <openssl/core_names.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <array>
#include <cstring>
#include <span>

#include "tls/certificate_parts.h"
#include "tls/client_certificate.h"
#include "tls/hello.h"
#include "tls/openssl.h"
#include "tls/socket_end.h"

namespace cgisrv::tls {

namespace {

// https://wiki.mozilla.org/Security/Server_Side_TLS, without finite-field Diffie-Hellman, which
// costs the server much and which no client of today needs. Our order decides, but a
// client that prefers ChaCha20, as a telephone without AES in hardware does, gets that.
constexpr auto tls12_ciphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr auto tls13_ciphers =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr auto groups = "X25519:P-256:P-384";
// In the form of RFC 7301: a length before each, ours by preference. A client of HTTP/1.0 has to
// find its own.
constexpr std::string_view protocols("\x02h2\x08http/1.1\x08http/1.0");
constexpr std::size_t of_http2 = 3;  // what HTTP/2 takes of them

// ---- what OpenSSL asks during a handshake

const TicketKeys& keys_of(SSL* ssl) {
  return *static_cast<const TicketKeys*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
}

// Prepares what encrypts and signs a ticket, or opens it. 0: its key is forgotten, so the client
// shakes hands in full; 2: the ticket is good, and the client gets one of a newer key.
int set_ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                   EVP_MAC_CTX* mac, int encrypts) {
  TicketKeys::Found found{.key = {}, .is_newest = true};
  if (encrypts != 0) {
    found.key = keys_of(ssl).newest();
    std::memcpy(name, found.key.name.data(), found.key.name.size());
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return -1;
  } else {
    const auto known = keys_of(ssl).find(std::span<const std::uint8_t, 16>(name, 16));
    if (!known) return 0;
    found = *known;
  }
  char digest[] = "SHA256";
  const OSSL_PARAM mac_key[] = {OSSL_PARAM_construct_octet_string(
                                    OSSL_MAC_PARAM_KEY, found.key.mac.data(), found.key.mac.size()),
                                OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                OSSL_PARAM_construct_end()};
  const bool good = EVP_MAC_CTX_set_params(mac, mac_key) == 1 &&
                    EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, found.key.cipher.data(),
                                      iv, encrypts) == 1;
  OPENSSL_cleanse(&found.key, sizeof found.key);
  if (!good) return -1;
  return found.is_newest ? 1 : 2;
}

bool offers_http2(SSL* ssl) {
  return static_cast<const SocketEnd*>(SSL_get_app_data(ssl))->offers_http2;
}

// A client that offers protocols, and none of ours, is told so (RFC 7301 section 3.2).
int select_protocol(SSL* ssl, const unsigned char** chosen, unsigned char* size,
                    const unsigned char* offered, unsigned offered_size, void*) {
  const auto ours = protocols.substr(offers_http2(ssl) ? 0 : of_http2);
  unsigned char* common = nullptr;
  const int found =
      SSL_select_next_proto(&common, size, reinterpret_cast<const unsigned char*>(ours.data()),
                            static_cast<unsigned>(ours.size()), offered, offered_size);
  if (found != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = common;
  return SSL_TLSEXT_ERR_OK;
}

// Has the client told that its name was heard (RFC 6066 section 3); the choice is made by then.
int confirm_name(SSL* ssl, int*, void*) {
  return SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) != nullptr ? SSL_TLSEXT_ERR_OK
                                                                       : SSL_TLSEXT_ERR_NOACK;
}

// ---- one site

// What a session was begun with: it is resumed by a client that is shown and asked the same, and by
// no other. The same in all workers, and after a reload.
bool bind_sessions(SSL_CTX* context, const Contexts::Site& site) {
  std::string shown;
  for (const Certificate& each : site.certificates)
    shown += fingerprint_of(each.parts().own.get());
  if (site.authorities)
    for (const X509Ptr& each : site.authorities->parts().all)
      shown += " by " + fingerprint_of(each.get());
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  return EVP_Digest(shown.data(), shown.size(), digest.data(), nullptr, EVP_sha256(), nullptr) ==
             1 &&
         SSL_CTX_set_session_id_context(context, digest.data(), digest.size()) == 1;
}

bool set_rules(SSL_CTX* context) {
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // the client has it: its ticket
  SSL_CTX_set_timeout(context, std::chrono::seconds(TicketKeys::lifetime).count());
  SSL_CTX_set_alpn_select_cb(context, &select_protocol, nullptr);
  SSL_CTX_set_tlsext_servername_callback(context, &confirm_name);
  return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
         SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
         SSL_CTX_set_cipher_list(context, tls12_ciphers) == 1 &&
         SSL_CTX_set_ciphersuites(context, tls13_ciphers) == 1 &&
         SSL_CTX_set1_groups_list(context, groups) == 1 &&
         SSL_CTX_set_tlsext_ticket_key_evp_cb(context, &set_ticket_key) == 1;
}

bool add_certificate(SSL_CTX* context, const Certificate::Parts& parts) {
  if (SSL_CTX_use_certificate(context, parts.own.get()) != 1 ||
      SSL_CTX_use_PrivateKey(context, parts.key.get()) != 1)
    return false;
  for (const X509Ptr& each : parts.chain)
    if (SSL_CTX_add1_chain_cert(context, each.get()) != 1) return false;
  return true;
}

Result<SslContext> make_context(const Contexts::Site& site, const TicketKeys& keys) {
  ERR_clear_error();
  SslContext context(SSL_CTX_new(TLS_server_method()));
  if (!context || !set_rules(context.get()) || !bind_sessions(context.get(), site) ||
      (site.authorities && !ask_for_certificates(context.get(), site.authorities->parts().all)))
    return fail("TLS cannot be set up: {}", last_problem());
  SSL_CTX_set_app_data(context.get(), const_cast<TicketKeys*>(&keys));
  for (const Certificate& each : site.certificates)
    if (!add_certificate(context.get(), each.parts()))
      return fail("OpenSSL refuses a certificate of kind {}: {}", each.kind(), last_problem());
  return context;
}

}  // namespace

struct Contexts::Parts {
  std::vector<SslContext> sites;
  Choose choose;

  // Before OpenSSL looks for a session to resume, which then has to be one of this site. An unknown
  // host is no failure: the client sees by the certificate that it is the wrong one. Only the first
  // hello counts: a client that has to send another one may not change its mind.
  static int choose_site(SSL* ssl, int*, void* parts) {
    const auto& self = *static_cast<const Parts*>(parts);
    auto& named = static_cast<SocketEnd*>(SSL_get_app_data(ssl))->named_host;
    if (named) return SSL_CLIENT_HELLO_SUCCESS;
    named = host_of_hello(ssl);
    const std::size_t index = named->empty() || !self.choose ? 0 : self.choose(*named);
    SSL_CTX* const context = index < self.sites.size() ? self.sites[index].get() : nullptr;
    if (context == nullptr || SSL_set_SSL_CTX(ssl, context) == nullptr)
      return SSL_CLIENT_HELLO_ERROR;
    ask_as(ssl, context);
    return SSL_CLIENT_HELLO_SUCCESS;
  }
};

Result<std::unique_ptr<Contexts>> Contexts::make(const std::vector<Site>& sites,
                                                 const TicketKeys& keys) {
  auto parts = std::make_unique<Parts>();
  for (const Site& each : sites) {
    auto context = make_context(each, keys);
    if (!context) return std::unexpected(context.error());
    parts->sites.push_back(std::move(*context));
  }
  SSL_CTX* const first = parts->sites.front().get();
  SSL_CTX_set_client_hello_cb(first, &Parts::choose_site, parts.get());
  return std::unique_ptr<Contexts>(new Contexts(std::move(parts)));
}

Contexts::Contexts(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Contexts::~Contexts() = default;

void Contexts::choose_by(Choose choose) {
  parts_->choose = std::move(choose);
}

std::unique_ptr<Session> Contexts::accept(int socket, bool offers_http2) const {
  return Session::make(parts_->sites.front().get(), socket, offers_http2);
}

}  // namespace cgisrv::tls

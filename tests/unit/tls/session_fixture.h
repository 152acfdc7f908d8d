// Both ends of a socketpair: the server's side is ours, the client is OpenSSL itself.
#pragma once

#include <cgisrv/fd.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "../temporary_directory.h"
#include "authority.h"
#include "tls/contexts.h"
#include "tls/session.h"

namespace cgisrv::tls {
using net::Io;
using Step = Session::Step;
using Ssl = std::unique_ptr<SSL, FreeBy<&SSL_free>>;
using Resumption = std::unique_ptr<SSL_SESSION, FreeBy<&SSL_SESSION_free>>;

class SessionTest : public testing::Test {
 protected:
  SessionTest() {
    ::signal(SIGPIPE, [](int) {});  // the client's side knows no better
    keys_.rotate();
  }

  struct Pair {
    std::string certificate, key;  // PEM
  };
  Pair pair(const Key& key, const std::string& names) const {
    return {pem_of(authority_.sign(key.get(), names).get()), pem_of(key.get())};
  }
  Certificate certificate(const Pair& pair) {
    auto loaded = Certificate::load(files_.file("c.pem", 0644, pair.certificate),
                                    files_.file("k.pem", 0600, pair.key));
    EXPECT_TRUE(loaded);
    return std::move(*loaded);
  }
  // The same as with another worker.
  std::unique_ptr<Contexts> contexts() {
    std::vector<Contexts::Site> sites(2);
    sites[0].certificates.push_back(certificate(ecdsa_of_a_));
    sites[0].certificates.push_back(certificate(rsa_of_a_));
    sites[1].certificates.push_back(certificate(ecdsa_of_b_));
    auto made = Contexts::make(sites, keys_);
    EXPECT_TRUE(made);
    (*made)->choose_by([](std::string_view host) { return host == "b.example" ? 1U : 0U; });
    return std::move(*made);
  }

  // A new connection; shake() begins it.
  void connect(int version = 0, const char* name = nullptr, SSL_SESSION* resumed = nullptr) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    if (client_) SSL_shutdown(client_.get());  // else its session would be no good
    client_.reset();
    ours_.reset(ends[0]);
    theirs_.reset(ends[1]);
    session_ = contexts_->accept(ours_.get());
    ASSERT_TRUE(session_);
    client_.reset(SSL_new(client_context_.get()));
    SSL_set_fd(client_.get(), theirs_.get());
    SSL_set_connect_state(client_.get());
    if (version != 0) {
      SSL_set_min_proto_version(client_.get(), version);
      SSL_set_max_proto_version(client_.get(), version);
    }
    if (name != nullptr) SSL_set_tlsext_host_name(client_.get(), name);
    if (resumed != nullptr) SSL_set_session(client_.get(), resumed);
  }
  Step shake() {
    Step step = Step::reads;
    for (int turn = 0; turn < 10 && (step == Step::reads || step == Step::writes); ++turn) {
      SSL_do_handshake(client_.get());
      step = session_->handshake();
    }
    return step;
  }
  void open(int version = 0, const char* name = nullptr, SSL_SESSION* resumed = nullptr) {
    connect(version, name, resumed);
    ASSERT_EQ(shake(), Step::done) << session_->problem();
  }
  // What the client has been sent; a read is needed for its tickets, too.
  std::string client_reads() {
    std::string text;
    std::array<char, 4096> bytes;
    for (int size; (size = SSL_read(client_.get(), bytes.data(), bytes.size())) > 0;)
      text.append(bytes.data(), static_cast<std::size_t>(size));
    return text;
  }
  void client_writes(std::string_view text) {
    ASSERT_EQ(SSL_write(client_.get(), text.data(), static_cast<int>(text.size())),
              static_cast<int>(text.size()));
  }
  Io read(std::string& into, std::size_t room = 64 * 1024) {
    into.assign(room, '\0');
    const Io io = session_->read(into);
    into.resize(io.bytes);
    return io;
  }
  std::string shown_name() const {
    const X509Ptr shown(SSL_get1_peer_certificate(client_.get()));
    return X509_check_host(shown.get(), "b.example", 0, 0, nullptr) == 1 ? "b" : "a";
  }

  TemporaryDirectory files_;
  const Authority authority_{"root"};
  const Pair ecdsa_of_a_ = pair(new_ecdsa_key(), "DNS:a.example");
  const Pair rsa_of_a_ = pair(new_rsa_key(2048), "DNS:a.example");
  const Pair ecdsa_of_b_ = pair(new_ecdsa_key(), "DNS:b.example");
  TicketKeys keys_;
  std::unique_ptr<Contexts> contexts_ = contexts();
  SslContext client_context_{SSL_CTX_new(TLS_client_method())};
  Fd ours_, theirs_;
  std::unique_ptr<Session> session_;
  Ssl client_;
};

}  // namespace cgisrv::tls

#include "tls/session.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>

#include "session_fixture.h"

namespace cgisrv::tls {
namespace {

TEST_F(SessionTest, BytesPassInBothVersions) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    open(version, "a.example");
    ASSERT_NE(session_->security(), nullptr);
    EXPECT_EQ(session_->security()->protocol, version == TLS1_3_VERSION ? "TLSv1.3" : "TLSv1.2");
    EXPECT_EQ(session_->security()->server_name, "a.example");
    EXPECT_FALSE(session_->was_resumed());
    std::string got;
    EXPECT_EQ(read(got).status, Io::Status::blocked);
    client_writes("hello");
    EXPECT_EQ(read(got).status, Io::Status::ok);
    EXPECT_EQ(got, "hello");
    EXPECT_FALSE(session_->holds_more());
    EXPECT_EQ(session_->write("world", false).bytes, 5U);
    EXPECT_EQ(client_reads(), "world");
  }
}

TEST_F(SessionTest, OldVersionsAreRefused) {
  connect();
  SSL_set_min_proto_version(client_.get(), TLS1_VERSION);
  SSL_set_max_proto_version(client_.get(), TLS1_1_VERSION);
  SSL_set_security_level(client_.get(), 0);
  EXPECT_EQ(shake(), Step::failed);
  EXPECT_TRUE(session_->has_begun());
  EXPECT_FALSE(session_->problem().empty());
}

TEST_F(SessionTest, TheHostDecidesWhichCertificateIsShown) {
  open(0, "b.example");
  EXPECT_EQ(shown_name(), "b");
  open(0, "unknown.example");
  EXPECT_EQ(shown_name(), "a");
  open();
  EXPECT_EQ(shown_name(), "a");
}

TEST_F(SessionTest, EachClientGetsTheKindThatItKnows) {
  for (const auto& [ciphers, kind] : {std::pair("ECDHE-RSA-AES128-GCM-SHA256", EVP_PKEY_RSA),
                                      std::pair("ECDHE-ECDSA-AES128-GCM-SHA256", EVP_PKEY_EC)}) {
    connect(TLS1_2_VERSION);
    SSL_set_cipher_list(client_.get(), ciphers);
    ASSERT_EQ(shake(), Step::done);
    const X509Ptr shown(SSL_get1_peer_certificate(client_.get()));
    EXPECT_EQ(EVP_PKEY_get_base_id(X509_get0_pubkey(shown.get())), kind);
    EXPECT_EQ(session_->security()->cipher, ciphers);
  }
}

TEST_F(SessionTest, OurOrderDecidesButForAClientThatPrefersChaCha20) {
  for (const auto& [asked, got] :
       {std::pair("ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256",
                  "ECDHE-ECDSA-AES128-GCM-SHA256"),
        std::pair("ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256",
                  "ECDHE-ECDSA-CHACHA20-POLY1305")}) {
    connect(TLS1_2_VERSION);
    SSL_set_cipher_list(client_.get(), asked);
    ASSERT_EQ(shake(), Step::done);
    EXPECT_EQ(session_->security()->cipher, got);
  }
}

TEST_F(SessionTest, CiphersWithoutForwardSecrecyAreRefused) {
  connect(TLS1_2_VERSION);
  SSL_set_cipher_list(client_.get(),
                      "AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA:DHE-RSA-AES128-SHA256");
  EXPECT_EQ(shake(), Step::failed);
}

TEST_F(SessionTest, NobodyNamesAnythingButAHost) {
  open(0, "a.example/<b>");
  EXPECT_EQ(session_->security()->server_name, "");
  EXPECT_EQ(shown_name(), "a");
}

TEST_F(SessionTest, OnlyHttp1IsSelected) {
  connect();
  SSL_set_alpn_protos(client_.get(), reinterpret_cast<const unsigned char*>("\x08http/1.0"), 9);
  EXPECT_EQ(shake(), Step::done);
  connect();
  SSL_set_alpn_protos(client_.get(), reinterpret_cast<const unsigned char*>("\x02h2\x08http/1.1"),
                      12);
  ASSERT_EQ(shake(), Step::done);
  const unsigned char* chosen = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(client_.get(), &chosen, &size);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(chosen), size), "http/1.1");
  connect();
  SSL_set_alpn_protos(client_.get(), reinterpret_cast<const unsigned char*>("\x02h2"), 3);
  EXPECT_EQ(shake(), Step::failed);
}

TEST_F(SessionTest, AHandshakeMayComeByteByByte) {
  open(TLS1_2_VERSION);  // what a client sends is recorded by one that is not slow
  connect();
  const Bio sent(BIO_new(BIO_s_mem()));
  BIO_up_ref(sent.get());
  SSL_set0_wbio(client_.get(), sent.get());
  Step step = Step::reads;
  std::string unsent;
  for (int turn = 0; turn < 10 && step == Step::reads; ++turn) {
    SSL_do_handshake(client_.get());
    unsent = text_of(sent.get());
    BIO_reset(sent.get());
    for (const char byte : unsent) {
      ASSERT_EQ(step, Step::reads);
      ASSERT_EQ(::send(theirs_.get(), &byte, 1, 0), 1);
      step = session_->handshake();
    }
  }
  EXPECT_EQ(step, Step::done) << session_->problem();
}

TEST_F(SessionTest, AnEndIsToldApartFromACut) {
  std::string got;
  open();
  client_writes("all");
  SSL_shutdown(client_.get());
  EXPECT_EQ(read(got).status, Io::Status::ok);
  EXPECT_EQ(got, "all");
  EXPECT_TRUE(session_->holds_more());
  EXPECT_EQ(read(got).status, Io::Status::ended);
  open();
  client_writes("half");
  theirs_.reset();
  EXPECT_EQ(read(got).status, Io::Status::ok);
  EXPECT_EQ(got, "half");
  EXPECT_EQ(read(got).status, Io::Status::failed);
  EXPECT_EQ(read(got).status, Io::Status::failed);
}

TEST_F(SessionTest, WhoHasCutOneDirectionIsStillAnswered) {
  std::string got;
  open();
  client_writes("request");
  ::shutdown(theirs_.get(), SHUT_WR);
  EXPECT_EQ(read(got).status, Io::Status::ok);
  EXPECT_EQ(read(got).status, Io::Status::failed);
  EXPECT_EQ(session_->write("answer", false).bytes, 6U);
  session_->finish_writing();
  EXPECT_EQ(client_reads(), "answer");
  EXPECT_NE(SSL_get_shutdown(client_.get()) & SSL_RECEIVED_SHUTDOWN, 0);
}

TEST_F(SessionTest, TheClientSeesOurEnd) {
  const auto ends_well = [&] {
    EXPECT_EQ(client_reads(), "bye");
    return (SSL_get_shutdown(client_.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
  };
  open();
  session_->write("bye", false);
  session_->finish_writing();
  EXPECT_FALSE(session_->has_unsent_end());
  EXPECT_TRUE(ends_well());
  open();
  session_->write("bye", false);
  session_->close(false);
  ours_.reset();
  EXPECT_TRUE(ends_well());
  open();
  session_->write("bye", false);
  session_->close(true);
  ours_.reset();
  EXPECT_FALSE(ends_well());
}

TEST_F(SessionTest, AnEndThatDoesNotFitIsSentLater) {
  open();
  const std::string block(16 * 1024, 'x');
  while (session_->write(block, false).status == Io::Status::ok) {
  }
  std::string got;
  client_reads();  // OpenSSL holds the rest of a record, so the last block is written again
  while (session_->write(block, false).status == Io::Status::blocked)
    client_reads();
  int full = 1;
  while (full > 0)  // by bytes of no meaning, which the client does not read
    full = static_cast<int>(::send(ours_.get(), block.data(), 1, MSG_NOSIGNAL));
  session_->finish_writing();
  EXPECT_TRUE(session_->has_unsent_end());
  std::array<char, 64 * 1024> drained;
  while (::recv(theirs_.get(), drained.data(), drained.size(), 0) > 0) {
  }
  EXPECT_EQ(read(got).status, Io::Status::blocked);
  EXPECT_FALSE(session_->has_unsent_end());
}

// The buffer may be elsewhere when a record is sent on, and longer.
TEST_F(SessionTest, ALargeResponsePassesPieceByPiece) {
  open();
  std::string whole;
  for (int i = 0; whole.size() < 1'000'000; ++i)
    whole += std::to_string(i) + " ";
  std::string received;
  std::size_t sent = 0;
  while (sent < whole.size()) {
    const std::string copy = whole.substr(sent, 50'000);
    const Io io = session_->write(copy, false);
    ASSERT_TRUE(io.status == Io::Status::ok || io.status == Io::Status::blocked);
    sent += io.bytes;
    if (io.status == Io::Status::blocked) received += client_reads();
  }
  EXPECT_EQ(received + client_reads(), whole);
}

TEST_F(SessionTest, AFileIsSentAndOneThatShrinksFails) {
  const std::string whole(100'000, 'f');
  const std::string path = files_.file("file", 0644, whole);
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  open();
  std::string received;
  std::size_t sent = 0;
  while (sent < whole.size()) {
    const Io io = session_->send_file(file.get(), sent, whole.size() - sent);
    ASSERT_NE(io.status, Io::Status::failed);
    sent += io.bytes;
    if (io.status == Io::Status::blocked) received += client_reads();
  }
  EXPECT_EQ(received + client_reads(), whole);
  ASSERT_EQ(::truncate(path.c_str(), 10), 0);
  EXPECT_EQ(session_->send_file(file.get(), 100, 1000).status, Io::Status::failed);
}

TEST_F(SessionTest, ReadsAreBounded) {
  open();
  for (int i = 0; i < 200; ++i)
    client_writes("x");
  std::string got;
  std::size_t all = 0;
  unsigned reads = 0;
  do {
    EXPECT_EQ(read(got).status, Io::Status::ok);
    EXPECT_LE(got.size(), 64U);
    all += got.size();
    ++reads;
  } while (session_->holds_more() && all < 200);
  EXPECT_EQ(all, 200U);
  EXPECT_EQ(reads, 4U);
}

TEST_F(SessionTest, WhoSpeaksInTheClearIsNotTakenForProtected) {
  connect();
  const std::string_view request = "GET / HTTP/1.1\r\n\r\n";
  ASSERT_EQ(::send(theirs_.get(), request.data(), request.size(), 0),
            static_cast<ssize_t>(request.size()));
  EXPECT_EQ(session_->handshake(), Step::clear);
  EXPECT_EQ(session_->security(), nullptr);
  EXPECT_TRUE(session_->holds_more());
  std::string got;
  EXPECT_EQ(read(got, 5).status, Io::Status::ok);
  EXPECT_EQ(got, "GET /");
  EXPECT_EQ(read(got).status, Io::Status::ok);
  EXPECT_EQ(got, request.substr(5));
  EXPECT_EQ(read(got).status, Io::Status::blocked);
  EXPECT_EQ(session_->write("answer", false).bytes, 6U);
  std::array<char, 16> bytes;
  EXPECT_EQ(::recv(theirs_.get(), bytes.data(), bytes.size(), 0), 6);
}

TEST_F(SessionTest, WhoOnlyLooksHasBegunNothing) {
  connect();
  EXPECT_EQ(session_->handshake(), Step::reads);
  theirs_.reset();
  EXPECT_EQ(session_->handshake(), Step::failed);
  EXPECT_FALSE(session_->has_begun());
}

TEST_F(SessionTest, KeysMayBeRenewedOnTheWay) {
  open(TLS1_3_VERSION);
  std::string got;
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(SSL_key_update(client_.get(), SSL_KEY_UPDATE_REQUESTED), 1);
    client_writes("ping");
    EXPECT_EQ(read(got).status, Io::Status::ok);
    EXPECT_EQ(got, "ping");
    EXPECT_EQ(session_->write("pong", false).bytes, 4U);
    EXPECT_EQ(client_reads(), "pong");
  }
}

TEST_F(SessionTest, WhoOnlyRenewsKeysIsNotReadOn) {
  open(TLS1_3_VERSION);
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(SSL_key_update(client_.get(), SSL_KEY_UPDATE_NOT_REQUESTED), 1);
    ASSERT_EQ(SSL_do_handshake(client_.get()), 1);
  }
  client_writes("late");
  std::string got;
  EXPECT_EQ(read(got).status, Io::Status::failed);
  EXPECT_FALSE(session_->holds_more());
}

TEST_F(SessionTest, NobodyShakesHandsTwice) {
  open(TLS1_2_VERSION);
  SSL_renegotiate(client_.get());
  SSL_do_handshake(client_.get());
  std::string got;
  read(got);
  EXPECT_LT(SSL_do_handshake(client_.get()), 1);
  EXPECT_LE(client_reads().size(), 0U);
  EXPECT_NE(SSL_get_verify_result(client_.get()), -1);
  EXPECT_EQ(SSL_get_secure_renegotiation_support(client_.get()), 1);
}

}  // namespace
}  // namespace cgisrv::tls

#include <string>

#include "session_fixture.h"

namespace cgisrv::tls {
namespace {

// As with another worker, which has the same keys.
TEST_F(SessionTest, ATicketIsGoodWithWhoeverHasTheKeys) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    open(version, "a.example");
    client_reads();
    const Resumption ticket(SSL_get1_session(client_.get()));
    contexts_ = contexts();
    open(version, "a.example", ticket.get());
    EXPECT_TRUE(session_->was_resumed()) << version;
    keys_.rotate();
    open(version, "a.example", ticket.get());
    EXPECT_TRUE(session_->was_resumed()) << version;
    keys_.rotate();
    keys_.rotate();
    open(version, "a.example", ticket.get());
    EXPECT_FALSE(session_->was_resumed()) << version;
    EXPECT_NE(session_->security(), nullptr);
  }
}

// Of the session, OpenSSL would tell the name that it began with.
TEST_F(SessionTest, ASessionIsOfASiteAndNotOfAName) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    open(version, "a.example");
    client_reads();
    const Resumption ticket(SSL_get1_session(client_.get()));
    open(version, "www.a.example", ticket.get());
    EXPECT_TRUE(session_->was_resumed()) << version;
    EXPECT_EQ(session_->security()->server_name, "www.a.example");
    open(version, "b.example", ticket.get());
    EXPECT_FALSE(session_->was_resumed()) << version;
    EXPECT_EQ(session_->security()->server_name, "b.example");
    EXPECT_EQ(shown_name(), "b");
    open(version, nullptr, ticket.get());
    EXPECT_TRUE(session_->was_resumed()) << version;
    EXPECT_EQ(session_->security()->server_name, "");
  }
}

}  // namespace
}  // namespace cgisrv::tls

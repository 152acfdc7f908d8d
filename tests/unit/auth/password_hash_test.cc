#include "auth/password_hash.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "auth/digest.h"

namespace cgisrv::auth {
namespace {

using testing::HasSubstr;

constexpr const char* wonderland[] = {
    // htpasswd -B, -5, -2, -m, -s
    "$2y$05$sqy2KDxeFERJGmD9kFei8e2oer1RniAX60BnQuX62NwuZLiMrhIde",
    "$6$4K7UT819LUQMlP0B$q9GzMm5QzukqY6yld18vuBA2HIUENVRsXLdjHRsydoFtw6HfrtnZHw/"
    "Z4gb7l84Iz2TFdBV0TfD.XGntH9it7.",
    "$5$zc60gm927wsqhHuy$4WETz4cRhoHOuAdtp0p7e3VEAv3vTpre5pgW47agwl0",
    "$apr1$Rs.41u5Q$2anV2O8MkRSbzN2ipcd5r1", "{SHA}tiY7sUhYKUwI5L3866kDY+ENcrQ=",
    // openssl passwd -1, -apr1, -6
    "$1$abc$VG9TWe9gKEahQCIfXs096.", "$apr1$x$X.9vSj/mvzY47RKzWLyCq.",
    "$6$abc$ryU/ptrZekM0GUQRQr/onWiNc1dRRjDYiRpfHW0IHcZC5irNaVYh6ZJ7qRg2kXXyyOkHip6fbLxIVTS5l2gs"
    "//",
    // yescrypt, scrypt, bcrypt by libxcrypt
    "$y$j9T$abcdefghijklmnop$TEjqn/axP6s2k870Y8qmsWKT4abEwlBzgTkuGZBqaR6",
    "$7$CU..../....abcdefghij$VoWtvhuxmDf08HKbVm3G55UF7QYQLjlb2MVoNvyOro.",
    "$2y$04$abcdefghijklmnopqrstuujZkTwHUiJ9XdZPwKfcfDo7dMp5DjlTu"};

TEST(PasswordHash, TakesWhatHtpasswdAndOpensslWrite) {
  for (const std::string hash : wonderland) {
    EXPECT_EQ(check_hash(hash), "") << hash;
    EXPECT_EQ(check_password(Secret("wonderland"), hash), Fit::right) << hash;
    EXPECT_EQ(check_password(Secret("Wonderland"), hash), Fit::wrong) << hash;
    EXPECT_EQ(check_password(Secret(""), hash), Fit::wrong) << hash;
  }
}

TEST(PasswordHash, KnowsPasswordsOfAnyLengthByApr1) {
  EXPECT_EQ(apr1("a much longer password than sixteen bytes", "abcdefgh"),
            "$apr1$abcdefgh$Eqv4oIyMsS.tjfvQCJYY1/");
  EXPECT_EQ(apr1("", "x"), "$apr1$x$tMwYqBfQwi3FYAr0aJc8M/");
}

TEST(PasswordHash, NamesWeakForms) {
  EXPECT_EQ(weak_form(wonderland[0]), "");
  EXPECT_EQ(weak_form(wonderland[3]), "$apr1$");
  EXPECT_EQ(weak_form(wonderland[4]), "{SHA}");
  EXPECT_EQ(weak_form(wonderland[8]), "");
}

TEST(PasswordHash, RefusesPlainTextAndDesWithARemedy) {
  EXPECT_THAT(check_hash("wonderland"), HasSubstr("not hashed"));
  EXPECT_THAT(check_hash("wonderland"), HasSubstr("cgisrv passwd"));
  EXPECT_THAT(check_hash("rqXexS6ZhobKA"), HasSubstr("8 characters"));
  EXPECT_THAT(check_hash("_J9..CCCCXBrJUJV154M"), HasSubstr("8 characters"));
  EXPECT_THAT(check_hash(""), HasSubstr("no hash"));
  EXPECT_THAT(check_hash("{SSHA}abcdefgh"), HasSubstr("{SSHA}"));
  EXPECT_THAT(check_hash("$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA"), HasSubstr("$argon2id$"));
}

TEST(PasswordHash, RefusesWhatIsCutShort) {
  for (std::string hash : wonderland) {
    hash.pop_back();
    EXPECT_THAT(check_hash(hash), HasSubstr("cut short")) << hash;
  }
  EXPECT_THAT(check_hash("$2y$99$sqy2KDxeFERJGmD9kFei8e2oer1RniAX60BnQuX62NwuZLiMrhIde"),
              HasSubstr("broken"));
  EXPECT_THAT(check_hash("$apr1$2anV2O8MkRSbzN2ipcd5r1"), HasSubstr("broken"));
}

TEST(PasswordHash, MakesHashesThatItTakes) {
  const std::string made = make_hash(Secret("open sesame"));
  EXPECT_EQ(check_hash(made), "") << made;
  EXPECT_EQ(weak_form(made), "");
  EXPECT_EQ(check_password(Secret("open sesame"), made), Fit::right);
  EXPECT_NE(make_hash(Secret("open sesame")), made);
}

TEST(PasswordHash, HasOneThatFitsNothing) {
  EXPECT_EQ(check_hash(unfitting_hash()), "");
  EXPECT_EQ(check_password(Secret(""), unfitting_hash()), Fit::wrong);
}

}  // namespace
}  // namespace cgisrv::auth

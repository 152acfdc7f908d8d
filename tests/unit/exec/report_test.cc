#include "exec/report.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

namespace cgisrv::exec {
namespace {

using std::chrono::microseconds;
using testing::HasSubstr;
using testing::Not;

// One program that was started so.
class ReportTest : public testing::Test {
 protected:
  ReportTest() { record.starting({.filename = "/srv/x.cgi"}, cgi::Environment(), account); }
  void over() {}
  ExecResult result() const {
    return {request,         record, response, judge(record, response, microseconds(1)),
            microseconds(1), "me",   ""};
  }
  std::string text() const { return as_text(result(), {}); }
  nlohmann::json program() const { return nlohmann::json::parse(as_json(result()))["programs"][0]; }

  const std::shared_ptr<account::Account> account = std::make_shared<account::Account>();
  const ExecRequest request{.method = "GET", .url = "/", .head = {}, .body = {}};
  const Response response;
  Record record{false, Callback::of<&ReportTest::over>(*this)};
};

TEST_F(ReportTest, ColdStart) {
  account->usage.started = account::StartKind::cold;
  EXPECT_THAT(text(), HasSubstr("  started    cold\n"));
  EXPECT_EQ(program()["start"], "cold");
  EXPECT_TRUE(program()["cold_reason"].is_null());
}

TEST_F(ReportTest, ColdStartWithItsReason) {
  account->usage.started = account::StartKind::cold;
  account->usage.cold_reason = "refused";
  EXPECT_THAT(text(), HasSubstr("  started    cold: refused\n"));
  EXPECT_EQ(program()["start"], "cold");
  EXPECT_EQ(program()["cold_reason"], "refused");
}

TEST_F(ReportTest, WarmStart) {
  account->usage.started = account::StartKind::warm;
  EXPECT_THAT(text(), HasSubstr("  started    warm\n"));
  EXPECT_EQ(program()["start"], "warm");
}

TEST_F(ReportTest, NoStart) {
  EXPECT_THAT(text(), Not(HasSubstr("  started ")));
  EXPECT_THAT(text(), HasSubstr("  ended      never started\n"));
  EXPECT_TRUE(program()["start"].is_null());
}

TEST_F(ReportTest, BytesThatAreNoTextAreBase64) {  // RFC 4648 section 4
  for (const auto& [bytes, written] :
       {std::pair("\xff", "/w=="), {"\xff\xfe", "//4="}, {"\xff\xfe\xfd", "//79"}}) {
    ExecResult odd = result();
    odd.user = bytes;
    const auto json = nlohmann::json::parse(as_json(odd));
    EXPECT_EQ(json["user_base64"], written);
    EXPECT_FALSE(json.contains("user"));
  }
  EXPECT_EQ(nlohmann::json::parse(as_json(result()))["user"], "me");
}

}  // namespace
}  // namespace cgisrv::exec

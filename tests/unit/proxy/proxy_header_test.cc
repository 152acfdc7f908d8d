#include "proxy/proxy_header.h"

#include <gmock/gmock.h>

#include <string>

namespace cgisrv::proxy {
namespace {

using namespace std::string_literals;
using testing::HasSubstr;
using State = ProxyHeader::State;

const std::string signature = "\r\n\r\n\0\r\nQUIT\n"s;

// A header of version 2.
std::string binary(unsigned version_command, unsigned family, const std::string& rest,
                   std::size_t length = std::string::npos) {
  if (length == std::string::npos) length = rest.size();
  std::string made = signature;
  for (const std::size_t byte :
       {std::size_t{version_command}, std::size_t{family}, length >> 8, length & 255})
    made.push_back(static_cast<char>(byte));
  return made + rest;
}
const std::string v4_ends = "\xc0\0\2\1\xc0\0\2\2\x12\x67\0\x50"s;
const std::string v6_ends = "\x20\1\x0d\xb8"s + std::string(11, '\0') + "\1" + "\x20\1\x0d\xb8"s +
                            std::string(11, '\0') + "\2" + "\x12\x67\0\x50"s;

std::string text(const ProxyHeader& header) {
  if (!header.ends) return "none";
  return header.ends->client.ip.text() + " " + std::to_string(header.ends->client.port) + " " +
         header.ends->server.ip.text() + " " + std::to_string(header.ends->server.port);
}

struct Good {
  std::string bytes;
  const char* ends;
  bool is_of_proxy = false;
};
const Good good[] = {
    {"PROXY TCP4 192.0.2.1 192.0.2.2 4711 80\r\n", "192.0.2.1 4711 192.0.2.2 80"},
    {"PROXY TCP6 2001:db8::1 2001:db8::2 4711 80\r\n", "2001:db8::1 4711 2001:db8::2 80"},
    {"PROXY TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.2 0 65535\r\n", "192.0.2.1 0 192.0.2.2 65535"},
    {"PROXY UNKNOWN\r\n", "none"},
    {"PROXY UNKNOWN ffff::1 what ever\r\n", "none"},
    {binary(0x21, 0x11, v4_ends), "192.0.2.1 4711 192.0.2.2 80"},
    {binary(0x21, 0x21, v6_ends), "2001:db8::1 4711 2001:db8::2 80"},
    {binary(0x21, 0x11, v4_ends + "\3\0\4abcd"s), "192.0.2.1 4711 192.0.2.2 80"},
    {binary(0x21, 0x11, v4_ends + "\xff\xff"), "192.0.2.1 4711 192.0.2.2 80"},
    {binary(0x20, 0x00, ""), "none", true},
    {binary(0x20, 0x11, v4_ends), "none", true},
    {binary(0x20, 0x11, ""), "none", true},
    {binary(0x21, 0x00, ""), "none"},
    {binary(0x21, 0x31, std::string(216, '\0')), "none"},
    {binary(0x21, 0x12, v4_ends), "none"},
    {binary(0x21, 0x11, v4_ends + std::string(header_bytes_max - fixed_bytes - 12, 'x')),
     "192.0.2.1 4711 192.0.2.2 80"},
};

TEST(ProxyHeaders, WholeOnesAndWhatFollows) {
  for (const auto& [bytes, ends, is_of_proxy] : good)
    for (const auto& after : {""s, "GET / HTTP/1.1\r\n"s, "\0"s, "PROXY TCP4 "s}) {
      const auto header = parse_proxy_header(bytes + after);
      ASSERT_EQ(header.state, State::complete) << bytes << header.problem;
      EXPECT_EQ(header.bytes, bytes.size());
      EXPECT_EQ(text(header), ends) << bytes;
      EXPECT_EQ(header.is_of_proxy, is_of_proxy) << bytes;
    }
}

TEST(ProxyHeaders, ByteByByte) {
  for (const Good& each : good)
    for (std::size_t size = 0; size < each.bytes.size(); ++size) {
      const auto header = parse_proxy_header(std::string_view(each.bytes).substr(0, size));
      ASSERT_EQ(header.state, State::incomplete) << each.bytes << " " << size << header.problem;
      EXPECT_GT(header.bytes, size);
      EXPECT_LE(header.bytes, std::max(each.bytes.size(), fixed_bytes))
          << "never beyond the header";
    }
}

TEST(ProxyHeaders, Malformed) {
  const std::pair<std::string, const char*> bad[] = {
      {"GET / HTTP/1.1\r\n", "does not begin"},
      {"P", nullptr},
      {"PX", "does not begin"},
      {"proxy TCP4 ", "does not begin"},
      {"\r\n\r\nG", "does not begin"},
      {"\x16\3\1", "does not begin"},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 4711 80\n", "CR and LF"},
      {"PROXY\r\n", "does not begin"},
      {"PROXY \r\n", "its family"},
      {"PROXY TCP5 192.0.2.1 192.0.2.2 4711 80\r\n", "its family"},
      {"PROXY tcp4 192.0.2.1 192.0.2.2 4711 80\r\n", "its family"},
      {"PROXY TCP4\r\n", "two addresses"},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 4711\r\n", "two addresses"},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 4711 80 \r\n", "two addresses"},
      {"PROXY TCP4  192.0.2.1 192.0.2.2 4711 80\r\n", "two addresses"},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 4711 65536\r\n", "two addresses"},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 04711 80\r\n", "two addresses"},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 -1 80\r\n", "two addresses"},
      {"PROXY TCP4 192.0.2.256 192.0.2.2 4711 80\r\n", "two addresses"},
      {"PROXY TCP4 ::1 ::1 4711 80\r\n", "two addresses"},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 4711 80\0\r\n"s, "two addresses"},
      {"PROXY UNKNOWN " + std::string(line_bytes_max, 'x'), "107 bytes"},
      {binary(0x11, 0x11, v4_ends), "version"},
      {binary(0x01, 0x11, v4_ends), "version"},
      {binary(0x22, 0x11, v4_ends), "command"},
      {binary(0x21, 0x11, v4_ends.substr(1)), "too short"},
      {binary(0x21, 0x21, v4_ends), "too short"},
      {binary(0x21, 0x11, "", header_bytes_max), "4096"},
      {binary(0x21, 0x11, "", 65535), "4096"},
  };
  for (const auto& [bytes, problem] : bad) {
    const auto header = parse_proxy_header(bytes);
    if (problem == nullptr) continue;
    ASSERT_EQ(header.state, State::malformed) << bytes;
    EXPECT_THAT(std::string(header.problem), HasSubstr(problem)) << bytes;
  }
}

// The protocol's longest line of version 1 fits.
TEST(ProxyHeaders, TheLongestLine) {
  const std::string longest =
      "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
  ASSERT_EQ(longest.size(), line_bytes_max);
  EXPECT_EQ(parse_proxy_header(longest).state, State::complete);
}

}  // namespace
}  // namespace cgisrv::proxy

// In place of the rest of this room, where there is no OpenSSL: a static build. No configuration
// with tls is accepted, so most of this is never called.
#include "tls/authorities.h"
#include "tls/certificate.h"
#include "tls/contexts.h"

namespace cgisrv::tls {

struct SocketEnd {};
struct Certificate::Parts {};
struct Authorities::Parts {};
struct Contexts::Parts {};

namespace {
constexpr auto refusal = "this cgisrv was built without TLS; put a proxy with TLS in front";
}

Result<Certificate> Certificate::load(const std::string&, const std::string&) {
  return fail("{}", refusal);
}
Certificate::Certificate(Certificate&& other) noexcept = default;
Certificate& Certificate::operator=(Certificate&& other) noexcept = default;
Certificate::~Certificate() = default;
std::string_view Certificate::kind() const {
  return {};
}
std::chrono::sys_seconds Certificate::not_before() const {
  return {};
}
std::chrono::sys_seconds Certificate::not_after() const {
  return {};
}
bool Certificate::covers(std::string_view) const {
  return false;
}
std::string Certificate::fingerprint() const {
  return {};
}
Result<void> make_certificate(const SelfMade&, const std::vector<std::string>&) {
  return fail("{}", refusal);
}

Result<Authorities> Authorities::load(const std::string&) {
  return fail("{}", refusal);
}
Authorities::Authorities(Authorities&& other) noexcept = default;
Authorities& Authorities::operator=(Authorities&& other) noexcept = default;
Authorities::~Authorities() = default;
std::chrono::sys_seconds Authorities::not_after() const {
  return {};
}

Result<std::unique_ptr<Contexts>> Contexts::make(const std::vector<Site>&, const TicketKeys&) {
  return fail("{}", refusal);
}
Contexts::~Contexts() = default;
void Contexts::choose_by(Choose) {}
std::unique_ptr<Session> Contexts::accept(int, bool) const {
  return nullptr;
}

Session::~Session() = default;
Session::Step Session::handshake() {
  return Step::failed;
}
bool Session::has_begun() const {
  return false;
}
bool Session::was_resumed() const {
  return false;
}
net::Io Session::read(std::span<char>) {
  return {net::Io::Status::failed, 0};
}
net::Io Session::write(std::string_view, bool) {
  return {net::Io::Status::failed, 0};
}
net::Io Session::send_file(int, std::uint64_t, std::uint64_t) {
  return {net::Io::Status::failed, 0};
}
void Session::finish_writing() {}
void Session::close(bool) {}

}  // namespace cgisrv::tls

// What a client sends before anybody is sure of it: to TLS, in pieces. Until its handshake is done
// nothing is protected, and what is no TLS passes as it came. It cannot get further than its first
// messages here, for it knows no key.
#include <cgisrv/fd.h>
#include <sys/socket.h>

#include <array>
#include <cstdlib>
#include <filesystem>

#include "base/text.h"
#include "fuzz.h"
#include "tls/contexts.h"

namespace cgisrv::fuzz {
namespace {

using Step = tls::Session::Step;

tls::Certificate made_certificate() {
  std::string folder = std::filesystem::temp_directory_path() / "cgisrv-fuzz-XXXXXX";
  CGISRV_CHECK(::mkdtemp(folder.data()) != nullptr);
  const tls::SelfMade files{folder + "/c.pem", folder + "/k.pem"};
  CGISRV_CHECK(tls::make_certificate(files, {"localhost"}).has_value());
  auto loaded = tls::Certificate::load(files.certificate, files.key);
  CGISRV_CHECK(loaded.has_value());
  std::filesystem::remove_all(folder);
  return std::move(*loaded);
}

// Of two sites; what the hello names decides.
std::unique_ptr<tls::Contexts> made_contexts() {
  static tls::TicketKeys keys;
  keys.rotate();
  std::vector<tls::Contexts::Site> sites(2);
  for (auto& site : sites)
    site.certificates.push_back(made_certificate());
  auto made = tls::Contexts::make(sites, keys);
  CGISRV_CHECK(made.has_value());
  (*made)->choose_by([](std::string_view host) {
    CGISRV_CHECK(!host.empty() && host.size() <= 0xffff);
    for (const char c : host)
      CGISRV_CHECK(text::is_alpha(c) || text::is_digit(c) || c == '-' || c == '.' || c == '_');
    return host.starts_with('a') ? 0U : 1U;
  });
  return std::move(*made);
}

// All of it, and nothing else.
void read_in_the_clear(tls::Session& session, std::string_view sent) {
  std::array<char, 100> bytes;
  std::string got;
  for (auto io = session.read(bytes); io.status == net::Io::Status::ok; io = session.read(bytes))
    got.append(bytes.data(), io.bytes);
  CGISRV_CHECK(got == sent);
  CGISRV_CHECK(session.security() == nullptr);
}

}  // namespace

CGISRV_FUZZ_TARGET(tls) {
  static const std::unique_ptr<tls::Contexts> contexts = made_contexts();
  if (input.size() > 64 * 1024) return;  // it has to fit into the socket
  std::array<int, 2> ends{};
  CGISRV_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) ==
               0);
  const Fd ours(ends[0]);
  Fd theirs(ends[1]);
  const auto session = contexts->accept(ours.get());
  CGISRV_CHECK(session != nullptr && !session->has_begun());
  Step step = Step::reads;
  std::size_t sent = 0;
  for (Pieces pieces(input); !pieces.empty() && step == Step::reads;) {
    const std::string_view piece = pieces.next();
    CGISRV_CHECK(::send(theirs.get(), piece.data(), piece.size(), MSG_NOSIGNAL) ==
                 static_cast<ssize_t>(piece.size()));
    sent += piece.size();
    step = session->handshake();
    CGISRV_CHECK(session->security() == nullptr);
  }
  CGISRV_CHECK(step != Step::done && step != Step::writes);
  if (step == Step::failed) CGISRV_CHECK(!session->problem().empty() && session->has_begun());
  if (step == Step::clear) return read_in_the_clear(*session, input.substr(0, sent));
  if (step == Step::failed) return;
  theirs.reset();
  CGISRV_CHECK(session->handshake() == Step::failed);
  CGISRV_CHECK(session->has_begun() == !input.empty());
}

}  // namespace cgisrv::fuzz

#include "net/lookup.h"

#include <cgisrv/fd.h>
#include <fcntl.h>
#include <netdb.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>

#include "base/text.h"
#include "net/address.h"
#include "process/child.h"

namespace cgisrv::net {

namespace {

constexpr std::string_view failed = "!";  // begins the line that says why
constexpr std::size_t answer_bytes_max = 1 << 20;

// A line for each address, or one that says why there is none; then an empty line.
std::string ask(const HostPort& wanted) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int error = ::getaddrinfo(wanted.host.c_str(), nullptr, &hints, &list);
  if (error != 0)
    return fmt::format("{}{}\n\n", failed,
                       error == EAI_SYSTEM ? errno_text(errno) : ::gai_strerror(error));
  std::string answer;
  std::size_t count = 0;
  for (const addrinfo* each = list; each != nullptr && count < addresses_max;
       each = each->ai_next) {
    if (each->ai_family != AF_INET && each->ai_family != AF_INET6) continue;
    sockaddr_storage storage{};
    std::copy_n(reinterpret_cast<const char*>(each->ai_addr), each->ai_addrlen,
                reinterpret_cast<char*>(&storage));
    const std::string host = Address::from_kernel(storage, each->ai_addrlen).host();
    answer += fmt::format("{}{}{}:{}\n", host.contains(':') ? "[" : "", host,
                          host.contains(':') ? "]" : "", wanted.port);
    ++count;
  }
  return answer + '\n';  // the list is not freed: the process ends
}

// It keeps nothing of its parent's but the pipe, and ends with it.
[[noreturn]] void become(const std::vector<HostPort>& wanted, int pipe,
                         const process::Privileges& privileges) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_NAME, "cgisrv-lookup");
  constexpr int kept = STDERR_FILENO + 1;
  if (::dup2(pipe, kept) != kept || ::close_range(kept + 1, ~0U, 0) != 0) ::_exit(1);
  if (!process::drop_privileges(privileges)) ::_exit(1);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a change of user has cleared it
  for (const HostPort& each : wanted) {
    const std::string answer = ask(each);  // one piece: less than PIPE_BUF
    if (::write(kept, answer.data(), answer.size()) < 0) ::_exit(1);
  }
  ::_exit(0);
}

// The child reads what is foreign: its word is, too.
bool is_address_of(const HostPort& wanted, std::string_view line) {
  const auto address = parse_address(line);
  return address && !address->is_unix() && address->port() == wanted.port;
}

// Takes the lines of one name from `answer`.
Addresses take_addresses(const HostPort& wanted, std::string_view& answer) {
  std::vector<std::string> addresses;
  std::string why;
  while (!answer.empty()) {
    const std::string_view line = text::take_until(answer, '\n');
    if (line.empty()) break;
    if (line.starts_with(failed)) why = text::printable(line.substr(1), 200);
    if (addresses.size() < addresses_max && is_address_of(wanted, line))
      addresses.emplace_back(line);
  }
  if (!addresses.empty()) return addresses;
  return fail("{}", why.empty() ? "it has no address" : why);
}

}  // namespace

std::optional<HostPort> parse_host_port(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == text.npos || colon == 0) return std::nullopt;
  const std::string_view host = text.substr(0, colon);
  const std::string_view last = host.substr(host.rfind('.') + 1);
  const auto fits = [](char c) {
    return text::is_alpha(c) || text::is_digit(c) || c == '-' || c == '_' || c == '.';
  };
  if (host.size() > 253 || host.starts_with('.') || host.contains("..") ||
      !std::ranges::all_of(host, fits) || std::ranges::none_of(last, text::is_alpha))
    return std::nullopt;
  const auto port = text::parse_number<std::uint16_t>(text.substr(colon + 1));
  if (!port || *port == 0) return std::nullopt;
  return HostPort{std::string(host), *port};
}

Result<Lookup> Lookup::begin(std::vector<HostPort> wanted, const process::Privileges& privileges) {
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno(errno, "no pipe");
  Fd mine(ends[0]);
  const Fd theirs(ends[1]);
  ::fcntl(mine.get(), F_SETFL, O_NONBLOCK);
  const pid_t child = ::fork();
  if (child == 0) become(wanted, theirs.get(), privileges);
  if (child < 0) return fail_errno(errno, "no process to ask");
  Fd held = process::hold(child);
  if (!held) return fail_errno(errno, "no hold of the process to ask");
  return Lookup(std::move(wanted), std::move(mine), std::move(held));
}

bool Lookup::read() {
  std::array<char, 4096> buffer;
  while (!is_whole_) {
    const ssize_t size = ::read(pipe_.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) return false;
    const bool is_too_much = answer_.size() > answer_bytes_max;
    is_whole_ = size <= 0 || is_too_much;
    if (!is_whole_) answer_.append(buffer.data(), static_cast<std::size_t>(size));
  }
  return true;
}

std::vector<Addresses> Lookup::end() {
  if (!pipe_) return {};
  process::kill_and_reap(child_.get());
  child_.reset();
  read();
  pipe_.reset();
  std::vector<Addresses> found;
  found.reserve(wanted_.size());
  std::string_view answer = answer_;
  for (const HostPort& each : wanted_)
    found.push_back(!answer.contains("\n\n") && !answer.starts_with('\n')
                        ? Addresses(fail("there was no answer in time"))
                        : take_addresses(each, answer));
  return found;
}

}  // namespace cgisrv::net

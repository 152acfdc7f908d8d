#include "net/lookup.h"

#include <cgisrv/fd.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>

#include "base/text.h"
#include "net/address.h"

namespace cgisrv::net {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::string_view failed = "!";  // begins the line that says why

// The child's answer: a line for each address, or why there is none.
std::string ask(const HostPort& wanted) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int error = ::getaddrinfo(wanted.host.c_str(), nullptr, &hints, &list);
  if (error != 0)
    return fmt::format("{}{}\n", failed,
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
  return answer;  // not freed: the process ends
}

// It keeps nothing of its parent's but the pipe, and ends with it.
[[noreturn]] void become(const HostPort& wanted, int pipe, const process::Privileges& privileges) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_NAME, "cgisrv-lookup");
  constexpr int kept = STDERR_FILENO + 1;
  if (::dup2(pipe, kept) != kept || ::close_range(kept + 1, ~0U, 0) != 0) ::_exit(1);
  if (!process::drop_privileges(privileges)) ::_exit(1);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a change of user has cleared it
  const std::string answer = ask(wanted);
  ::_exit(::write(kept, answer.data(), answer.size()) < 0 ? 1
                                                          : 0);  // one piece: less than PIPE_BUF
}

// Empty: the child has ended without an answer. Nothing: it has taken too long.
std::optional<std::string> read_within(int pipe, milliseconds time) {
  const auto end = steady_clock::now() + time;
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(end - steady_clock::now());
    pollfd waiting{pipe, POLLIN, 0};
    const int ready =
        ::poll(&waiting, 1, static_cast<int>(std::max(left, milliseconds(0)).count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) return std::nullopt;
    std::array<char, 4096> buffer;
    const ssize_t size = ::read(pipe, buffer.data(), buffer.size());
    return size > 0 ? std::string(buffer.data(), static_cast<std::size_t>(size)) : std::string();
  }
}

Result<std::vector<std::string>> addresses_in(std::string_view answer) {
  std::vector<std::string> addresses;
  while (!answer.empty()) {
    const std::string_view line = text::take_until(answer, '\n');
    if (line.starts_with(failed)) return fail("{}", text::printable(line.substr(1), 200));
    if (addresses.size() < addresses_max && parse_address(line)) addresses.emplace_back(line);
  }
  if (addresses.empty()) return fail("it has no address");
  return addresses;
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

Result<std::vector<std::string>> look_up(const HostPort& wanted, milliseconds time,
                                         const process::Privileges& privileges) {
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno(errno, "no pipe");
  const Fd mine(ends[0]);
  Fd theirs(ends[1]);
  const pid_t child = ::fork();
  if (child == 0) become(wanted, theirs.get(), privileges);
  if (child < 0) return fail_errno(errno, "no process to ask");
  theirs.reset();
  const auto answer = read_within(mine.get(), time);
  ::kill(child, SIGKILL);  // it is not reaped yet
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (!answer)
    return fail_as(ETIMEDOUT, "no answer within {} s",
                   std::chrono::ceil<std::chrono::seconds>(time).count());
  if (answer->empty()) return fail("the lookup broke off");
  return addresses_in(*answer);
}

}  // namespace cgisrv::net

#include "net/holder.h"

#include <netinet/in.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include "base/text.h"
#include "process/kin.h"

namespace cgisrv::net {

namespace {

// proc_pid_net(5), tcp and tcp6: "0: 0100007F:1F90 00000000:0000 0A ..."
struct TcpRow {
  bool listens = false;
  Address address;
  std::uint64_t socket = 0;
};

TcpRow read_tcp_row(const std::string& line) {
  constexpr unsigned listening = 0x0a;
  char hex[33]{};
  unsigned port = 0;
  unsigned state = 0;
  TcpRow row;
  if (std::sscanf(line.c_str(), "%*s %32[0-9A-F]:%x %*s %x %*s %*s %*s %*s %*s %" SCNu64, hex,
                  &port, &state, &row.socket) != 4)
    return row;
  row.listens = state == listening;
  std::uint32_t words[4]{};  // as they lie in memory
  const bool is_v6 = std::sscanf(hex, "%8" SCNx32 "%8" SCNx32 "%8" SCNx32 "%8" SCNx32, &words[0],
                                 &words[1], &words[2], &words[3]) == 4;
  sockaddr_storage storage{};
  auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
  storage.ss_family = is_v6 ? AF_INET6 : AF_INET;
  if (is_v6)
    std::memcpy(&v6.sin6_addr, words, sizeof v6.sin6_addr);
  else
    std::memcpy(&v4.sin_addr, words, sizeof v4.sin_addr);
  v4.sin_port = htons(static_cast<std::uint16_t>(port));  // at the same place in both
  row.address = Address::from_kernel(storage, is_v6 ? sizeof v6 : sizeof v4);
  return row;
}

std::uint64_t tcp_socket(const char* table, const Address& wanted) {
  std::ifstream rows(table);
  std::string line;
  std::getline(rows, line);  // the heading
  while (std::getline(rows, line)) {
    const TcpRow row = read_tcp_row(line);
    if (!row.listens) break;  // listening sockets come first, then up to a million connections
    if (overlap(row.address, wanted)) return row.socket;
  }
  return 0;
}

std::uint64_t unix_socket(const std::string& path) {
  constexpr unsigned listening = 0x10000;  // connections have the path, too
  std::ifstream rows("/proc/net/unix");
  for (std::string line; std::getline(rows, line);) {
    unsigned flags = 0;
    std::uint64_t socket = 0;
    int path_begins = 0;
    if (std::sscanf(line.c_str(), "%*s %*s %*s %x %*s %*s %" SCNu64 " %n", &flags, &socket,
                    &path_begins) == 2 &&
        (flags & listening) != 0 && line.substr(static_cast<std::size_t>(path_begins)) == path)
      return socket;
  }
  return 0;
}

// What is in a folder of /proc that may go at any time.
std::vector<std::filesystem::path> entries(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> found;
  std::error_code error;
  std::filesystem::directory_iterator each(folder, error);
  for (; !error && each != std::filesystem::directory_iterator(); each.increment(error))
    found.push_back(each->path());
  return found;
}

bool has_open(const std::filesystem::path& process, const std::string& link) {
  std::error_code gone;
  return std::ranges::any_of(entries(process / "fd"), [&](const std::filesystem::path& descriptor) {
    return std::filesystem::read_symlink(descriptor, gone) == link;
  });
}

}  // namespace

std::uint64_t listening_socket(const Address& address) {
  if (address.family() == AF_UNIX) return unix_socket(address.host());
  // That of its own family first: a socket of IPv6 may have IPv4 besides, which /proc does not say.
  const char* tables[] = {"/proc/net/tcp", "/proc/net/tcp6"};
  if (address.family() == AF_INET6) std::swap(tables[0], tables[1]);
  const std::uint64_t found = tcp_socket(tables[0], address);
  return found != 0 ? found : tcp_socket(tables[1], address);
}

Holder holder_of(const Address& address) {
  const std::uint64_t socket = listening_socket(address);
  if (socket == 0) return {};
  const std::string link = fmt::format("socket:[{}]", socket);
  std::vector<pid_t> holders;
  for (const auto& process : entries("/proc"))
    if (const auto pid = text::parse_number<pid_t>(process.filename().string());
        pid && has_open(process, link))
      holders.push_back(*pid);
  const auto is_first = [&](pid_t pid) {
    return std::ranges::find(holders, process::parent_of(pid)) == holders.end();
  };
  const auto first = std::ranges::find_if(holders, is_first);
  if (first == holders.end()) return {};
  Holder holder{.pid = *first, .name = {}};
  std::ifstream name(fmt::format("/proc/{}/comm", holder.pid));
  std::getline(name, holder.name);
  return holder;
}

std::string in_use(const Address& address, const Holder& holder) {
  return fmt::format(
      "address {} is in use{}; choose another, or end what listens there", address.text(),
      holder.pid == 0 ? std::string()
                      : fmt::format(" by {} (pid {})", text::escape(holder.name), holder.pid));
}

}  // namespace cgisrv::net

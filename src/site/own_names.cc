#include "site/own_names.h"

#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "base/text.h"
#include "http/host.h"
#include "site/router.h"

namespace cgisrv::site {

namespace {

constexpr std::size_t hosts_bytes_max = 64 * 1024;  // block lists of advertisers may be long

// The words of the next line of `rest`, without a comment.
std::vector<std::string> take_words(std::string_view& rest) {
  auto line = text::take_until(rest, '\n');
  line = line.substr(0, line.find('#'));
  std::vector<std::string> words(1);
  for (const char c : line) {
    if (c != ' ' && c != '\t' && c != '\r')
      words.back().push_back(text::lower(c));
    else if (!words.back().empty())
      words.emplace_back();
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

bool is_loopback_address(std::string_view address) {
  return address == "::1" || (address.starts_with("127.") && http::is_address_literal(address));
}

std::string beginning_of(const char* file) {
  std::ifstream stream(file, std::ios::binary);
  std::string text(hosts_bytes_max, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  return text;
}

}  // namespace

std::vector<std::string> own_names(std::string_view hostname, std::string_view hosts_file,
                                   std::string_view resolver_file) {
  const std::string name = http::canonical_host(hostname);
  const std::string alone = name.substr(0, name.find('.'));
  std::vector<std::string> names;
  if (!alone.empty()) names = {name, alone, alone + ".local"};
  while (!hosts_file.empty()) {
    const auto words = take_words(hosts_file);
    const bool is_ours =
        !words.empty() && (is_loopback_address(words[0]) || std::ranges::count(words, name) > 0 ||
                           std::ranges::count(words, alone) > 0);
    if (is_ours) names.insert(names.end(), words.begin() + 1, words.end());
  }
  while (!resolver_file.empty()) {
    const auto words = take_words(resolver_file);
    if (alone.empty() || words.empty() || (words[0] != "search" && words[0] != "domain")) continue;
    for (auto domain = words.begin() + 1; domain != words.end(); ++domain)
      names.push_back(http::canonical_host(alone + "." + *domain));
  }
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  return names;
}

std::vector<std::string> own_names() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  ::gethostname(name.data(), name.size() - 1);
  return own_names(name.data(), beginning_of("/etc/hosts"), beginning_of("/etc/resolv.conf"));
}

bool means_this_machine(const std::vector<std::string>& own, std::string_view host) {
  const std::string name = http::canonical_host(host);
  return name == "localhost" || name.ends_with(".localhost") || name == "[::1]" ||
         is_loopback_address(name) || std::ranges::binary_search(own, name);
}

bool is_safe_host(const std::vector<std::string>& own, const std::vector<std::string>& allowed,
                  std::string_view host) {
  const std::string name = http::canonical_host(host);
  return !name.contains('.') || http::is_address_literal(name) || means_this_machine(own, name) ||
         std::ranges::any_of(allowed, [&](const std::string& each) {
           return each == "*" || host_matches(each, name);
         });
}

}  // namespace cgisrv::site

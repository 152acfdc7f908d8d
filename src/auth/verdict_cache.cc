#include "auth/verdict_cache.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <cstring>
#include <string>

#include "base/check.h"

namespace cgisrv::auth {

std::size_t VerdictCache::FirstBytes::operator()(const Digest& key) const {
  std::size_t value = 0;
  std::memcpy(&value, key.data(), sizeof value);
  return value;
}

namespace {

// By a key that nobody has but the one that is made.
KeyedDigest random_digest() {
  std::array<std::uint8_t, 32> secret{};
  CGISRV_CHECK(::getrandom(secret.data(), secret.size(), 0) == static_cast<ssize_t>(secret.size()));
  KeyedDigest made(secret);
  ::explicit_bzero(secret.data(), secret.size());
  return made;
}

}  // namespace

VerdictCache::VerdictCache(Clock::duration lifetime, std::size_t entries_max)
    : lifetime_(lifetime), entries_max_(entries_max), keyed_digest_(random_digest()) {}

VerdictCache::~VerdictCache() {
  while (!entries_.empty())
    forget(entries_.begin());
}

// A user's name holds no NUL, so that no two pairs make one text.
Digest VerdictCache::key_of(std::uint32_t rule, std::uint64_t client, std::string_view user,
                            std::string_view password) const {
  std::string text = fmt::format("{} {}", rule, client);
  text.reserve(text.size() + 2 + user.size() + password.size());
  text.append("\0", 1).append(user).append("\0", 1).append(password);
  const Digest key = keyed_digest_.of(text);
  ::explicit_bzero(text.data(), text.size());
  return key;
}

std::optional<Verdict> VerdictCache::find(const Digest& key, const Basis& now_on_disk,
                                          TimePoint now) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return std::nullopt;
  const auto entry = found->second;
  if (entry->until <= now || entry->basis != now_on_disk) {
    forget(entry);
    return std::nullopt;
  }
  entries_.splice(entries_.begin(), entries_, entry);
  return entry->verdict;
}

void VerdictCache::keep(const Digest& key, Verdict verdict, const Basis& basis, TimePoint now) {
  if (lifetime_ == Clock::duration::zero()) return;
  if (const auto known = by_key_.find(key); known != by_key_.end()) forget(known->second);
  if (entries_.size() >= entries_max_) forget(std::prev(entries_.end()));
  entries_.push_front({key, verdict, basis, now + lifetime_});
  by_key_.emplace(key, entries_.begin());
}

void VerdictCache::forget(Entries::iterator entry) {
  by_key_.erase(entry->key);
  ::explicit_bzero(entry->key.data(), entry->key.size());
  entries_.erase(entry);
}

}  // namespace cgisrv::auth

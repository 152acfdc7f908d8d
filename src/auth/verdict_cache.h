// The pairs of user and password that a process knows to be right, without knowing them: it keeps a
// keyed hash of each, whose key is its own and random. Bounded; the least recently used goes first.
#pragma once

#include <cgisrv/loop.h>

#include <cstdint>
#include <list>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "auth/digest.h"
#include "auth/text_file.h"
#include "auth/verdict.h"

namespace cgisrv::auth {

class VerdictCache {
 public:
  // `lifetime` 0: nothing is kept.
  explicit VerdictCache(Clock::duration lifetime, std::size_t entries_max = 1024);
  ~VerdictCache();

  // `rule`: its number. `client`: net::Address::client(); what one has proved lets no other guess.
  Digest key_of(std::uint32_t rule, std::uint64_t client, std::string_view user,
                std::string_view password) const;

  // The files that a verdict rests on, as they were before it was asked for.
  struct Basis {
    FileState passwords, groups;
    bool operator==(const Basis&) const = default;
  };
  // Nothing, too, if it rests on files that have changed since.
  std::optional<Verdict> find(const Digest& key, const Basis& now_on_disk, TimePoint now);
  void keep(const Digest& key, Verdict verdict, const Basis& basis, TimePoint now);
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Digest key;
    Verdict verdict;
    Basis basis;
    TimePoint until;
  };
  using Entries = std::list<Entry>;
  // The key's bytes are as good as random already.
  struct FirstBytes {
    std::size_t operator()(const Digest& key) const;
  };

  void forget(Entries::iterator entry);

  const Clock::duration lifetime_;
  const std::size_t entries_max_;
  const KeyedDigest keyed_digest_;
  Entries entries_;  // the most recently used first
  std::unordered_map<Digest, Entries::iterator, FirstBytes> by_key_;
};

}  // namespace cgisrv::auth

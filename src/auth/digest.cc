#include "auth/digest.h"

#ifndef CGISRV_WITHOUT_PASSWORDS
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#endif

#include <sys/random.h>

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace cgisrv::auth {

#ifdef CGISRV_WITHOUT_PASSWORDS

// No configuration that comes to need these is accepted: see check_hash().
std::optional<std::string> apr1(std::string_view, std::string_view) {
  return std::nullopt;
}
std::optional<std::string> sha1(std::string_view) {
  return std::nullopt;
}
struct KeyedDigest::Context {};
KeyedDigest::KeyedDigest(std::span<const std::uint8_t>) {}
KeyedDigest::KeyedDigest(KeyedDigest&&) noexcept = default;
KeyedDigest::~KeyedDigest() = default;
Digest KeyedDigest::of(std::string_view) const {
  return {};
}
bool is_same(std::string_view a, std::string_view b) {
  return a == b;
}

#else

namespace {

constexpr std::size_t md5_bytes = 16;
constexpr std::size_t sha1_bytes = 20;
constexpr std::string_view apr1_magic = "$apr1$";
constexpr std::string_view crypt_digits =
    "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

// MD5 over pieces. Once a call has failed, the result is worthless.
class Md5 {
 public:
  Md5() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {}

  void begin() {
    good_ = good_ && context_ && EVP_DigestInit_ex(context_.get(), EVP_md5(), nullptr);
  }
  void add(std::string_view piece) {
    good_ = good_ && EVP_DigestUpdate(context_.get(), piece.data(), piece.size());
  }
  std::string_view end() {
    good_ = good_ && EVP_DigestFinal_ex(context_.get(), bytes_.data(), nullptr);
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }
  bool good() const { return good_; }
  ~Md5() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }
  Md5(const Md5&) = delete;
  Md5& operator=(const Md5&) = delete;

 private:
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context_;
  std::array<unsigned char, md5_bytes> bytes_{};
  bool good_ = true;
};

using Md5Bytes = std::array<char, md5_bytes>;

Md5Bytes kept(std::string_view digest) {
  Md5Bytes bytes{};
  std::ranges::copy(digest, bytes.begin());
  return bytes;
}

std::string_view view_of(const Md5Bytes& bytes) {
  return {bytes.data(), bytes.size()};
}

// The digest that the thousand rounds begin with.
Md5Bytes first_digest(Md5& md5, std::string_view password, std::string_view salt) {
  md5.begin();
  for (const std::string_view piece : {password, salt, password})
    md5.add(piece);
  const Md5Bytes filler = kept(md5.end());
  md5.begin();
  for (const std::string_view piece : {password, apr1_magic, salt})
    md5.add(piece);
  for (std::size_t left = password.size(); left > 0; left -= std::min(left, md5_bytes))
    md5.add(view_of(filler).substr(0, left));
  constexpr std::string_view zero("\0", 1);
  for (std::size_t bits = password.size(); bits != 0; bits >>= 1)
    md5.add((bits & 1) != 0 ? zero : password.substr(0, 1));
  return kept(md5.end());
}

void append_digits(std::string& out, unsigned value, int count) {
  for (; count > 0; --count, value >>= 6)
    out.push_back(crypt_digits[value & 0x3f]);
}

std::string encoded(const Md5Bytes& bytes) {
  std::string out;
  const auto at = [&](std::size_t i) {
    return static_cast<unsigned>(static_cast<unsigned char>(bytes[i]));
  };
  for (std::size_t i = 0; i < 5; ++i)
    append_digits(out, at(i) << 16 | at(i + 6) << 8 | at(i == 4 ? 5 : i + 12), 4);
  append_digits(out, at(11), 2);
  return out;
}

}  // namespace

std::optional<std::string> apr1(std::string_view password, std::string_view salt) {
  constexpr unsigned rounds = 1000;
  salt = salt.substr(0, 8);
  Md5 md5;
  Md5Bytes digest = first_digest(md5, password, salt);
  for (unsigned round = 0; round < rounds; ++round) {
    const bool is_odd = round % 2 != 0;
    md5.begin();
    md5.add(is_odd ? password : view_of(digest));
    if (round % 3 != 0) md5.add(salt);
    if (round % 7 != 0) md5.add(password);
    md5.add(is_odd ? view_of(digest) : password);
    digest = kept(md5.end());
  }
  if (!md5.good()) return std::nullopt;
  return std::string(apr1_magic).append(salt).append("$").append(encoded(digest));
}

std::optional<std::string> sha1(std::string_view password) {
  std::array<unsigned char, sha1_bytes> digest{};
  if (EVP_Digest(password.data(), password.size(), digest.data(), nullptr, EVP_sha1(), nullptr) !=
      1)
    return std::nullopt;
  std::array<unsigned char, (sha1_bytes + 2) / 3 * 4 + 1> base64{};
  const int size = EVP_EncodeBlock(base64.data(), digest.data(), digest.size());
  return "{SHA}" + std::string(base64.begin(), base64.begin() + size);
}

struct KeyedDigest::Context {
  ~Context() { EVP_MAC_CTX_free(mac); }

  EVP_MAC_CTX* mac = nullptr;  // null: it could not be had
};

KeyedDigest::KeyedDigest(std::span<const std::uint8_t> key) : context_(new Context) {
  EVP_MAC* const hmac = EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_HMAC, nullptr);
  if (hmac != nullptr) context_->mac = EVP_MAC_CTX_new(hmac);
  EVP_MAC_free(hmac);
  if (context_->mac == nullptr) return;
  std::string name = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name.data(), 0),
      OSSL_PARAM_construct_end()};
  if (EVP_MAC_init(context_->mac, key.data(), key.size(), parameters) == 1) return;
  EVP_MAC_CTX_free(std::exchange(context_->mac, nullptr));
}

KeyedDigest::KeyedDigest(KeyedDigest&&) noexcept = default;
KeyedDigest::~KeyedDigest() = default;

Digest KeyedDigest::of(std::string_view text) const {
  Digest digest{};
  std::size_t size = 0;
  const auto* const bytes = reinterpret_cast<const unsigned char*>(text.data());
  EVP_MAC_CTX* const mac = context_->mac;
  const bool is_good = mac != nullptr && EVP_MAC_init(mac, nullptr, 0, nullptr) == 1 &&
                       EVP_MAC_update(mac, bytes, text.size()) == 1 &&
                       EVP_MAC_final(mac, digest.data(), &size, digest.size()) == 1;
  if (!is_good || size != digest.size())
    CGISRV_CHECK(::getrandom(digest.data(), digest.size(), 0) ==
                 static_cast<ssize_t>(digest.size()));
  return digest;
}

bool is_same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

#endif

}  // namespace cgisrv::auth

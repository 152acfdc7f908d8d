#include "auth/password_hash.h"

#ifndef CGISRV_WITHOUT_PASSWORDS
#include <crypt.h>
#endif

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "auth/digest.h"
#include "base/text.h"

namespace cgisrv::auth {

namespace {

constexpr std::string_view remedy = "make it anew with: cgisrv passwd FILE USER";

struct Form {
  std::string_view prefix;
  std::size_t digits;  // after the last '$', or after the prefix where there is none
  bool is_weak = false;
};
constexpr std::size_t bcrypt_digits = 53;
constexpr std::array forms = {
    Form{"$2y$", bcrypt_digits},
    Form{"$2b$", bcrypt_digits},
    Form{"$2a$", bcrypt_digits},
    Form{"$6$", 86},
    Form{"$5$", 43},
    Form{"$y$", 43},
    Form{"$7$", 43},
    Form{"$apr1$", 22, true},
    Form{"$1$", 22, true},
    Form{"{SHA}", 28, true},
};

const Form* form_of(std::string_view hash) {
  const auto form =
      std::ranges::find_if(forms, [&](const Form& each) { return hash.starts_with(each.prefix); });
  return form == forms.end() ? nullptr : &*form;
}

bool is_sha(const Form& form) {
  return form.prefix == "{SHA}";
}
bool is_apr1(const Form& form) {
  return form.prefix == "$apr1$";
}

bool is_crypt_digit(char c) {
  return text::is_alpha(c) || text::is_digit(c) || c == '.' || c == '/';
}
bool is_base64_digit(char c) {
  return text::is_alpha(c) || text::is_digit(c) || c == '+' || c == '/' || c == '=';
}

#ifdef CGISRV_WITHOUT_PASSWORDS

constexpr bool can_compute = false;

std::string crypt_of(const char*, const std::string&) {
  return {};
}
bool is_broken(const std::string&) {
  return false;
}
bool is_disabled(const std::string&) {
  return true;
}
std::string new_setting() {
  return {};
}

#else

constexpr bool can_compute = true;

// crypt_data takes 32 KiB, and holds what the password was hashed from.
struct CryptData {
  crypt_data data{};
  ~CryptData() { ::explicit_bzero(&data, sizeof data); }
};

// "*0", "*1": crypt(3)'s way to say that it has failed.
std::string crypt_of(const char* password, const std::string& setting) {
  const auto room = std::make_unique<CryptData>();
  const char* const made = ::crypt_r(password, setting.c_str(), &room->data);
  return made == nullptr || made[0] == '*' ? std::string() : made;
}

bool is_broken(const std::string& setting) {
  return ::crypt_checksalt(setting.c_str()) == CRYPT_SALT_INVALID;
}
bool is_disabled(const std::string& setting) {
  return ::crypt_checksalt(setting.c_str()) == CRYPT_SALT_METHOD_DISABLED;
}

// Random bytes and cost are the library's choice.
std::string new_setting() {
  std::array<char, CRYPT_GENSALT_OUTPUT_SIZE> setting{};
  return ::crypt_gensalt_rn(nullptr, 0, nullptr, 0, setting.data(), setting.size()) == nullptr
             ? ""
             : setting.data();
}

#endif

std::string check_unknown_form(std::string_view hash) {
  if (hash.starts_with('{') || hash.starts_with('$'))
    return fmt::format(
        "{} is no form of hash that is known here; {}",
        text::escape(hash.substr(0, hash.find(hash[0] == '{' ? '}' : '$', 1) + 1), 20), remedy);
  const bool is_des = (hash.size() == 13 && std::ranges::all_of(hash, is_crypt_digit)) ||
                      (hash.size() == 20 && hash.starts_with('_'));
  if (is_des)
    return fmt::format("the hash is one of DES, which reads 8 characters of a password; {}",
                       remedy);
  return fmt::format(
      "the password is not hashed: everybody who can read the file could read it; {}", remedy);
}

}  // namespace

std::string check_hash(const std::string& hash) {
  if (!can_compute)
    return "this cgisrv was built without crypt(3), and can check no password; use another build";
  if (hash.empty()) return fmt::format("there is no hash after the colon; {}", remedy);
  const Form* const form = form_of(hash);
  if (form == nullptr) return check_unknown_form(hash);
  const auto broken = [] { return fmt::format("the hash is broken or cut short; {}", remedy); };
  if (is_sha(*form)) {
    const auto digits = std::string_view(hash).substr(form->prefix.size());
    const bool good = digits.size() == form->digits && std::ranges::all_of(digits, is_base64_digit);
    return good ? "" : broken();
  }
  const auto digits = std::string_view(hash).substr(hash.rfind('$') + 1);
  if (digits.size() != form->digits || !std::ranges::all_of(digits, is_crypt_digit))
    return broken();
  if (is_apr1(*form)) return hash.size() > form->prefix.size() + form->digits ? "" : broken();
  // libxcrypt looks at a cost only when it hashes.
  if (form->digits == bcrypt_digits) {
    const auto cost = std::string_view(hash).substr(form->prefix.size(), 3);
    if (cost < "04$" || cost > "31$") return broken();
  }
  if (is_broken(hash)) return broken();
  if (is_disabled(hash))
    return fmt::format("this machine's libcrypt does not compute {} hashes; {}", form->prefix,
                       remedy);
  return {};
}

std::string_view weak_form(const std::string& hash) {
  const Form* const form = form_of(hash);
  return form != nullptr && form->is_weak ? form->prefix : "";
}

Fit check_password(const Secret& password, const std::string& hash) {
  const Form* const form = form_of(hash);
  if (form == nullptr) return Fit::failed;
  std::optional<std::string> made;
  if (is_sha(*form)) {
    made = sha1(password.view());
  } else if (is_apr1(*form)) {
    const auto salted = std::string_view(hash).substr(form->prefix.size());
    made = apr1(password.view(), salted.substr(0, salted.find('$')));
  } else {
    made = crypt_of(password.c_str(), hash);
  }
  if (!made || made->empty()) return Fit::failed;
  return is_same(*made, hash) ? Fit::right : Fit::wrong;
}

const std::string& unfitting_hash() {
  static const std::string hash = "$2y$10$" + std::string(22, '.') + std::string(31, '.');
  return hash;
}

std::string make_hash(const Secret& password) {
  const std::string setting = new_setting();
  return setting.empty() ? setting : crypt_of(password.c_str(), setting);
}

}  // namespace cgisrv::auth

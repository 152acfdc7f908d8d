// The same in C++ with OpenSSL and zlib: five shared libraries to load, thousands of symbols.
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <zlib.h>

#include <array>
#include <cstdlib>
#include <ctime>
#include <iomanip>
#include <iostream>
#include <sstream>
#include <string>

int main() {
  const std::time_t now = std::time(nullptr);
  const char* query = std::getenv("QUERY_STRING");
  std::ostringstream text;
  text << std::put_time(std::gmtime(&now), "%Y-%m-%dT%H:%M:%SZ ") << (query ? query : "") << '\n';
  const std::string body = text.str();

  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(body.data(), body.size(), digest.data(), &size, EVP_sha256(), nullptr);
  const auto sum = crc32(0, reinterpret_cast<const Bytef*>(body.data()), uInt(body.size()));

  std::cout << "Content-Type: text/plain\nETag: \"" << std::hex << std::setfill('0') << sum;
  for (unsigned i = 0; i < size; ++i)
    std::cout << std::setw(2) << int{digest.at(i)};
  std::cout << "\"\nX-Library: " << OpenSSL_version(OPENSSL_VERSION)
            << (TLS_method() == nullptr ? " without TLS" : "") << "\n\n"
            << body;
}

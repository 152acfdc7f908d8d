// The files of an administrator, in PEM form.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/result.h"
#include "tls/openssl.h"

namespace cgisrv::tls {

// A regular file that is not empty, and not larger than one of certificates can be. The error's
// code is EACCES if it may not be read.
Result<std::string> read_file(const std::string& path);
Bio reader_of(const std::string& text);
// All that are in it, at least one. An error says what to do.
Result<std::vector<X509Ptr>> read_certificates(const std::string& path);

std::chrono::sys_seconds time_of(const ASN1_TIME* time);

}  // namespace cgisrv::tls

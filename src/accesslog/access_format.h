// A line of the access log: its possible fields, and its format.
#pragma once

#include <cgisrv/loop.h>

#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include "account/account.h"
#include "base/result.h"

namespace cgisrv::accesslog {

// First the texts, then all else.
struct AccessEntry {
  std::string_view remote_address;
  std::string_view client_address;  // the same; "unix", "unknown" where it has no address
  std::string_view proxy_address;   // who connected, if for somebody else; "unix"
  std::string_view user;            // logged in, as in REMOTE_USER
  std::string_view request_line;    // "GET /path HTTP/1.1"; empty when there was none to read
  std::string_view method, target, host, referer, user_agent;
  std::string_view tls_protocol, tls_cipher;  // empty in the clear
  std::string_view request_id;
  std::string_view script;           // SCRIPT_NAME; empty for files and pages
  std::string_view program;          // its file; the same
  std::string_view diagnosis;        // if the response failed, and no program is to blame
  int status = 0;                    // 0: the client left before a response, written as 499
  std::uint64_t bytes_sent = 0;      // of the body, without head and framing
  std::uint64_t bytes_received = 0;  // the same
  Clock::duration duration{};
  const account::Usage* usage = nullptr;  // of the program; null for files and pages
};

// An entry that owns its texts, for one that is written later.
class StoredEntry {
 public:
  explicit StoredEntry(const AccessEntry& entry);
  AccessEntry entry() const;

 private:
  AccessEntry entry_;
  std::string texts_;
};

class AccessFormat {
 public:
  // "combined", "common", "json", or a text in which {name} stands for a field, {{ and }} for
  // braces. An error names all faults.
  static Result<AccessFormat> parse(std::string_view text);

  // With its line end. Client data is escaped; a missing value is "-". Pure.
  std::string line(const AccessEntry& entry, std::time_t now) const;

 private:
  struct Piece {
    std::string text;  // precedes the field
    int field = -1;
  };
  bool json_ = false;
  std::vector<Piece> pieces_;
};

// What is wrong with a format, or an empty string.
std::string check_access_format(const std::string& text);

// The fields, for the reference.
struct AccessField {
  std::string_view name;
  std::string_view about;
};
std::vector<AccessField> access_fields();

}  // namespace cgisrv::accesslog

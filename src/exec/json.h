// Writes JSON (RFC 8259), with care for bytes that are no text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace cgisrv::exec {

bool is_utf8(std::string_view bytes);
// Without the beginning of a character at its end, which a cut may leave.
std::string_view without_cut_character(std::string_view bytes);
std::string base64(std::string_view bytes);

// One object, member after member. Whoever begins something ends it.
class JsonWriter {
 public:
  void begin_object(std::string_view key = {}) { begin(key, '{'); }
  void begin_list(std::string_view key = {}) { begin(key, '['); }
  void end_object() { end('}'); }
  void end_list() { end(']'); }

  // In a list the key is empty. Not UTF-8: bytes as U+FFFD; see bytes().
  void text(std::string_view key, std::string_view value);
  // As text(), or, where it is not UTF-8, "KEY_base64" instead.
  void bytes(std::string_view key, std::string_view value);
  void number(std::string_view key, std::uint64_t value);
  void number(std::string_view key, double value);  // three decimals
  void boolean(std::string_view key, bool value);
  void null(std::string_view key);

  // Ends in a line break.
  std::string take() && { return std::move(out_.append("\n")); }

 private:
  void begin(std::string_view key, char bracket);
  void end(char bracket);
  void lead_in(std::string_view key);
  void quote(std::string_view value);

  std::string out_;
  bool first_ = true;  // of its object or list
  unsigned depth_ = 0;
};

}  // namespace cgisrv::exec

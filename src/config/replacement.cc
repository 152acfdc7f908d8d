#include "config/replacement.h"

#include <algorithm>

#include "base/text.h"

namespace cgisrv::config {

namespace {

bool is_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return text::is_alpha(c) || text::is_digit(c) || c == '_';
  });
}

}  // namespace

Result<Replacement> Replacement::parse(const std::string& text) {
  Replacement made;
  made.text_ = text;
  made.pieces_.emplace_back();
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    const bool is_brace = c == '{' || c == '}';
    if (!is_brace || text.substr(at + 1, 1) == std::string(1, c)) {
      made.pieces_.back().text.push_back(c);
      at += is_brace ? 1 : 0;
      continue;
    }
    const auto end = text.find('}', at);
    const std::string name = c == '{' && end != text.npos ? text.substr(at + 1, end - at - 1) : "";
    if (!is_name(name))
      return fail("{} stands alone; write a name in braces, such as {{id}}, or the brace twice",
                  std::string(1, c));
    made.pieces_.push_back({name, true});
    made.pieces_.emplace_back();
    at = end;
  }
  return made;
}

std::vector<std::string_view> Replacement::names() const {
  std::vector<std::string_view> found;
  for (const Piece& piece : pieces_)
    if (piece.is_name) found.push_back(piece.text);
  return found;
}

bool Replacement::has_names() const {
  return std::ranges::any_of(pieces_, &Piece::is_name);
}

std::string_view Replacement::front() const {
  return pieces_.empty() ? std::string_view() : pieces_.front().text;
}

std::string Replacement::fixed() const {
  return replace([](std::string_view, std::string_view) { return std::string(); });
}

std::string Replacement::replace(const Lookup& lookup) const {
  std::string made;
  for (const Piece& piece : pieces_)
    made.append(piece.is_name ? lookup(piece.text, made) : piece.text);
  return made;
}

}  // namespace cgisrv::config

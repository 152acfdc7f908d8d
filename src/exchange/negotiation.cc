#include "exchange/negotiation.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/text.h"

namespace cgisrv::exchange {

namespace {

using text::equals_ignoring_case;

// Whether a field of that name, which is a list, has that member.
bool has_member(const http::Response& response, std::string_view name, std::string_view member) {
  return std::ranges::any_of(response.fields, [&](const http::Field& field) {
    if (!equals_ignoring_case(field.name, name)) return false;
    for (std::string_view rest = field.value; !rest.empty();)
      if (equals_ignoring_case(text::trim(text::take_until(rest, ',')), member)) return true;
    return false;
  });
}

// They have a coding already, or are of the very bytes: a part of them, or a digest.
bool forbids_coding(const http::Field& field) {
  constexpr std::array names = {
      std::string_view("Content-Encoding"), std::string_view("Content-Range"),
      std::string_view("Content-MD5"),      std::string_view("Digest"),
      std::string_view("Content-Digest"),   std::string_view("Repr-Digest")};
  return std::ranges::any_of(
      names, [&](std::string_view name) { return equals_ignoring_case(name, field.name); });
}

// A 304 has neither length nor, mostly, type: it is about an answer that may have been encoded.
bool may_be_encoded(const http::Response& response) {
  const int status = response.status;
  if (http::is_informational(status) || status == 204 || status == 205 || status == 206)
    return false;
  if (response.content_length.value_or(encoded_bytes_min) < encoded_bytes_min) return false;
  if (std::ranges::any_of(response.fields, forbids_coding)) return false;
  if (has_member(response, "Cache-Control", "no-transform")) return false;
  const std::string_view type = response.field("Content-Type");
  return encoding::is_compressible(type) || (status == 304 && type.empty());
}

void add_vary(http::Response& response) {
  if (has_member(response, "Vary", "*") || has_member(response, "Vary", "Accept-Encoding")) return;
  for (http::Field& field : response.fields)
    if (equals_ignoring_case(field.name, "Vary") && !field.value.empty()) {
      field.value += ", Accept-Encoding";
      return;
    }
  response.add("Vary", "Accept-Encoding");
}

}  // namespace

std::vector<encoding::Coding> codings_for(const http::Request& request,
                                          const encoding::Order& order) {
  return encoding::accepted_codings(request.joined("Accept-Encoding").value_or(""), order);
}

std::vector<encoding::Coding> negotiate(const http::Request& request, http::Response& response) {
  using http::Negotiation;
  if (response.negotiation == Negotiation::none) return {};
  if (response.negotiation == Negotiation::open && !may_be_encoded(response)) return {};
  add_vary(response);
  if (response.negotiation == Negotiation::done) return {};
  return codings_for(request, encoding::fastest_first);
}

void show_coding(http::Response& response, encoding::Coding coding) {
  std::erase_if(response.fields, [](const http::Field& field) {
    return equals_ignoring_case(field.name, "Accept-Ranges");
  });
  for (http::Field& field : response.fields)
    if (equals_ignoring_case(field.name, "ETag") && field.value.starts_with('"'))
      field.value.insert(0, "W/");
  response.content_length.reset();
  // RFC 9110 section 15.4.5: a 304 has what tells which answer it is about, and no more.
  if (response.status != 304) response.add("Content-Encoding", encoding::name_of(coding));
}

}  // namespace cgisrv::exchange

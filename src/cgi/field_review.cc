#include "cgi/field_review.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "cgi/environment.h"

namespace cgisrv::cgi {

void FieldReview::review(const http::Request& request, std::string_view request_id,
                         const Script& script, bool takes_authorization) {
  for (const http::FieldView& field : request.fields) {
    const auto why = why_withheld(field.name, takes_authorization);
    if (why.empty() || seen_.size() >= names_max) continue;
    std::string name(field.name);
    std::ranges::transform(name, name.begin(), text::lower);
    if (!seen_.insert(std::move(name)).second) continue;
    log::write(log::Level::info, request_id,
               fmt::format("{}: the request's field {} is not handed on: {}", script.label(),
                           text::escape(field.name, 100), why));
  }
}

}  // namespace cgisrv::cgi

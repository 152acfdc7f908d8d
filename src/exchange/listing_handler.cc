#include "exchange/listing_handler.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/log.h"
#include "config/site.h"
#include "event/turn.h"
#include "exchange/exchange.h"
#include "handler/handlers.h"
#include "page/listing_page.h"
#include "page/pages.h"
#include "pattern/budget.h"
#include "site/access_rules.h"
#include "site/router.h"

namespace cgisrv::exchange {

namespace {

// A listing does not name what its reader may not have.
bool is_refused(const Routing& listed, const access::Peer& visitor, const std::string& whole) {
  const config::Site& site = *listed.site;
  return !site::refusal_by_path(site, http::plain_path(whole), visitor).empty() ||
         site::needs_another_password(site, whole, listed.password_rules, visitor) ||
         site::is_denied(site, whole);
}

// Like locate(), without examining the file.
bool is_program(const config::Site& site, const std::string& whole,
                const files::ListingEntry& entry) {
  const config::Location& location = site::find_route(site, http::plain_path(whole)).location;
  return location.program == config::ProgramKind::in_place &&
         (entry.executable || !location.needs_execute());
}

}  // namespace

ListingHandler::ListingHandler(Exchange& exchange, const Routing& routing,
                               files::DirectoryReader reader, Loop& loop)
    : exchange_(exchange),
      routing_(routing),
      reader_(std::move(reader)),
      next_turn_(loop, Callback::of<&ListingHandler::read>(*this)),
      work_left_(10 * pattern::Budget::work_max) {}

void ListingHandler::read() {
  Turn turn;
  std::optional<files::ListingEntry> entry;
  while (reader_.read(entry)) {
    if (entry) take(std::move(*entry));
    if (turn.is_over()) return next_turn_.arm_after(Clock::duration::zero());
  }
  send();
}

// A name of which the expressions could not tell anything is left out.
void ListingHandler::take(files::ListingEntry entry) {
  const std::uint64_t work = std::min(work_left_, pattern::Budget::work_max);
  const pattern::Budget budget(work);
  const std::string whole = routing_.path.text + entry.name + (entry.directory ? "/" : "");
  const bool is_shown = !is_refused(routing_, exchange_.visitor(), whole);
  if (is_shown) {
    entry.program = !entry.directory && is_program(*routing_.site, whole, entry);
    entries_.push_back(std::move(entry));
  }
  work_left_ -= work - budget.left();
  is_cut_ |= budget.is_exceeded();
}

void ListingHandler::send() {
  if (is_cut_)
    log::write(log::Level::notice, exchange_.request_id(),
               fmt::format("{} is not listed whole: the regular expressions of locations take too "
                           "many steps for so many names; write simpler ones",
                           routing_.located.file));
  const http::Request& request = exchange_.request();
  page::Page page =
      page::listing_page(routing_.path.text, std::move(entries_), is_cut_ || reader_.is_cut(),
                         request.target.query, page::wants_html(request));
  page_ = std::make_unique<handler::PageHandler>(exchange_, page::page_response(200, page),
                                                 std::move(page.body));
  page_->start();
}

}  // namespace cgisrv::exchange

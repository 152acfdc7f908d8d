// What a client of HTTP/2 may do at little cost to itself, counted: a browser never comes near
// these limits. Pure.
#pragma once

#include <cstddef>
#include <string_view>

#include "http2/budget.h"

namespace cgisrv::http2 {

class FloodGuard {
 public:
  using TimePoint = Budget::TimePoint;

  // ---- what happens. Once it is too much, it stays so.
  // A stream was reset before its end: by the client, or by us for what the client has done
  // (CVE-2023-44487, CVE-2025-8671). Each answer that went out whole pays for one: a proxy carries
  // many clients, some of which leave.
  void reset(TimePoint now);
  void answered() { resets_.earn(1); }
  // PING, SETTINGS, a priority, a frame that is unknown.
  void control(TimePoint now);
  // A frame of a body without a byte of it, nor its end.
  void empty(TimePoint now);
  // WINDOW_UPDATE. Who reads much sends many: each frame of a body that we send pays for some.
  void window_update(TimePoint now);
  void data_sent() { window_updates_.earn(window_updates_for_data); }
  // The fields of one head, so far, whether kept or not.
  void head(std::size_t bytes, std::size_t bytes_max);

  // Another who counts has refused it: static storage.
  void refused(std::string_view problem) { problem_ = problem; }

  // What was too much, to follow "has sent"; empty: nothing. Static storage.
  std::string_view problem() const { return problem_; }

 private:
  static constexpr double window_updates_for_data = 4;

  void spend(Budget& budget, TimePoint now, std::string_view problem);

  Budget resets_{200, 20};
  Budget controls_{500, 50};
  Budget empties_{100, 10};
  Budget window_updates_{1000, 200};
  std::string_view problem_;
};

}  // namespace cgisrv::http2

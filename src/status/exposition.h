// Writes metrics in the text format that Prometheus reads, version 0.0.4. Pure.
#pragma once

#include <chrono>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "account/histogram.h"

namespace cgisrv::status {

class Exposition {
 public:
  static constexpr std::string_view content_type = "text/plain; version=0.0.4; charset=utf-8";

  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  // The following samples belong to this metric. `type`: "counter", "gauge", "histogram".
  void family(std::string_view name, std::string_view type, std::string_view help);
  template <typename Number>
  void sample(Labels labels, Number value) {
    line("", labels, "", static_cast<double>(value));
  }
  // A metric of one sample.
  template <typename Number>
  void single(std::string_view name, std::string_view type, Number value, std::string_view help) {
    family(name, type, help);
    sample({}, value);
  }
  // With ten buckets, each four times as long as the one before, from 256 microseconds on.
  void histogram(Labels labels, const account::Histogram::Counts& counts,
                 std::chrono::microseconds sum);

  const std::string& text() const { return text_; }

 private:
  void line(std::string_view suffix, Labels labels, std::string_view bound, double value);

  std::string name_;
  std::string text_;
};

}  // namespace cgisrv::status

// Answers with the listing of a directory. A large one is read in several turns of the loop, so
// that nobody waits for its thousands of names, each of which is a question to the locations.
#pragma once

#include <cgisrv/loop.h>

#include <cstdint>
#include <vector>

#include "exchange/host.h"
#include "files/listing.h"
#include "handler/exchange.h"

namespace cgisrv::exchange {

class Exchange;

class ListingHandler final : public handler::Handler {
 public:
  // `routing` has led to the directory, which `reader` reads.
  ListingHandler(Exchange& exchange, const Routing& routing, files::DirectoryReader reader,
                 Loop& loop);
  void start() override { read(); }
  void room_ready() override { page_->room_ready(); }

 private:
  void read();
  void take(files::ListingEntry entry);
  void send();

  Exchange& exchange_;
  const Routing& routing_;
  files::DirectoryReader reader_;
  Timer next_turn_;
  std::vector<files::ListingEntry> entries_;
  std::uint64_t work_left_;  // of regular expressions
  bool is_cut_ = false;      // they took too many steps, and names are missing
  handler::HandlerPtr page_;
};

}  // namespace cgisrv::exchange

// Which program has which row of the table. The master alone decides, so it needs no lock.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "admission/table.h"

namespace cgisrv::admission {

class Registry {
 public:
  explicit Registry(Table& table);

  // The row of a program: its own, or a free one, or that of the program idle for longest, whose
  // figures are lost. None: all of them run or wait.
  std::optional<unsigned> open(const ProgramKey& key);

 private:
  void reclaim();

  Table& table_;
  std::map<ProgramKey, unsigned> rows_;
  std::vector<unsigned> free_;
};

}  // namespace cgisrv::admission

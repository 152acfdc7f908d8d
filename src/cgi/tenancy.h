// What a program has as long as its process lives.
#pragma once

#include <memory>
#include <utility>

#include "account/account.h"
#include "admission/door.h"
#include "process/child.h"

namespace cgisrv::cgi {

// A place to run in belongs to the process: it is free when that is gone, not when its response is.
// Only then is it known, too, what it has cost.
struct Tenancy final : process::Holding {
  Tenancy(admission::Place taken, std::shared_ptr<account::Account> charged)
      : place(std::move(taken)), account(std::move(charged)) {}
  void ended(const process::Exit& exit) override { account->reaped(exit); }
  admission::Place place;
  std::shared_ptr<account::Account> account;
};

}  // namespace cgisrv::cgi

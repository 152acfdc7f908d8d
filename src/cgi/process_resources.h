// What a program holds for as long as its process lives.
#pragma once

#include <memory>
#include <utility>

#include "account/account.h"
#include "admission/admission_client.h"
#include "process/child.h"

namespace cgisrv::cgi {

// The process holds the permit: it is released when the process is gone, not when the response is
// sent. Only then is its usage final, too.
struct ProcessResources final : process::ExitListener {
  ProcessResources(admission::Permit taken, std::shared_ptr<account::Account> accounted)
      : permit(std::move(taken)), account(std::move(accounted)) {}
  void on_exit(const process::Exit& exit) override { account->reaped(exit); }
  admission::Permit permit;
  std::shared_ptr<account::Account> account;
};

}  // namespace cgisrv::cgi

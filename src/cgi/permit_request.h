// A run's way to its permit: it asks, waits, and says why there was none.
#pragma once

#include <cgisrv/loop.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "account/account.h"
#include "admission/admission_client.h"
#include "cgi/options.h"

namespace cgisrv::cgi {

class PermitRequest {
 public:
  // All outlive it. `admission_client`: null, if all are admitted. `decided` is called once after
  // enter(), perhaps before that returns.
  PermitRequest(admission::AdmissionClient* admission_client, const Options& options,
                std::string_view file, std::uint64_t client, Callback decided)
      : admission_client_(admission_client),
        options_(options),
        file_(file),
        client_(client),
        decided_(decided) {}

  // Why who enters now is turned away, as far as can be seen from here; empty: it may run or wait.
  // No client is asked for a body only to be refused afterwards.
  std::string refused_beforehand();
  void enter();
  bool is_admitted() const;
  // Not admitted: it has waited as long as it may.
  bool has_waited() const;
  std::string why_refused() const;
  // Once, when admitted. Of nobody, if all are.
  admission::Permit take();
  // Those of its program; null: not known. A request that was not admitted still belongs to it.
  std::shared_ptr<account::ProgramStats> stats() const;

 private:
  using State = admission::PendingAdmission::State;
  using LimitKind = admission::LimitKind;

  admission::AdmissionRequest request() const;
  std::string why(State state, LimitKind held_by) const;
  std::string why_full(LimitKind held_by) const;
  std::string why_late(LimitKind held_by) const;
  std::string why_greedy(LimitKind held_by) const;
  std::string limit_text(LimitKind held_by) const;
  std::string advice(LimitKind held_by, std::string_view queue_key) const;

  admission::AdmissionClient* admission_client_;
  const Options& options_;
  const std::string_view file_;
  const std::uint64_t client_;
  Callback decided_;
  std::optional<admission::PendingAdmission> pending_;
};

}  // namespace cgisrv::cgi

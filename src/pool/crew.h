// The workers of one generation, in the master, and which of them gets the next connection.
//
//   coming --all are ready--> serving --others serve--> leaving --all have ended--> (gone)
//      \------one has failed---------------------------->/
#pragma once

#include <cgisrv/pool.h>

#include <list>
#include <string>
#include <vector>

#include "pool/dispatch.h"
#include "pool/member.h"

namespace cgisrv::pool {

class Crew {
 public:
  enum class Phase : std::uint8_t { coming, serving, leaving };

  Crew(MemberOwner& owner, Loop& loop, Generation generation, unsigned number);

  const Options& options() const { return generation_.options; }
  const ServiceFactory& factory() const { return generation_.factory; }
  std::vector<Fd>& listeners() { return generation_.listeners; }
  unsigned number() const { return number_; }
  unsigned wanted() const { return wanted_; }
  std::list<Member>& members() { return members_; }
  bool everyone(State state) const;

  // From now on connections are handed out; nothing, or why they cannot be.
  std::string begin_serving(Callback listeners_ready);
  // The listeners are closed: what is in their backlogs is for others who have them.
  void stop_listening();
  void hand_out();
  // No worker is started again.
  void leave();
  void ended() const;

  Phase phase = Phase::coming;

 private:
  void check_heartbeats(std::uint32_t);
  void hand_out(unsigned listener);
  static void send_tickets(Member& member, unsigned listener, std::uint32_t count);
  std::uint32_t pending(unsigned listener) const;

  MemberOwner& owner_;
  Loop& loop_;
  Generation generation_;
  const unsigned number_;
  const unsigned wanted_;
  Timer heartbeat_;
  std::vector<Watch> watches_;
  Chooser chooser_;
  std::list<Member> members_;
};

}  // namespace cgisrv::pool

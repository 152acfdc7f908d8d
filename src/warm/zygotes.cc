#include "warm/zygotes.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "base/log.h"
#include "base/packet.h"
#include "warm/request.h"
#include "warm/wire.h"

namespace cgisrv::warm {

namespace {

constexpr auto ask_interval = std::chrono::seconds(1);
constexpr auto subscribe_interval = std::chrono::milliseconds(100);
constexpr auto use_interval = std::chrono::seconds(5);
constexpr unsigned replies_per_turn = 64;
// For each request: begun or failed, and ended.
constexpr unsigned words_per_request = 2;

// By the kernel's view, without using the descriptor or its file: an operation on any other kind
// might block. ForkRecord::check_pidfd() finds out whose pidfd it is.
bool is_pidfd(int fd) {
  return ::syscall(SYS_pidfd_send_signal, fd, 0, nullptr, 0) == 0 || errno != EBADF;
}

// A packet must be one of these.
template <typename T>
bool read_as(const Packet& packet, T& value) {
  if (!packet.whole || packet.bytes.size() != sizeof value) return false;
  std::memcpy(&value, packet.bytes.data(), sizeof value);
  return true;
}

// Died by its own fault: memory that it shares with its zygote may be damaged.
bool by_broken_memory(const process::Exit& exit) {
  return exit.signalled && (exit.code == SIGSEGV || exit.code == SIGABRT || exit.code == SIGBUS ||
                            exit.code == SIGILL);
}

}  // namespace

Zygotes::Zygotes(Loop& loop, int manager, unsigned worker)
    : loop_(loop),
      manager_(manager),
      worker_(worker),
      subscribe_(loop, Callback::of<&Zygotes::subscribe>(*this)),
      use_(loop, Callback::of<&Zygotes::report_use>(*this)),
      silence_(loop, Callback::of<&Zygotes::check_silence>(*this)) {
  hold_spare_fd();
  subscribe();
}

Zygotes::~Zygotes() = default;

// ---- the manager -------------------------------------------------------------------------------

// If the manager does not read this, its successor will: the socket is the master's. We may lack
// descriptors here.
void Zygotes::subscribe() {
  auto ends = open_pair();
  if (ends && send_message(manager_, {.kind = ManagerMessage::Kind::subscribe}, ends->second.get()))
    news_ = WatchedFd(loop_, std::move(ends->first), EPOLLIN | EPOLLRDHUP,
                      WatchCallback::of<&Zygotes::news_ready>(*this));
  if (!news_) subscribe_.arm_after(subscribe_interval);
}

void Zygotes::news_ready(std::uint32_t events) {
  std::array<char, manager_message_bytes_max> room;
  if (auto packet = receive_packet(news_.get(), room)) {
    if (const auto message = unpack(packet->bytes))
      on_message(*message, std::move(packet->descriptor));
    return;
  }
  if ((events & (EPOLLHUP | EPOLLRDHUP)) == 0) return;
  // The manager has died, so its zygotes are no longer kept up to date: they retire. Or it lacks
  // descriptors for us, and would drop us again at once.
  news_.reset();
  states_.clear();
  subscribe_.arm_after(subscribe_interval);
}

bool Zygotes::wait_for(const ZygoteKey& key, std::chrono::milliseconds timeout) {
  const auto deadline = Clock::now() + timeout;
  while (!states_[key].zygote) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd news{news_.get(), POLLIN, 0};
    if (left <= 0 || ::poll(&news, 1, static_cast<int>(left)) <= 0) return false;
    if ((news.revents & POLLIN) == 0) return false;  // the manager has died
    news_ready(EPOLLIN);
  }
  return true;
}

void Zygotes::on_message(const ManagerMessage& message, Fd control) {
  if (message.kind == ManagerMessage::Kind::ended) return on_end(message);
  ZygoteState& known = states_[message.key];
  if (message.kind == ManagerMessage::Kind::zygote) {
    if (!control || (known.zygote && known.zygote->generation >= message.generation)) return;
    known.refused.reset();
    // Freed after the batch: a message to it may end its last request.
    known.zygote = {
        new ZygoteLink(*this, message, std::move(control)),
        [&loop = loop_](ZygoteLink* zygote) { loop.dispose(std::unique_ptr<ZygoteLink>(zygote)); }};
  } else {
    known.zygote.reset();
    known.refused.reset();
    if (message.kind == ManagerMessage::Kind::refused) known.refused = message.stamp;
  }
}

void Zygotes::ask_for(const ZygoteKey& key, ZygoteState& known) {
  if (loop_.now() - known.asked < ask_interval) return;
  known.asked = loop_.now();
  send_message(manager_, {.kind = ManagerMessage::Kind::wanted, .key = key});
}

void Zygotes::report_use() {
  for (auto& [key, known] : states_)
    if (known.zygote && known.zygote->used > 0)
      send_message(manager_, {.kind = ManagerMessage::Kind::used,
                              .key = key,
                              .generation = known.zygote->generation,
                              .count = std::exchange(known.zygote->used, 0),
                              .processor_us = std::exchange(known.zygote->processor_us, 0)});
}

// ---- zygotes -----------------------------------------------------------------------------------

Zygotes::ZygoteLink::ZygoteLink(Zygotes& owner, const ManagerMessage& message, Fd fd)
    : zygotes(owner),
      key(message.key),
      script(message.stamp),
      generation(message.generation),
      // Only watches its end: other messages there were the manager's, and have been read.
      control(std::move(fd)),
      watch(owner.loop_, control.get(), 0, WatchCallback::of<&ZygoteLink::gone>(*this)) {
  open_reply();
}

// Whether it can answer. If descriptors are lacking, each request tries again.
bool Zygotes::ZygoteLink::open_reply() {
  if (reply) return true;
  auto ends = open_pair();
  if (!ends || !name_senders(ends->first.get())) return false;
  reply_theirs = std::move(ends->second);
  reply = WatchedFd(zygotes.loop_, std::move(ends->first), EPOLLIN,
                    WatchCallback::of<&ZygoteLink::reply_ready>(*this));
  return static_cast<bool>(reply);
}

void Zygotes::ZygoteLink::gone() {
  zygotes.lost(*this);
}

void Zygotes::ZygoteLink::reply_ready() {
  zygotes.hear(*this);
}

// The next requests are started cold, until another one has replaced it.
void Zygotes::let_go(const ZygoteLink& zygote) {
  if (ZygoteState& known = states_[zygote.key]; known.zygote.get() == &zygote) known.zygote.reset();
}

// Tells the manager, and asks it for nothing more.
void Zygotes::complain(ManagerMessage::Kind kind, const ZygoteLink& zygote, std::string_view why) {
  send_message(manager_, {.kind = kind,
                          .key = zygote.key,
                          .generation = zygote.generation,
                          .reason = std::string(why)});
  let_go(zygote);
}

// Kills it, and ignores its messages. Its known processes live on; the claims settle the requests
// that it has.
void Zygotes::condemn(ZygoteLink& zygote, std::string_view why) {
  if (!zygote.reply) return;
  complain(ManagerMessage::Kind::condemned, zygote, why);
  zygote.watch.cancel();
  zygote.control.reset();
  end_reading(zygote.reply.get());
  zygote.reply.reset();  // a process that has not begun yet then ends
  zygote.reply_theirs.reset();
  settle(zygote, false);
}

// Its children live on; requests that it had not read are lost.
void Zygotes::lost(ZygoteLink& zygote) {
  hear(zygote);                 // reads its last messages
  if (!zygote.control) return;  // these got it condemned
  let_go(zygote);
  zygote.watch.cancel();
  zygote.control.reset();
  settle(zygote, true);
}

// The zygote itself sends no more. `may_be_told`: its children may still report that they have
// begun.
void Zygotes::settle(const ZygoteLink& zygote, bool may_be_told) {
  std::vector<std::uint64_t> untold;
  for (auto& [id, record] : records_) {
    if (record.zygote.get() != &zygote) continue;
    if (record.pid == 0)
      untold.push_back(id);
    else
      record.watch_for_end();
  }
  for (const std::uint64_t id : untold) {
    const auto found = records_.find(id);
    if (found == records_.end()) continue;
    if (found->second.take_back())
      give_up(found->second, ForkState::failed);
    else if (!may_be_told)
      give_up(found->second, ForkState::lost);
    else if (found->second.pending == nullptr)
      forget(found);
  }
}

// ---- requests ----------------------------------------------------------------------------------

std::string_view Zygotes::send(const ForkRequest& request, PendingFork& pending) {
  ZygoteState& known = states_[request.key];
  const Stamp now = stamp_of(request.key.file);
  if (known.refused && *known.refused == now) return "refused";
  const bool is_current = known.zygote && known.zygote->script == now;
  if (!is_current) {
    ask_for(request.key, known);
    return known.zygote ? "changed" : "booting";
  }
  Fd spare(::fcntl(manager_, F_DUPFD_CLOEXEC, 3));
  if (!known.zygote->open_reply() || !spare) return "busy";
  Fd claim(::eventfd(1, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC));
  if (!claim) return "failed";
  const int number = claim.get();
  const std::uint64_t id = ++ids_;
  auto& record =
      records_
          .emplace(id, ForkRecord{.zygotes = *this,
                                  .id = id,
                                  .zygote = known.zygote,
                                  .pending = &pending,
                                  .claim = number,
                                  .report = std::make_shared<process::ExitNotice>(std::move(claim)),
                                  .spare = std::move(spare)})
          .first->second;
  if (!send_request(known.zygote->control.get(), request,
                    {.id = id, .reply = known.zygote->reply_theirs.get(), .claim = record.claim})) {
    records_.erase(id);
    return "busy";
  }
  ++known.zygote->used;
  if (!use_.armed()) use_.arm_after(use_interval);
  if (!silence_.armed()) silence_.arm_after(silence_interval);
  pending.asked(id);
  return {};
}

void Zygotes::hear(ZygoteLink& zygote) {
  bool is_right = true;
  for (unsigned i = 0; i < replies_per_turn && zygote.reply; ++i) {
    cgisrv_warm_header next{};
    const int socket = zygote.reply.get();
    if (::recv(socket, &next, sizeof next, MSG_PEEK | MSG_DONTWAIT) < 0) break;
    if (const auto told = records_.find(next.id); told != records_.end())
      told->second.spare.reset();
    is_right = take_reply(zygote) && is_right;
  }
  if (!is_right) condemn(zygote, "it has said what no zygote says");
}

bool Zygotes::take_reply(ZygoteLink& zygote) {
  std::array<char, 512> room;
  auto packet = receive_packet(zygote.reply.get(), room);
  cgisrv_warm_header header{};
  if (!packet || packet->bytes.size() < sizeof header) return false;
  std::memcpy(&header, packet->bytes.data(), sizeof header);
  if (header.magic != CGISRV_WARM_MAGIC) return false;
  const auto found = records_.find(header.id);
  if (found == records_.end()) {  // it was given up
    if (zygote.owed == 0) return false;
    --zygote.owed;
    return true;
  }
  ForkRecord& record = found->second;
  if (record.zygote.get() != &zygote) return false;
  if (header.type == CGISRV_WARM_BEGUN) return begun(record, std::move(*packet));
  if (header.type == CGISRV_WARM_ENDED) return ended(record, *packet);
  return header.type == CGISRV_WARM_FAILED && failed(record, *packet);
}

// Only the process itself may report this: its number will be sent signals.
bool Zygotes::begun(ForkRecord& record, Packet packet) {
  cgisrv_warm_begun message{};
  if (!packet.whole && packet.descriptors == 0 && record.pid == 0) {  // there was no number for it
    give_up(record, ForkState::lost);
    return true;
  }
  if (!read_as(packet, message) || packet.descriptors != 1 || record.pid != 0) return false;
  if (message.pid <= 1 || message.pid != packet.sender) return false;
  if (!is_pidfd(packet.descriptor.get())) return false;
  record.pid = message.pid;
  record.report->is_of(std::move(packet.descriptor));
  renew_event(record);
  if (!record.zygote->control) record.watch_for_end();
  PendingFork* const pending = std::exchange(record.pending, nullptr);
  if (pending == nullptr) {
    // Nobody wants it any more.
    process::signal_group(record.pid, record.report->pidfd(), SIGKILL);
    return true;
  }
  pending->child_ = process::Child(record.pid, record.report);
  pending->decide(ForkState::begun);
  return true;
}

bool Zygotes::ended(ForkRecord& record, const Packet& packet) {
  cgisrv_warm_ended message{};
  if (!read_as(packet, message) || packet.descriptors != 0) return false;
  if (record.pid == 0) {  // the claim says whether any of it has run
    give_up(record, record.take_back() ? ForkState::failed : ForkState::lost);
    return true;
  }
  const process::Exit exit = process::exit_of(message.status, message.usage);
  record.zygote->processor_us += static_cast<std::uint64_t>(exit.processor_time().count());
  if (by_broken_memory(exit))
    complain(ManagerMessage::Kind::suspect, *record.zygote,
             "one of its processes has died of broken memory");
  finish(record, exit);
  return true;
}

bool Zygotes::failed(ForkRecord& record, const Packet& packet) {
  cgisrv_warm_failed message{};
  if (!read_as(packet, message) || packet.descriptors != 0 || record.pid != 0) return false;
  give_up(record, record.take_back() ? ForkState::failed : ForkState::lost);
  return true;
}

void Zygotes::finish(ForkRecord& record, const process::Exit& exit) {
  const auto report = std::move(record.report);
  records_.erase(record.id);
  report->tell(exit);
}

// Before its last message has arrived.
void Zygotes::forget(ForkRecords::iterator record) {
  const auto zygote = record->second.zygote;
  zygote->owed += words_per_request;
  records_.erase(record);
}

void Zygotes::give_up(ForkRecord& record, ForkState state) {
  PendingFork* const pending = record.pending;
  forget(records_.find(record.id));
  if (pending != nullptr) pending->decide(state);
}

}  // namespace cgisrv::warm

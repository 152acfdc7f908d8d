#include "warm/zygotes.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "base/packet.h"
#include "warm/request.h"
#include "warm/wire.h"

namespace cgisrv::warm {

namespace {

// How long a zygote may take to begin: one that is stopped, or has much to do.
constexpr auto birth_patience = std::chrono::seconds(2);
constexpr auto ask_interval = std::chrono::seconds(1);
constexpr auto use_interval = std::chrono::seconds(5);
constexpr unsigned replies_per_turn = 64;

template <typename T>
bool read_as(std::string_view bytes, T& value) {
  if (bytes.size() < sizeof value) return false;
  std::memcpy(&value, bytes.data(), sizeof value);
  return true;
}

// Dead by its own fault: what it shares with its zygote may be broken.
bool by_broken_memory(int status) {
  if (!WIFSIGNALED(status)) return false;
  const int signal = WTERMSIG(status);
  return signal == SIGSEGV || signal == SIGABRT || signal == SIGBUS || signal == SIGILL;
}

process::Exit exit_of(const cgisrv_warm_ended& ended) {
  process::Exit exit;
  exit.signalled = WIFSIGNALED(ended.status);
  exit.code = exit.signalled ? WTERMSIG(ended.status) : WEXITSTATUS(ended.status);
  exit.usage = ended.usage;
  return exit;
}

}  // namespace

Zygotes::Zygotes(Loop& loop, int keeper, unsigned worker)
    : loop_(loop),
      keeper_(keeper),
      worker_(worker),
      use_(loop, Callback::of<&Zygotes::report_use>(*this)) {
  if (auto ends = open_pair()) {
    reply_theirs_ = std::move(ends->second);
    reply_ = WatchedFd(loop_, std::move(ends->first), EPOLLIN,
                       Callback::of<&Zygotes::reply_ready>(*this));
    take_spare();
  }
  subscribe();
}

Zygotes::~Zygotes() = default;

// ---- the keeper --------------------------------------------------------------------------------

// What the keeper does not hear now, its successor will: the socket is the master's.
void Zygotes::subscribe() {
  auto ends = open_pair();
  if (!ends || !send_note(keeper_, {.kind = Note::Kind::subscribe}, ends->second.get())) return;
  news_ = WatchedFd(loop_, std::move(ends->first), EPOLLIN | EPOLLRDHUP,
                    Callback::of<&Zygotes::news_ready>(*this));
}

void Zygotes::news_ready(std::uint32_t events) {
  std::array<char, note_bytes_max> room;
  if (auto packet = receive_packet(news_.get(), room)) {
    if (const auto note = unpack(packet->bytes)) told(*note, std::move(packet->descriptor));
    return;
  }
  if ((events & (EPOLLHUP | EPOLLRDHUP)) == 0) return;
  // The keeper has died, so that nobody looks whether its zygotes are up to date: they retire.
  known_.clear();
  subscribe();
}

bool Zygotes::wait_for(const Subject& subject, std::chrono::milliseconds patience) {
  const auto deadline = Clock::now() + patience;
  while (!known_[subject].zygote) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd news{news_.get(), POLLIN, 0};
    if (left <= 0 || ::poll(&news, 1, static_cast<int>(left)) <= 0) return false;
    if ((news.revents & POLLIN) == 0) return false;  // there is no keeper any more
    news_ready(EPOLLIN);
  }
  return true;
}

void Zygotes::told(const Note& note, Fd control) {
  Known& known = known_[note.subject];
  if (note.kind == Note::Kind::zygote) {
    if (!control || (known.zygote && known.zygote->generation >= note.generation)) return;
    known.refused.reset();
    known.zygote = std::make_shared<Zygote>(*this, note, std::move(control));
  } else {
    known.zygote.reset();
    known.refused.reset();
    if (note.kind == Note::Kind::refused) known.refused = note.stamp;
  }
}

void Zygotes::ask_for(const Subject& subject, Known& known) {
  if (loop_.now() - known.asked < ask_interval) return;
  known.asked = loop_.now();
  if (!news_) subscribe();
  send_note(keeper_, {.kind = Note::Kind::wanted, .subject = subject});
}

void Zygotes::report_use(std::uint32_t) {
  for (auto& [subject, known] : known_)
    if (known.zygote && known.zygote->used > 0)
      send_note(keeper_, {.kind = Note::Kind::used,
                          .subject = subject,
                          .generation = known.zygote->generation,
                          .count = std::exchange(known.zygote->used, 0)});
}

// ---- zygotes -----------------------------------------------------------------------------------

Zygotes::Zygote::Zygote(Zygotes& owner, const Note& note, Fd fd)
    : zygotes(owner),
      subject(note.subject),
      script(note.stamp),
      generation(note.generation),
      // For its end alone: what comes from there is the keeper's, and has been read.
      control(std::move(fd)),
      watch(owner.loop_, control.get(), 0, Callback::of<&Zygote::gone>(*this)) {}

void Zygotes::Zygote::gone(std::uint32_t) {
  zygotes.lost(*this);
}

// Its children live on; of what it had not read nothing comes.
void Zygotes::lost(const Zygote& zygote) {
  reply_ready(0);                // what it has still said
  std::shared_ptr<Zygote> kept;  // we are called by it
  if (const auto known = known_.find(zygote.subject); known != known_.end())
    if (known->second.zygote.get() == &zygote) kept = std::exchange(known->second.zygote, nullptr);
  std::vector<std::uint64_t> untold;
  for (auto& [id, record] : records_) {
    if (record.zygote.get() != &zygote) continue;
    if (!kept) kept = record.zygote;
    if (record.pid != 0)
      record.orphan = Watch(loop_, record.report->pidfd(), EPOLLIN,
                            Callback::of<&Record::orphan_ended>(record));
    else
      untold.push_back(id);
  }
  if (kept) {
    kept->watch.cancel();
    kept->control.reset();
  }
  for (const std::uint64_t id : untold) {
    const auto found = records_.find(id);
    if (found == records_.end()) continue;
    if (found->second.take_back())
      give_up(found->second, State::failed);
    else if (found->second.birth == nullptr)
      records_.erase(found);
  }
}

void Zygotes::Record::orphan_ended(std::uint32_t) {
  // How it ended was told to nobody; its output says what there is to know.
  report->tell({});
  zygotes.records_.erase(id);
}

// Whether it has not begun, and never will.
bool Zygotes::Record::take_back() const {
  std::uint64_t one = 0;
  return ::read(claim, &one, sizeof one) == sizeof one;
}

// ---- requests ----------------------------------------------------------------------------------

std::string_view Zygotes::send(const Order& order, Birth& birth) {
  if (!reply_) return "failed";
  Known& known = known_[order.subject];
  const Stamp now = stamp_of(order.subject.file);
  if (known.refused && *known.refused == now) return "refused";
  const bool is_current = known.zygote && known.zygote->script == now;
  if (!is_current) {
    ask_for(order.subject, known);
    return known.zygote ? "changed" : "booting";
  }
  if (!take_spare()) return "busy";
  Fd claim(::eventfd(1, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC));
  if (!claim) return "failed";
  const int number = claim.get();
  const std::uint64_t id = ++ids_;
  auto& record =
      records_
          .emplace(id, Record{.zygotes = *this,
                              .id = id,
                              .zygote = known.zygote,
                              .birth = &birth,
                              .claim = number,
                              .report = std::make_shared<process::Report>(std::move(claim))})
          .first->second;
  if (!send_request(known.zygote->control.get(), order,
                    {.id = id, .reply = reply_theirs_.get(), .claim = record.claim})) {
    records_.erase(id);
    return "busy";
  }
  ++known.zygote->used;
  if (!use_.armed()) use_.arm_after(use_interval);
  birth.id_ = id;
  birth.state_ = State::asked;
  birth.patience_.arm_after(birth_patience);
  return {};
}

// A descriptor is lost with its packet's arrival where no number is left for it.
bool Zygotes::take_spare() {
  if (!spare_) spare_.reset(::fcntl(reply_.get(), F_DUPFD_CLOEXEC, 3));
  return static_cast<bool>(spare_);
}

void Zygotes::reply_ready(std::uint32_t) {
  for (unsigned i = 0; i < replies_per_turn; ++i) {
    cgisrv_warm_header next{};
    if (::recv(reply_.get(), &next, sizeof next, MSG_PEEK | MSG_DONTWAIT) <= 0) return;
    if (next.type == CGISRV_WARM_BEGUN) spare_.reset();
    take_reply();
    take_spare();
  }
}

void Zygotes::take_reply() {
  std::array<char, 512> room;
  auto packet = receive_packet(reply_.get(), room);
  cgisrv_warm_header header{};
  if (!packet || !read_as(packet->bytes, header) || header.magic != CGISRV_WARM_MAGIC) return;
  const auto found = records_.find(header.id);
  if (found == records_.end()) return;  // it was taken back
  Record& record = found->second;
  if (header.type == CGISRV_WARM_BEGUN)
    begun(record, packet->bytes, std::move(packet->descriptor));
  else if (header.type == CGISRV_WARM_ENDED)
    ended(record, packet->bytes);
  else if (header.type == CGISRV_WARM_FAILED)
    give_up(record, record.take_back() ? State::failed : State::lost);
}

void Zygotes::begun(Record& record, std::string_view bytes, Fd pidfd) {
  cgisrv_warm_begun message{};
  if (!read_as(bytes, message) || !pidfd || message.pid <= 1) return;
  record.pid = message.pid;
  record.report->is_of(std::move(pidfd));
  if (!record.zygote->control)
    record.orphan =
        Watch(loop_, record.report->pidfd(), EPOLLIN, Callback::of<&Record::orphan_ended>(record));
  Birth* const birth = std::exchange(record.birth, nullptr);
  if (birth == nullptr) {
    // Nobody wants it any more.
    return process::signal_group(record.pid, record.report->pidfd(), SIGKILL);
  }
  birth->child_ = process::Child(record.pid, record.report);
  birth->decide(State::begun);
}

void Zygotes::ended(Record& record, std::string_view bytes) {
  cgisrv_warm_ended message{};
  if (!read_as(bytes, message)) return;
  if (record.pid == 0)  // whether anything of it has run, the claim says
    return give_up(record, record.take_back() ? State::failed : State::lost);
  if (by_broken_memory(message.status))
    distrust(record, "one of its processes has died of broken memory");
  const auto report = std::move(record.report);
  records_.erase(record.id);
  report->tell(exit_of(message));
}

// The next requests are started plainly, until another one has taken its place.
void Zygotes::distrust(const Record& record, std::string_view why) {
  const Zygote& zygote = *record.zygote;
  send_note(keeper_, {.kind = Note::Kind::suspect,
                      .subject = zygote.subject,
                      .generation = zygote.generation,
                      .reason = std::string(why)});
  if (Known& known = known_[zygote.subject]; known.zygote == record.zygote) known.zygote.reset();
}

void Zygotes::give_up(Record& record, State state) {
  Birth* const birth = record.birth;
  records_.erase(record.id);
  if (birth != nullptr) birth->decide(state);
}

// ---- one of them -------------------------------------------------------------------------------

Birth::Birth(Zygotes& zygotes, Callback decided)
    : zygotes_(zygotes),
      decided_(decided),
      patience_(zygotes.loop_, Callback::of<&Birth::overdue>(*this)) {}

Birth::~Birth() {
  if (state_ != State::asked) return;
  const auto found = zygotes_.records_.find(id_);
  if (found == zygotes_.records_.end()) return;
  if (found->second.take_back())
    zygotes_.records_.erase(found);
  else
    found->second.birth = nullptr;  // it has begun, and will be ended when it says so
}

void Birth::overdue(std::uint32_t) {
  zygotes_.reply_ready(0);  // it may be we who were late
  if (state_ != State::asked) return;
  const auto found = zygotes_.records_.find(id_);
  CGISRV_CHECK(found != zygotes_.records_.end());
  if (found->second.take_back()) {
    zygotes_.distrust(found->second, "it did not answer within two seconds");
    return zygotes_.give_up(found->second, State::failed);
  }
  // Its process has the request, and has only to say so; or it has been killed before it could.
  if (std::exchange(overdue_, true)) {
    if (!found->second.zygote->control) return zygotes_.give_up(found->second, State::lost);
    found->second.birth = nullptr;  // should it say so after all, it is ended
    return decide(State::lost);
  }
  patience_.arm_after(birth_patience);
}

void Birth::decide(State state) {
  state_ = state;
  patience_.disarm();
  decided_(0);
}

}  // namespace cgisrv::warm

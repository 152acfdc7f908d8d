#include "warm/keeper.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>

#include "base/log.h"
#include "base/packet.h"
#include "process/child.h"
#include "warm/keeper_zygote.h"

namespace cgisrv::warm {

namespace {

constexpr std::size_t zygotes_max = 64;
constexpr std::chrono::milliseconds at_once{0};
// How long a changed module may still be served as it was.
constexpr auto look_interval = std::chrono::milliseconds(500);
// A log that was moved away holds its room on the disk until it is let go of.
constexpr auto follow_interval = std::chrono::seconds(5);
// At most, one whose files changed as it loaded them.
constexpr auto settling_max = std::chrono::hours(1);
// After the death of one that has served: at once for the first request, then with patience.
constexpr auto short_life = std::chrono::seconds(5);
constexpr auto after_trouble = std::chrono::minutes(1);
constexpr auto stop_patience = std::chrono::seconds(1);

std::string describe(int status) {
  process::Exit exit;
  exit.signalled = WIFSIGNALED(status);
  exit.code = exit.signalled ? WTERMSIG(status) : WEXITSTATUS(status);
  return exit.text();
}

std::string folder_of(const std::string& file) {
  return file.substr(0, file.rfind('/') + 1);
}

}  // namespace

Keeper::Subscriber::Subscriber(Keeper& owner, Fd fd)
    : keeper(owner),
      socket(owner.loop_, std::move(fd), 0, Callback::of<&Subscriber::gone>(*this)) {}

// Nothing is ever read there: it is the worker that has gone.
void Keeper::Subscriber::gone(std::uint32_t) {
  keeper.subscribers_.erase(self);
}

Keeper::Keeper(Fd channel, Fd lifeline, Lookup lookup, std::string library,
               const rlimit& descriptors)
    : signals_(loop_, {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD},
               Callback::of<&Keeper::on_signal>(*this)),
      channel_(loop_, std::move(channel), EPOLLIN, Callback::of<&Keeper::channel_ready>(*this)),
      lifeline_(loop_, std::move(lifeline), 0, Callback::of<&Keeper::stop>(*this)),
      lookup_(std::move(lookup)),
      library_(std::move(library)),
      descriptors_(descriptors),
      look_(loop_, Callback::of<&Keeper::look>(*this)),
      follow_(loop_, Callback::of<&Keeper::follow_log>(*this)),
      count_due_(loop_, Callback::of<&Keeper::count>(*this)),
      end_(loop_, Callback::of<&Keeper::kill_all>(*this)) {}

Keeper::~Keeper() = default;

int Keeper::run() {
  // Children of a zygote that has died live on: they are ours then.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  ::prctl(PR_SET_NAME, "cgisrv-keeper");
  if (!channel_ || !lifeline_) return 1;
  follow_log(0);
  loop_.run();
  return 0;
}

void Keeper::on_signal(std::uint32_t number) {
  if (number == SIGCHLD) reap();
}

// They end by themselves as soon as nobody can ask them for anything.
void Keeper::stop(std::uint32_t) {
  stopping_ = true;
  lifeline_.reset();
  entries_.clear();
  if (alive_.empty()) return loop_.stop();
  end_.arm_after(stop_patience);
}

void Keeper::kill_all(std::uint32_t) {
  for (const pid_t pid : alive_)
    ::kill(pid, SIGKILL);
  loop_.stop();
}

void Keeper::channel_ready(std::uint32_t) {
  std::array<char, note_bytes_max> room;
  auto packet = receive_packet(channel_.get(), room);
  if (!packet) return;
  if (const auto note = unpack(packet->bytes)) told(*note, std::move(packet->descriptor));
}

void Keeper::told(const Note& note, Fd descriptor) {
  if (stopping_) return;
  if (note.kind == Note::Kind::subscribe) {
    if (!descriptor) return;
    Subscriber& made = subscribers_.emplace_back(*this, std::move(descriptor));
    made.self = std::prev(subscribers_.end());
    if (!tell_what_there_is(made)) subscribers_.pop_back();
    return;
  }
  if (note.kind == Note::Kind::wanted) return wanted(note.subject);
  const auto found = entries_.find(note.subject);
  if (found == entries_.end() || !found->second.serving) return;
  Zygote& zygote = *found->second.serving;
  if (zygote.generation() != note.generation) return;
  if (note.kind == Note::Kind::used) zygote.used(note.count);
  if (note.kind == Note::Kind::suspect) {
    zygote.suspicion = note.reason;
    look_.arm_after(at_once);
  }
}

// ---- zygotes -----------------------------------------------------------------------------------

void Keeper::wanted(const Subject& subject) {
  const auto [found, is_new] = entries_.try_emplace(subject);
  Entry& entry = found->second;
  const Stamp now = stamp_of(subject.file);
  if (entry.coming) return;
  // A worker that has not heard yet, or has dropped what it heard of.
  if (entry.serving && entry.serving->script() == now && entry.serving->suspicion.empty())
    return tell_all(note(Note::Kind::zygote, subject, entry), entry.serving->control());
  if (const Refusal* known = refusal_of(subject); known != nullptr && known->script == now) {
    if (known != &entry.refusal) entry.refusal = *known;
    return tell_all(note(Note::Kind::refused, subject, entry));
  }
  if (loop_.now() < entry.not_before) return;
  make_room();
  begin(subject, entry);
}

void Keeper::begin(const Subject& subject, Entry& entry) {
  const auto wish = lookup_(subject);
  if (!wish) return;
  // The loader leaves out what it cannot open, and the program would run for real.
  if (::access((library_ + "/libcgisrv-warm.so").c_str(), R_OK) != 0)
    return refuse(
        subject, entry,
        fmt::format("The user that programs run as cannot read libcgisrv-warm.so in \"{}\"; "
                    "it belongs beside the server, or in ../lib/cgisrv.",
                    library_));
  const Stamp stamp = stamp_of(subject.file);  // before it is read: an edit meanwhile is seen
  const auto recipe = make_recipe(wish->program, wish->options, library_);
  if (!recipe) return refuse(subject, entry, recipe.error());
  auto started = boot(*recipe, folder_of(subject.file), descriptors_);
  if (!started) {
    log::line(log::Level::warn, "{}: no zygote could be started: {}", subject.file,
              started.error().what);
    entry.not_before = loop_.now() + short_life;
    return;
  }
  alive_.insert(started->pid);
  entry.coming = std::make_unique<Zygote>(loop_, std::move(*started), wish->options, stamp,
                                          ++generations_, Callback::of<&Keeper::heard>(*this));
}

void Keeper::became_ready(const Subject& subject, Entry& entry) {
  entry.serving = std::move(entry.coming);  // the one before retires
  entry.refusal = {};
  // Twice as long for each that is in doubt as the one before was: it may be the program that
  // writes the file, each time that it loads.
  entry.settling =
      entry.serving->is_doubtful()
          ? std::clamp<Clock::duration>(2 * entry.settling, look_interval, settling_max)
          : Clock::duration::zero();
  log::line(log::Level::info, "{}: started warm from now on (zygote {})", subject.file,
            entry.serving->pid());
  tell_all(note(Note::Kind::zygote, subject, entry), entry.serving->control());
}

// Of any of the program's zygotes, for all of them; null: none.
const Keeper::Refusal* Keeper::refusal_of(const Subject& subject) const {
  for (const auto& [other, entry] : entries_)
    if (!entry.refusal.reason.empty() && other.location == subject.location &&
        other.file == subject.file)
      return &entry.refusal;
  return nullptr;
}

void Keeper::refuse(const Subject& subject, Entry& entry, std::string reason) {
  const Refusal* const known = refusal_of(subject);
  const bool is_new = known == nullptr || known->reason != reason;
  entry.refusal.script = entry.coming ? entry.coming->script() : stamp_of(subject.file);
  entry.refusal.reason = std::move(reason);
  entry.refusal.since_ns = entry.coming ? entry.coming->began_ns() : time_of_changes_ns();
  if (entry.serving) {
    entry.refusal.suspects = entry.serving->paths();
    entry.not_before = loop_.now() + short_life;
  }
  entry.coming.reset();
  entry.serving.reset();
  if (entry.is_suspected() && !look_.armed()) look_.arm_after(look_interval);
  if (is_new)
    log::line(log::Level::warn, "{}: started plainly, not warm: {}", subject.file,
              entry.refusal.reason);
  tell_all(note(Note::Kind::refused, subject, entry));
}

// It may have been a mistake in a module: the file of the program itself stays as it is then.
bool Keeper::is_mended(Entry& entry) const {
  if (!entry.is_suspected() || loop_.now() < entry.not_before) return false;
  return std::ranges::any_of(entry.refusal.suspects, [&](const std::string& path) {
    return changed_since(path, entry.refusal.since_ns);
  });
}

void Keeper::reap() {
  int status = 0;
  for (pid_t pid; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    alive_.erase(pid);
    for (auto& [subject, entry] : entries_) {
      const bool was_serving = entry.serving && entry.serving->pid() == pid;
      if (was_serving || (entry.coming && entry.coming->pid() == pid)) {
        died(subject, entry, was_serving, status);
        break;
      }
    }
  }
  if (stopping_ && alive_.empty()) loop_.stop();
}

void Keeper::died(const Subject& subject, Entry& entry, bool was_serving, int status) {
  if (was_serving) {
    log::line(log::Level::warn, "{}: its zygote {} has {}; the next requests are started plainly",
              subject.file, entry.serving->pid(), describe(status));
    const bool lived_long = loop_.now() - entry.serving->began() > short_life;
    if (!lived_long) entry.not_before = loop_.now() + short_life;
    tell_all(note(Note::Kind::gone, subject, entry));
    return entry.serving.reset();
  }
  entry.coming->hear_out();
  if (entry.coming->word() == Zygote::Word::refused)
    return refuse(subject, entry, entry.coming->reason());
  const std::string complaint = entry.coming->complaint();
  const std::string reason =
      entry.coming->is_overdue()
          ? "it did not come to the point where it would read its request within 10 s"
          : fmt::format("it ended while it was loaded ({}){}{}", describe(status),
                        complaint.empty() ? "" : ": ", complaint);
  const bool was_killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  if (!was_killed) return refuse(subject, entry, reason + ".");
  // By us, for want of time, or by somebody else, for want of memory: not its own fault.
  log::line(log::Level::warn, "{}: started plainly for a minute: {}", subject.file, reason);
  entry.coming.reset();
  entry.not_before = loop_.now() + after_trouble;
}

// In the next turn: what has been heard may end who heard it.
void Keeper::heard(std::uint32_t) {
  look_.arm_after(at_once);
}

void Keeper::follow_log(std::uint32_t) {
  log::follow();
  follow_.arm_after(follow_interval);
}

// Whatever has come to be since: a word of one that boots, a file that has changed, an idle one.
void Keeper::look(std::uint32_t) {
  bool any = false;
  for (auto& [subject, entry] : entries_) {
    if (entry.coming && entry.coming->word() == Zygote::Word::ready) {
      // Its successor would be no smaller: it is not replaced again and again.
      if (entry.coming->is_too_large())
        refuse(subject, entry, "It takes more memory than max_memory allows a zygote; raise that.");
      else
        became_ready(subject, entry);
    }
    if (entry.coming && entry.coming->word() == Zygote::Word::refused)
      refuse(subject, entry, entry.coming->reason());
    if (is_mended(entry)) {
      entry.refusal.reason.clear();  // the suspects stay so: it may still not be without mistake
      tell_all(note(Note::Kind::gone, subject, entry));
    }
    any = any || entry.is_suspected();
    if (!entry.serving) continue;
    if (entry.serving->is_idle()) {
      log::line(log::Level::info, "{}: its zygote {} retires, unused", subject.file,
                entry.serving->pid());
      tell_all(note(Note::Kind::gone, subject, entry));
      entry.serving.reset();
      continue;
    }
    any = true;
    if (entry.coming || loop_.now() < entry.not_before) continue;
    if (const auto fault = entry.serving->fault(entry.settling); !fault.empty()) {
      log::line(log::Level::info, "{}: its zygote {} is replaced: {}", subject.file,
                entry.serving->pid(), fault);
      begin(subject, entry);
    }
  }
  if (any) look_.arm_after(look_interval);
}

void Keeper::count(std::uint32_t) {
  if (!count_ || stopping_) return;
  std::map<std::pair<std::uint32_t, std::string>, unsigned> ready;
  for (const auto& [subject, entry] : entries_)
    ready[{subject.location, subject.file}] += entry.serving ? 1 : 0;
  for (const auto& [program, count] : ready)
    count_({.location = program.first, .file = program.second}, count);
}

// The one that has been used least lately goes.
void Keeper::make_room() {
  const auto count = std::ranges::count_if(
      entries_, [](const auto& each) { return each.second.serving || each.second.coming; });
  if (static_cast<std::size_t>(count) < zygotes_max) return;
  const auto oldest = std::ranges::min_element(entries_, {}, [](const auto& each) {
    return each.second.serving ? each.second.serving->last_use() : TimePoint::max();
  });
  if (!oldest->second.serving) return;
  tell_all(note(Note::Kind::gone, oldest->first, oldest->second));
  oldest->second.serving.reset();
}

// ---- workers -----------------------------------------------------------------------------------

Note Keeper::note(Note::Kind kind, const Subject& subject, const Entry& entry) const {
  Note made{.kind = kind, .subject = subject};
  if (kind == Note::Kind::refused) {
    made.stamp = entry.refusal.script;
    made.reason = entry.refusal.reason;
  } else if (entry.serving) {
    made.stamp = entry.serving->script();
    made.generation = entry.serving->generation();
  }
  return made;
}

// One that has not read for long would go on with what is out of date: it is let go, forgets all
// that it knows when it sees that, and subscribes anew.
void Keeper::tell_all(const Note& note, int descriptor) {
  count_due_.arm_after(at_once);  // what is told of happens in this turn
  subscribers_.remove_if([&](const Subscriber& subscriber) {
    return !send_note(subscriber.socket.get(), note, descriptor);
  });
}

bool Keeper::tell_what_there_is(const Subscriber& subscriber) const {
  return std::ranges::all_of(entries_, [&](const auto& each) {
    const auto& [subject, entry] = each;
    return !entry.serving ||
           send_note(subscriber.socket.get(), note(Note::Kind::zygote, subject, entry),
                     entry.serving->control());
  });
}

}  // namespace cgisrv::warm

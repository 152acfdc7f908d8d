#include "pool/lifecycle.h"

#include <array>
#include <cstddef>
#include <span>

namespace cgisrv::pool {

namespace {

using enum State;

constexpr std::size_t states_count = static_cast<std::size_t>(gone) + 1;
constexpr std::size_t events_count = static_cast<std::size_t>(Event::stop) + 1;

struct Row {
  State state;
  Event event;
  State next;
  Action action;
};

// An event in neither of the two tables is impossible.
constexpr Row while_it_is_wanted[] = {
    {down, Event::start, starting, Action::fork},
    {down, Event::timeout, starting, Action::fork},
    {down, Event::drain, gone, Action::bury},
    {down, Event::replaced, gone, Action::bury},
    {down, Event::stop, gone, Action::bury},

    {starting, Event::ready, running, Action::welcome},
    {starting, Event::exited, down, Action::respawn},
    {starting, Event::failed, gone, Action::bury},
    {starting, Event::hung, killed, Action::kill},
    {starting, Event::drain, draining, Action::send_drain},
    {starting, Event::replaced, draining, Action::send_replaced},
    {starting, Event::stop, stopping, Action::send_stop},

    {running, Event::ready, running, Action::none},  // said again
    {running, Event::exited, down, Action::respawn},
    {running, Event::failed, gone, Action::bury},
    {running, Event::hung, killed, Action::kill},
    {running, Event::retire, retiring, Action::none},
    {running, Event::drain, draining, Action::send_drain},
    {running, Event::replaced, draining, Action::send_replaced},
    {running, Event::stop, stopping, Action::send_stop},

    {retiring, Event::ready, retiring, Action::none},
    {retiring, Event::exited, gone, Action::bury},
    {retiring, Event::hung, killed_last, Action::kill},
    {retiring, Event::drain, draining, Action::send_drain},
    {retiring, Event::replaced, draining, Action::send_replaced},
    {retiring, Event::stop, stopping, Action::send_stop},

    {killed, Event::ready, killed, Action::none},  // said before it hung
    {killed, Event::exited, down, Action::respawn},
    {killed, Event::failed, gone, Action::bury},
    {killed, Event::drain, killed_last, Action::none},
    {killed, Event::replaced, killed_last, Action::none},
    {killed, Event::stop, killed_last, Action::none},
};

constexpr Row once_it_is_to_end[] = {
    {draining, Event::timeout, stopping, Action::send_stop},
    {draining, Event::ready, draining, Action::none},  // said before it read the command
    {draining, Event::exited, gone, Action::bury},
    {draining, Event::failed, gone, Action::bury},
    {draining, Event::hung, forced, Action::kill},
    {draining, Event::drain, draining, Action::none},
    {draining, Event::replaced, draining, Action::none},
    {draining, Event::stop, stopping, Action::send_stop},

    {stopping, Event::timeout, forced, Action::kill},
    {stopping, Event::ready, stopping, Action::none},
    {stopping, Event::exited, gone, Action::bury},
    {stopping, Event::failed, gone, Action::bury},
    {stopping, Event::hung, forced, Action::kill},
    {stopping, Event::drain, stopping, Action::none},
    {stopping, Event::replaced, stopping, Action::none},
    {stopping, Event::stop, stopping, Action::none},

    {killed_last, Event::ready, killed_last, Action::none},
    {killed_last, Event::exited, gone, Action::bury},
    {killed_last, Event::failed, gone, Action::bury},
    {killed_last, Event::drain, killed_last, Action::none},
    {killed_last, Event::replaced, killed_last, Action::none},
    {killed_last, Event::stop, killed_last, Action::none},

    {forced, Event::ready, forced, Action::none},
    {forced, Event::exited, gone, Action::bury},
    {forced, Event::failed, gone, Action::bury},
    {forced, Event::drain, forced, Action::none},
    {forced, Event::replaced, forced, Action::none},
    {forced, Event::stop, forced, Action::none},

    {gone, Event::drain, gone, Action::none},  // not forgotten yet
    {gone, Event::replaced, gone, Action::none},
    {gone, Event::stop, gone, Action::none},
};

using Table = std::array<std::array<Transition, events_count>, states_count>;

consteval void enter(Table& table, std::span<const Row> rows) {
  for (const Row& row : rows) {
    Transition& cell =
        table[static_cast<std::size_t>(row.state)][static_cast<std::size_t>(row.event)];
    if (cell.action != Action::impossible) throw "two rows for one state and event";
    cell = {row.next, row.action};
  }
}

consteval Table make_table() {
  Table table{};
  for (auto& of_state : table)
    of_state.fill({down, Action::impossible});
  enter(table, while_it_is_wanted);
  enter(table, once_it_is_to_end);
  return table;
}

constexpr Table table = make_table();

struct Traits {
  std::string_view name;
  std::string_view reported;
  bool serves;
  bool has_heartbeat;
  bool told_to_end;
};

constexpr std::array<Traits, states_count> traits = {{
    // name         reported    serves heartbeat told to end
    {"down", "down", false, false, false},
    {"starting", "starting", false, true, false},
    {"running", "running", true, true, false},
    {"retiring", "running", true, true, false},
    {"draining", "draining", false, true, true},
    {"stopping", "stopping", false, true, true},
    {"killed", "killed", false, false, false},
    {"killed_last", "killed", false, false, false},
    {"forced", "killed", false, false, true},
    {"gone", "down", false, false, false},
}};

const Traits& of(State state) {
  return traits[static_cast<std::size_t>(state)];
}

}  // namespace

Transition transition(State state, Event event) {
  return table[static_cast<std::size_t>(state)][static_cast<std::size_t>(event)];
}

bool serves(State state) {
  return of(state).serves;
}

bool has_heartbeat(State state) {
  return of(state).has_heartbeat;
}

bool told_to_end(State state) {
  return of(state).told_to_end;
}

std::string_view name(State state) {
  return of(state).name;
}

std::string_view reported(State state) {
  return of(state).reported;
}

}  // namespace cgisrv::pool

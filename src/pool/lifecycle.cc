#include "pool/lifecycle.h"

#include <array>

namespace cgisrv::pool {

namespace {
using enum State;
constexpr Transition no = {down, Action::impossible};

// clang-format off
constexpr std::array<std::array<Transition, 7>, 6> table = {{
    // start                      ready                       exited                     hung                      drain                          stop                          overdue
    {{{starting, Action::fork},   no,                         no,                        no,                       {down, Action::none},          {down, Action::none},         no}},                              // down
    {{no,                         {running, Action::none},    {down, Action::respawn},   {killed, Action::kill},   {draining, Action::send_drain}, {stopping, Action::send_stop}, no}},                            // starting
    {{no,                         no,                         {down, Action::respawn},   {killed, Action::kill},   {draining, Action::send_drain}, {stopping, Action::send_stop}, no}},                            // running
    {{no,                         {draining, Action::none},   {down, Action::bury},      {killed, Action::kill},   {draining, Action::none},      {stopping, Action::send_stop}, {stopping, Action::send_stop}}},  // draining
    {{no,                         {stopping, Action::none},   {down, Action::bury},      {killed, Action::kill},   {stopping, Action::none},      {stopping, Action::none},     {killed, Action::kill}}},          // stopping
    {{no,                         {killed, Action::none},     {down, Action::respawn},   {killed, Action::none},   {killed, Action::none},        {killed, Action::none},       {killed, Action::none}}},          // killed
}};
// clang-format on
}  // namespace

Transition transition(State state, Event event) {
  return table[static_cast<std::size_t>(state)][static_cast<std::size_t>(event)];
}

std::string_view name(State state) {
  constexpr std::array<std::string_view, 6> names = {"down",     "starting", "running",
                                                     "draining", "stopping", "killed"};
  return names[static_cast<std::size_t>(state)];
}

}  // namespace cgisrv::pool

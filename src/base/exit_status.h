// Exit statuses as in sysexits.h, which init systems and scripts know.
#pragma once

namespace cgisrv::exit_status {

inline constexpr int ok = 0;
inline constexpr int usage = 64;
inline constexpr int no_input = 66;
inline constexpr int unavailable = 69;
inline constexpr int software = 70;
inline constexpr int cannot_create = 73;
inline constexpr int permission = 77;
inline constexpr int configuration = 78;

}  // namespace cgisrv::exit_status

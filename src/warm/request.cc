#include "warm/request.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <vector>

#include "base/packet.h"
#include "warm/wire.h"

namespace cgisrv::warm {

namespace {

void append(std::string& packed, std::string_view text) {
  packed.append(text).push_back('\0');
}

std::string pack(const ForkRequest& request) {
  std::string packed;
  for (const process::ResourceLimit& limit : request.limits) {
    const cgisrv_warm_limit one{.resource = static_cast<std::uint32_t>(limit.resource),
                                .reserved = 0,
                                .soft = limit.value.rlim_cur,
                                .hard = limit.value.rlim_max};
    packed.append(reinterpret_cast<const char*>(&one), sizeof one);
  }
  append(packed, request.key.file);
  for (const char* variable : request.environment)
    append(packed, variable);
  append(packed, request.directory);
  return packed;
}

Fd in_memory(const std::string& packed) {
  Fd file(::memfd_create("request", MFD_CLOEXEC));
  const auto size = static_cast<ssize_t>(packed.size());
  if (!file || ::pwrite(file.get(), packed.data(), packed.size(), 0) != size) return Fd();
  return file;
}

}  // namespace

bool send_request(int control, const ForkRequest& request, const Channel& channel) {
  std::string packed = pack(request);
  if (packed.size() > CGISRV_WARM_PACKED_MAX) return false;
  cgisrv_warm_request head{};
  head.header = {CGISRV_WARM_MAGIC, CGISRV_WARM_REQUEST, channel.id};
  head.packed_bytes = static_cast<std::uint32_t>(packed.size());
  head.limit_count = static_cast<std::uint32_t>(request.limits.size());
  head.argument_count = 1;
  head.variable_count = static_cast<std::uint32_t>(request.environment.size());
  // One for each: a program's O_NONBLOCK, or lock, on it would affect the next program, too.
  const Fd null(request.stdin_fd < 0 ? ::open("/dev/null", O_RDONLY | O_CLOEXEC) : -1);
  if (request.stdin_fd < 0 && !null) return false;
  std::vector<int> descriptors = {null ? null.get() : request.stdin_fd, request.stdout_fd,
                                  request.stderr_fd, channel.reply, channel.claim};
  if (request.cgroup_fd >= 0) {
    head.flags |= CGISRV_WARM_WITH_CGROUP;
    descriptors.push_back(request.cgroup_fd);
  }
  Fd file;
  if (packed.size() > CGISRV_WARM_INLINE_MAX) {
    file = in_memory(packed);
    if (!file) return false;
    head.flags |= CGISRV_WARM_WITH_MEMFD;
    descriptors.push_back(file.get());
    packed.clear();
  }
  const std::array<iovec, 2> parts = {iovec{&head, sizeof head},
                                      iovec{packed.data(), packed.size()}};
  return send_packet(control, parts, descriptors);
}

}  // namespace cgisrv::warm

#include "warm/binary.h"

#include <cgisrv/fd.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "base/shortage.h"
#include "base/text.h"
#include "process/elf.h"
#include "process/linkage.h"
#include "process/privileges.h"
#include "process/shebang.h"

namespace cgisrv::warm {

namespace {

// Never blocks, whatever the file is.
Fd open_to_read(const std::string& file) {
  return Fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
}

std::string why_not_this_machine(std::string_view head) {
  const auto elf = process::read_elf_head(head);
  if (!elf)
    return head.starts_with("#!")
               ? "is itself a script; name the program that runs it in its stead"
               : "is neither a binary nor a script whose first line names its interpreter";
  if (elf->machine != process::this_machine())
    return fmt::format("is a binary for {}, and this machine is {}",
                       process::machine_name(elf->machine),
                       process::machine_name(process::this_machine()));
  if (elf->bits != sizeof(void*) * 8)
    return fmt::format("is a {}-bit binary, into which nothing made for {} bits can be preloaded",
                       elf->bits, sizeof(void*) * 8);
  return {};
}

std::string why_not_loader(const std::string& loader, const std::string& of_system) {
  if (loader.empty())
    return "is statically linked, so that nothing can be preloaded; it starts fast as it is";
  if (loader.contains("musl"))
    return "was built for the C library musl, which does not load what was built for that of this "
           "system; build it for glibc to have it kept warm";
  std::error_code ignored;
  // A static server has none, and does not know which the library was made for.
  if (!of_system.empty() && !std::filesystem::equivalent(loader, of_system, ignored))
    return fmt::format("has a loader of its own, {}, where that of this system is {}",
                       text::escape(loader, 200), text::escape(of_system, 200));
  return {};
}

// `own`: ours, which is also the library's.
std::string why_not_linkage(const process::Linkage& linkage, const process::Linkage& own) {
  if (linkage.is_go)
    return "is written in Go, whose runtime starts threads, and starts fast as it is";
  if (auto why = why_not_loader(linkage.loader, own.loader); !why.empty()) return why;
  if (std::ranges::find(linkage.needed, "libc.so.6") == linkage.needed.end())
    return "does not use the C library (libc.so.6), by which it would be stopped before main";
  if (!linkage.enters_by_libc)
    return "does not come to main by way of the C library (__libc_start_main), by which it would "
           "be stopped there";
  return {};
}

}  // namespace

Result<std::string> why_not_preloaded(const std::string& file) {
  const Fd own = open_to_read("/proc/self/exe");
  const int why_not_own = own ? 0 : errno;
  const Fd fd = open_to_read(file);
  const int why_not_fd = fd ? 0 : errno;
  for (const int code : {why_not_own, why_not_fd})
    if (is_shortage(code)) return fail_errno(code, "cannot be read just now");
  if (!fd)
    return fmt::format("cannot be read, so that it is not known what it is: {}",
                       errno_text(why_not_fd));
  if (auto why = why_not_this_machine(process::file_head(fd.get())); !why.empty()) return why;
  if (const auto granted = process::granted_by(file); !granted.empty())
    return fmt::format("is {}, and nothing is preloaded into what gains privileges", granted);
  return why_not_linkage(process::read_linkage(fd.get()), process::read_linkage(own.get()));
}

}  // namespace cgisrv::warm

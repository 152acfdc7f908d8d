// Why a script did not start, from its first line: a sentence that may be printed.
#include "cgi/diagnosis.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "fuzz.h"

namespace cgisrv::fuzz {

CGISRV_FUZZ_TARGET(diagnosis) {
  static const int file = ::memfd_create("script", 0);
  CGISRV_CHECK(::ftruncate(file, 0) == 0);
  CGISRV_CHECK(::pwrite(file, input.data(), input.size(), 0) == static_cast<ssize_t>(input.size()));
  const cgi::Script script = {.filename = "/proc/self/fd/" + std::to_string(file)};
  for (const int code : {ENOENT, EACCES, ENOEXEC}) {
    const auto diagnosis =
        cgi::diagnose_start({.step = process::SpawnStep::exec, .code = code}, script);
    CGISRV_CHECK(diagnosis.status == 502);
    CGISRV_CHECK(diagnosis.sentence.starts_with(script.filename));
    CGISRV_CHECK(is_printable(diagnosis.sentence));
  }
}

}  // namespace cgisrv::fuzz

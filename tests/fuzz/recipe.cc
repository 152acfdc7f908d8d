// Whether a file can be kept warm: its first line, or what it says of its linkage.
#include "warm/recipe.h"

#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

namespace cgisrv::fuzz {

CGISRV_FUZZ_TARGET(recipe) {
  static const int file = ::memfd_create("program", 0);
  CGISRV_CHECK(::ftruncate(file, 0) == 0);
  CGISRV_CHECK(::pwrite(file, input.data(), input.size(), 0) == static_cast<ssize_t>(input.size()));
  const warm::WarmProgram program = {.file = "/proc/self/fd/" + std::to_string(file)};
  const auto recipe = warm::make_recipe(program, {}, "/usr/lib/cgisrv");
  if (recipe) {
    CGISRV_CHECK(recipe->executable.starts_with('/'));
    CGISRV_CHECK(recipe->argv.back() == program.file);
    CGISRV_CHECK(input.starts_with("#!") || input.starts_with("\x7f"
                                                              "ELF"));
  } else {
    CGISRV_CHECK(recipe.error().why.starts_with("It") && recipe.error().why.ends_with('.'));
    CGISRV_CHECK(is_printable(recipe.error().why));
  }
}

}  // namespace cgisrv::fuzz

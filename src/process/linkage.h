// How a binary of this machine is linked, elf(5).
#pragma once

#include <string>
#include <vector>

namespace cgisrv::process {

struct Linkage {
  std::string loader;               // PT_INTERP; empty: statically linked
  std::vector<std::string> needed;  // libraries, DT_NEEDED
  bool enters_by_libc = false;      // main() is called by the C library: __libc_start_main
  bool is_go = false;               // has a section of Go's linker
};

// `file`: a descriptor of it; read with pread(2), a few KiB where needed. Parts that are missing,
// malformed, far larger than in any program, or for another kind of machine count as absent.
Linkage read_linkage(int file);

}  // namespace cgisrv::process

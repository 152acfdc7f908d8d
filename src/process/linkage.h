// How a binary of this machine is linked, elf(5).
#pragma once

#include <string>
#include <vector>

namespace cgisrv::process {

struct Linkage {
  std::string loader;               // PT_INTERP; empty: statically linked
  std::vector<std::string> needed;  // libraries, DT_NEEDED
  bool enters_by_libc = false;      // main() is called by the C library: __libc_start_main
  bool is_go = false;               // has a section that Go's linker makes
};

// `file`: a descriptor of it; read with pread(2), a few KiB where they are needed. What is not
// there, is malformed, is far larger than in any program, or was made for another kind of machine
// is taken for absent.
Linkage read_linkage(int file);

}  // namespace cgisrv::process

/* The executable itself, as the dynamic linker has loaded it: elf(5), dl_iterate_phdr(3). */
#include <elf.h>
#include <link.h>
#include <string.h>

#include "shim.h"

/* Locations in it to be filled in, each with the number of its symbol. */
struct relocations {
  const char* begin;
  size_t bytes;
  size_t entry_bytes;
};

struct tables {
  const ElfW(Sym) * symbols;
  const char* names;
  struct relocations of_data;
  struct relocations of_calls;
};

/* The linker relocates addresses, but not on every machine. */
static const void* address(ElfW(Addr) base, ElfW(Addr) value) {
  return (const void*)(value < base ? base + value : value);
}

static void take(struct tables* tables, const void* value, const ElfW(Dyn) * entry) {
  switch (entry->d_tag) {
    case DT_SYMTAB:
      tables->symbols = value;
      break;
    case DT_STRTAB:
      tables->names = value;
      break;
    case DT_RELA:
    case DT_REL:
      tables->of_data.begin = value;
      break;
    case DT_RELASZ:
    case DT_RELSZ:
      tables->of_data.bytes = entry->d_un.d_val;
      break;
    case DT_RELAENT:
    case DT_RELENT:
      tables->of_data.entry_bytes = entry->d_un.d_val;
      break;
    case DT_JMPREL:
      tables->of_calls.begin = value;
      break;
    case DT_PLTRELSZ:
      tables->of_calls.bytes = entry->d_un.d_val;
      break;
    case DT_PLTREL:
      tables->of_calls.entry_bytes =
          entry->d_un.d_val == DT_RELA ? sizeof(ElfW(Rela)) : sizeof(ElfW(Rel));
  }
}

static bool names(const struct tables* tables, const struct relocations* which, const char* name) {
  if (which->begin == NULL || which->entry_bytes == 0) return false;
  for (size_t at = 0; at + which->entry_bytes <= which->bytes; at += which->entry_bytes) {
    const ElfW(Rel)* one = (const ElfW(Rel)*)(which->begin + at);
    const size_t symbol = one->r_info >> (__ELF_NATIVE_CLASS == 64 ? 32 : 8);
    if (strcmp(tables->names + tables->symbols[symbol].st_name, name) == 0) return true;
  }
  return false;
}

/* The executable is reported first. 1: it imports the symbol; 2: it does not. */
static int look(struct dl_phdr_info* program, size_t size, void* name) {
  (void)size;
  struct tables tables = {0};
  const ElfW(Dyn)* entry = NULL;
  for (int i = 0; i < program->dlpi_phnum; ++i)
    if (program->dlpi_phdr[i].p_type == PT_DYNAMIC)
      entry = (const ElfW(Dyn)*)(program->dlpi_addr + program->dlpi_phdr[i].p_vaddr);
  for (; entry != NULL && entry->d_tag != DT_NULL; ++entry)
    take(&tables, address(program->dlpi_addr, entry->d_un.d_ptr), entry);
  const bool is_whole = tables.symbols != NULL && tables.names != NULL;
  return is_whole &&
                 (names(&tables, &tables.of_data, name) || names(&tables, &tables.of_calls, name))
             ? 1
             : 2;
}

bool program_needs(const char* symbol) {
  return dl_iterate_phdr(look, (void*)symbol) == 1;
}

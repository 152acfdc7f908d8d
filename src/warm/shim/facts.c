/* The zygote's files, whose change makes it out of date. */
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim.h"

static bool make_room(struct text* text) {
  const size_t room = text->room == 0 ? 65536 : 2 * text->room;
  void* bytes = text->room == 0
                    ? mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                    : mremap(text->bytes, text->room, room, MREMAP_MAYMOVE);
  if (bytes == MAP_FAILED) return false;
  text->bytes = bytes;
  text->room = room;
  return true;
}

static struct text read_descriptor(int fd) {
  struct text text = {0};
  ssize_t got = 1;
  while (got > 0) {
    if (text.size + 1 >= text.room && !make_room(&text)) break;
    got = read(fd, text.bytes + text.size, text.room - text.size - 1);
    if (got > 0) text.size += (size_t)got;
  }
  if (got != 0) drop(&text);
  return text;
}

struct text read_text(const char* path) {
  struct text text = {0};
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return text;
  text = read_descriptor(fd);
  close(fd);
  return text;
}

void drop(struct text* text) {
  if (text->room != 0) munmap(text->bytes, text->room);
  *text = (struct text){0};
}

static void write_all(int fd, const char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t written = real_write(fd, bytes, size);
    if (written <= 0) refuse("There is no memory for what it has loaded.");
    bytes += written;
    size -= (size_t)written;
  }
}

/* The files mapped into us, from /proc/self/maps: a path is the last field, and has a slash. */
static void write_mapped(int fd) {
  struct text maps = read_text("/proc/self/maps");
  const char* previous = "";
  char* next = maps.bytes;
  for (char* line; (line = next) != NULL && *line != '\0';) {
    next = strchr(line, '\n');
    if (next != NULL) *next++ = '\0';
    char* path = strchr(line, '/');
    if (path == NULL || strcmp(path, previous) == 0) continue;
    previous = path;
    write_all(fd, path, strlen(path) + 1);
  }
  drop(&maps);
}

/* Also libraries by the names under which they were found: a link may be redirected. */
static int write_found(struct dl_phdr_info* library, size_t size, void* fd) {
  (void)size;
  const char* path = library->dlpi_name;
  if (path[0] == '/') write_all(*(const int*)fd, path, strlen(path) + 1);
  return 0;
}

/* A bootstrap writes "ready", or "refused" and why, then what it has loaded: each ended by NUL. */
void state_facts(void) {
  struct text slate = {0};
  if (!shim.native) {
    lseek(shim.slate, 0, SEEK_SET);
    slate = read_descriptor(shim.slate);
    if (slate.size == 0) refuse("It starts another process while it loads.");
    const size_t word = strlen(slate.bytes) + 1;
    if (strcmp(slate.bytes, "refused") == 0) refuse("%s", slate.bytes + word);
    if (ftruncate(shim.slate, 0) != 0) refuse("The slate cannot be written.");
    lseek(shim.slate, 0, SEEK_SET);
    write_all(shim.slate, slate.bytes + word, slate.size > word ? slate.size - word : 0);
    drop(&slate);
  }
  write_mapped(shim.slate);
  dl_iterate_phdr(write_found, &shim.slate);
}

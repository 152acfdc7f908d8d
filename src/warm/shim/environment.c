/* The environment of a child: its request's, and the program's own changes on its way. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shim.h"

extern char** environ;

static char** began;   /* what the boot had, as copies */
static char** changes; /* "NAME=value": was set; "NAME": was removed */
static size_t change_count;

static size_t length_of(char* const* list) {
  size_t length = 0;
  while (list != NULL && list[length] != NULL)
    ++length;
  return length;
}

static void* need(void* memory) {
  if (memory == NULL) refuse("There is no memory for its environment.");
  return memory;
}

static size_t name_length(const char* variable) {
  return strcspn(variable, "=");
}

/* The variable of the same name in a list; NULL: none. */
static char* find(char* const* list, const char* variable) {
  const size_t length = name_length(variable);
  for (; list != NULL && *list != NULL; ++list)
    if (strncmp(*list, variable, length) == 0 && name_length(*list) == length) return *list;
  return NULL;
}

static bool is_for_us(const char* variable) {
  return strncmp(variable, "CGISRV_WARM", 11) == 0 || strncmp(variable, "LD_PRELOAD=", 11) == 0 ||
         strncmp(variable, "LD_BIND_NOW=", 12) == 0;
}

/* From the kernel, since constructors may have changed it before ours is called. Of our own
 * variables, only the rest. */
void note_environment(void) {
  struct text text = read_text("/proc/self/environ");
  if (text.size == 0) refuse("/proc cannot be read: what its environment was is not known.");
  size_t count = 0;
  for (size_t i = 0; i < text.size; ++i)
    count += text.bytes[i] == '\0';
  began = need(calloc(count + 3, sizeof *began));
  size_t length = 0;
  for (const char* one = text.bytes; one < text.bytes + text.size; one += strlen(one) + 1)
    if (!is_for_us(one)) began[length++] = need(strdup(one));
  for (char** one = environ; one != NULL && *one != NULL; ++one)
    if (is_for_us(*one) && length < count + 2) began[length++] = need(strdup(*one));
  drop(&text);
}

void note_changes(void) {
  changes = need(calloc(length_of(began) + length_of(environ) + 1, sizeof *changes));
  for (char** variable = environ; variable != NULL && *variable != NULL; ++variable) {
    const char* before = find(began, *variable);
    if (before == NULL || strcmp(before, *variable) != 0)
      changes[change_count++] = need(strdup(*variable));
  }
  for (char** variable = began; *variable != NULL; ++variable)
    if (find(environ, *variable) == NULL)
      changes[change_count++] = need(strndup(*variable, name_length(*variable)));
}

static bool is_set(const char* change) {
  return change[name_length(change)] == '=';
}

/* As by setenv(3) and unsetenv(3): changed variables stay in place, new ones come last. */
bool build_environment(const char* variables, uint32_t count) {
  char** list = calloc(count + change_count + 1, sizeof *list);
  if (list == NULL) return false;
  size_t length = 0;
  for (; count > 0; --count, variables += strlen(variables) + 1) {
    const char* change = find(changes, variables);
    if (change != NULL && !is_set(change)) continue;
    if ((list[length++] = strdup(change != NULL ? change : variables)) == NULL) return false;
  }
  for (size_t i = 0; i < change_count; ++i)
    if (is_set(changes[i]) && find(list, changes[i]) == NULL)
      if ((list[length++] = strdup(changes[i])) == NULL) return false;
  environ = list;
  return true;
}

static size_t size_of(char* const* list) {
  size_t size = 0;
  for (; *list != NULL; ++list)
    size += strlen(*list) + 1;
  return size;
}

static char* copy_all(char* to, char* const* list) {
  for (; *list != NULL; ++list)
    to = stpcpy(to, *list) + 1;
  return to;
}

int fill_slate(void) {
  char number[16];
  snprintf(number, sizeof number, "%d", shim.argc - 1);
  char* const first[] = {number, NULL};
  const size_t room = size_of(first) + size_of(shim.argv + 1) + size_of(environ);
  char* bytes = malloc(room);
  const int fd = memfd_create("slate", MFD_CLOEXEC);
  if (bytes == NULL || fd < 0) return errno;
  copy_all(copy_all(copy_all(bytes, first), shim.argv + 1), environ);
  const ssize_t written = pwrite(fd, bytes, room, 0);
  free(bytes);
  if (written != (ssize_t)room || dup3(fd, shim.slate, O_CLOEXEC) < 0) return errno;
  close(fd);
  return 0;
}

/* What the keeper has left in the environment is taken out of it, before the program runs. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "shim.h"

struct shim shim = {.phase = PHASE_OFF, .control = -1, .slate = -1};

/* Out of the environment; -1: it is not there. */
static int take_number(const char* name) {
  const char* text = getenv(name);
  const int number = text != NULL ? (int)strtol(text, NULL, 10) : -1;
  unsetenv(name);
  return number;
}

static int take_descriptor(const char* name) {
  const int fd = take_number(name);
  return fd >= 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 ? fd : -1;
}

/* Ours comes first; what stands behind it is the program's. */
static void restore_preload(void) {
  const char* list = getenv("LD_PRELOAD");
  const char* rest = list != NULL ? strchr(list, ':') : NULL;
  if (rest != NULL)
    setenv("LD_PRELOAD", rest + 1, 1);
  else
    unsetenv("LD_PRELOAD");
}

void boot(void) {
  static bool is_done;
  if (is_done) return;
  is_done = true;
  const char* mode = getenv("CGISRV_WARM");
  if (mode == NULL) return;
  shim.native = strcmp(mode, "main") == 0;
  shim.control = take_descriptor("CGISRV_WARM_CONTROL");
  shim.slate = take_descriptor("CGISRV_WARM_SLATE");
  /* Otherwise a constructor before ours has started another program. */
  const int waiting = take_number("CGISRV_WARM_WAITING");
  shim.waiting = waiting > 0 ? (uint32_t)waiting : 0;
  const bool is_ours = take_number("CGISRV_WARM_KEEPER") == getppid();
  restore_preload();
  unsetenv("CGISRV_WARM");
  if (shim.native) unsetenv("LD_BIND_NOW");
  if (shim.control < 0 || shim.slate < 0 || !is_ours) return;
  /* Otherwise nothing would stop it where it begins. */
  if (shim.native && !program_needs("__libc_start_main"))
    refuse("It is not started by libc, as programs of C and C++ are.");
  note_environment();
  note_beginning();
  /* Programs of the same user could otherwise read and change what all requests start from. */
  prctl(PR_SET_DUMPABLE, 0);
  shim.phase = PHASE_LOADING;
}

/* Those of other libraries may come first: what they call of ours boots, too. */
__attribute__((constructor)) static void boot_at_start(void) {
  boot();
}

void refuse(const char* format, ...) {
  char packet[sizeof(struct cgisrv_warm_header) + CGISRV_WARM_REASON_MAX];
  const struct cgisrv_warm_header header = {CGISRV_WARM_MAGIC, CGISRV_WARM_REFUSED, 0};
  memcpy(packet, &header, sizeof header);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(packet + sizeof header, CGISRV_WARM_REASON_MAX, format, arguments);
  va_end(arguments);
  send_packet(shim.control, packet, sizeof header + strlen(packet + sizeof header), -1, true);
  _exit(0);
}

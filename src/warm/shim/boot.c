/* What the keeper has left in the environment is taken out of it, before the program runs. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "shim.h"

struct shim shim = {.phase = PHASE_OFF, .control = -1, .slate = -1};

static int take_descriptor(const char* name) {
  const char* text = getenv(name);
  const int fd = text != NULL ? (int)strtol(text, NULL, 10) : -1;
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

__attribute__((constructor)) static void boot(void) {
  const char* mode = getenv("CGISRV_WARM");
  if (mode == NULL) return;
  shim.native = strcmp(mode, "main") == 0;
  shim.control = take_descriptor("CGISRV_WARM_CONTROL");
  shim.slate = take_descriptor("CGISRV_WARM_SLATE");
  restore_preload();
  unsetenv("CGISRV_WARM");
  unsetenv("CGISRV_WARM_CONTROL");
  unsetenv("CGISRV_WARM_SLATE");
  if (shim.native) unsetenv("LD_BIND_NOW");
  if (shim.control < 0 || shim.slate < 0) {
    fputs("cgisrv: a zygote was started without its sockets\n", stderr);
    _exit(70);
  }
  note_environment();
  shim.phase = PHASE_LOADING;
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

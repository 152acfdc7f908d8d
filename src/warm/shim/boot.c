/* Takes the manager's variables out of the environment, before the program runs. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "shim.h"

struct shim shim = {.phase = PHASE_OFF, .channel = -1, .control = -1, .slate = -1};

/* Removes it from the environment; -1: it is not set. */
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

/* Ours comes first; the rest is the program's. */
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
  shim.channel = take_descriptor("CGISRV_WARM_CHANNEL");
  shim.slate = take_descriptor("CGISRV_WARM_SLATE");
  /* Otherwise a constructor before ours has started another program. */
  const int waiting = take_number("CGISRV_WARM_WAITING");
  shim.waiting = waiting > 0 ? (uint32_t)waiting : 0;
  const bool is_ours = take_number("CGISRV_WARM_MANAGER") == getppid();
  restore_preload();
  unsetenv("CGISRV_WARM");
  if (shim.native) unsetenv("LD_BIND_NOW");
  if (shim.channel < 0 || shim.slate < 0 || !is_ours) return;
  /* Otherwise nothing would stop it at its start. */
  if (shim.native && !program_needs("__libc_start_main"))
    refuse("It is not started by libc, as programs of C and C++ are.");
  note_environment(); /* while /proc is readable for us */
  /* Programs of the same user could otherwise read and change what all requests start from. Before
   * this, the process holds nothing of others. */
  prctl(PR_SET_DUMPABLE, 0);
  note_beginning();
  shim.phase = PHASE_LOADING;
}

/* Constructors of other libraries may come first: functions of ours that they call boot, too. */
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
  send_packet(shim.channel, packet, sizeof header + strlen(packet + sizeof header), -1, true);
  _exit(0);
}

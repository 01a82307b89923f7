/* Steps the time of day of one process as a time server's daemon does: CLOCK_REALTIME alone. What the
 * agents' rules rest on, CLOCK_BOOTTIME and CLOCK_MONOTONIC, no daemon can step, and neither does this.
 *
 * CAMPAIGN_CLOCK names a file with the step in seconds. It is looked at every 20 ms. */

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static _Atomic long step_s, looked_ms;

static long step(void) {
  /* Nobody expects that telling the time fails. */
  int error = errno;
  struct timespec now;
  syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
  long now_ms = now.tv_sec * 1000 + now.tv_nsec / 1000000;
  if (now_ms - looked_ms >= 20) {
    looked_ms = now_ms;
    const char *path = getenv("CAMPAIGN_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    char text[32] = {0};
    if (file >= 0) {
      if (read(file, text, sizeof text - 1) > 0) step_s = strtol(text, NULL, 10);
      close(file);
    }
    errno = error;
  }
  return step_s;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  int result = syscall(SYS_clock_gettime, clock, time);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) time->tv_sec += step();
  return result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
  int result = syscall(SYS_gettimeofday, time, zone);
  if (result == 0 && time) time->tv_sec += step();
  return result;
}

time_t time(time_t *place) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (place) *place = now.tv_sec;
  return now.tv_sec;
}

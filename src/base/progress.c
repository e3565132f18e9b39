#include "base/progress.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

double progress_clock(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* A path may hold what a terminal would obey; such bytes show as '?'. */
static void copy_label(char *out, size_t capacity, const char *label)
{
  while (*label) {
    size_t printable = text_printable(label), length = printable ? printable : 1;
    if (capacity <= length)
      break;
    memcpy(out, printable ? label : "?", length);
    out += length;
    label += length;
    capacity -= length;
  }
  *out = 0;
}

void progress_start(struct progress *progress, const char *label, double total, bool quiet)
{
  *progress = (struct progress){.total = total > 0 ? total : 1,
                                .quiet = quiet,
                                .terminal = isatty(STDERR_FILENO) != 0,
                                .start = progress_clock()};
  progress->last = progress->start;
  copy_label(progress->label, sizeof progress->label, label);
}

void progress_go_on(struct progress *progress, double done)
{
  progress->first = done;
}

void progress_update(struct progress *progress, double done)
{
  double now = progress_clock();
  if (progress->quiet || now - progress->last < (progress->terminal ? 0.2 : 10.0))
    return;
  progress->last = now;
  double share = done / progress->total;
  double elapsed = now - progress->start;
  double here = done - progress->first;
  double left = here > 0 ? elapsed * (progress->total - done) / here : 0;
  if (progress->terminal) {
    char bar[31];
    for (int i = 0; i < 30; i++)
      bar[i] = i < (int)(30 * share) ? '#' : '.';
    bar[30] = 0;
    fprintf(stderr, "\r%s [%s] %3.0f %%, %.0f s left ", progress->label, bar, 100 * share, left);
    progress->shown = true;
  } else {
    fprintf(stderr, "%s: %.0f %% after %.0f s, about %.0f s left\n", progress->label, 100 * share,
            elapsed, left);
  }
}

void progress_end(struct progress *progress)
{
  if (progress->shown)
    fprintf(stderr, "\r\033[K");
}

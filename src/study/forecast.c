#include "study/forecast.h"

#include "base/memory.h"
#include "base/progress.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "probe/sure.h"
#include "study/cost.h"

#include <stdlib.h>
#include <sys/stat.h>

#define LONG_SECONDS 300.0
#define LONG_GFLOP 20000.0              /* less is a matter of minutes anywhere */
#define LONG_BYTES ((uint64_t)4 << 30)  /* to hash */
#define SAMPLE_BYTES ((size_t)64 << 20) /* hashed to see how fast that is */

/* The plan of one revision's screen. */
static bool plan(const struct manifest *m, const struct manifest_revision *revision,
                 const char *checkpoints, const struct runtime *runtime, struct forward_plan *plan)
{
  struct error error = {0};
  struct checkpoint *checkpoint = NULL;
  struct model model = {0};
  struct forward_options options = {0};
  char *path = manifest_revision_path(m, revision, checkpoints, &error);
  bool known = path && !checkpoint_open(path, &checkpoint, &error) &&
               !model_load(checkpoint, &model, &error) &&
               !cost_plan(&model, &m->protocol, runtime, &options, plan, &error);
  model_free(&model);
  checkpoint_close(checkpoint);
  free(path);
  return known;
}

/* "0.3 hours" or, of short ones, "12 s". */
static void add_time(struct text *text, double seconds)
{
  if (seconds < 600)
    text_add(text, "%.0f s", seconds);
  else
    text_add(text, "%.1f hours", seconds / 3600);
}

void forecast_until_sure(int64_t n, double seconds, struct text *text)
{
  const char *before = "";
  if (!sure_looks(n))
    return;
  text_add(text, "screen --until-sure 0.99 may end before all %lld sequences: ", (long long)n);
  for (int64_t look = sure_next_look(n, 0); look < n; look = sure_next_look(n, look)) {
    text_add(text, "%safter %lld in ", before, (long long)look);
    add_time(text, seconds * (double)look / (double)n);
    text_add(text, " (");
    add_time(text, seconds * (double)(n - look) / (double)n);
    text_add(text, " saved)");
    before = ", ";
  }
}

static void say_until_sure(const struct manifest *m, double seconds, const struct runtime *runtime)
{
  struct text text = {0};
  forecast_until_sure(m->protocol.n, seconds, &text);
  if (text.length && !text.failed)
    notices_add(&runtime->notices, "%s: %s", m->model, text.data);
  text_free(&text);
}

void forecast_screens(const struct manifest *m, const char *checkpoints,
                      const struct runtime *runtime)
{
  struct forward_plan of;
  size_t i = 0;
  char size[32];
  while (runtime->notices.line && i < m->revision_count &&
         !plan(m, &m->revisions[i], checkpoints, runtime, &of))
    i++;
  if (!runtime->notices.line || i == m->revision_count)
    return;
  double gflop = of.gflop * (double)m->revision_count;
  double seconds = gflop > LONG_GFLOP ? cost_seconds(runtime, gflop, 2.0) : 0;
  if (seconds <= LONG_SECONDS)
    return;
  notices_add(&runtime->notices,
              "%s: %s, at most about %.1f hours with %s on %s (finished ones are "
              "not repeated); %s of memory",
              m->model, text_counted(m->revision_count, "revision").text, seconds / 3600,
              runtime->kernels->name,
              text_counted((size_t)threads_count(runtime->threads), "thread").text,
              text_bytes(size, sizeof size, of.bytes));
  say_until_sure(m, seconds, runtime);
}

void forecast_bytes(const char *path, uint64_t bytes, const struct notices *notices)
{
  struct error error = {0};
  struct digest digest;
  char size[32];
  if (!notices->line || bytes < LONG_BYTES)
    return;
  void *sample = memory_zeroed(SAMPLE_BYTES, 1, path, &error);
  double start = progress_clock();
  if (sample && !digest_of(sample, SAMPLE_BYTES, &digest, &error))
    notices_add(notices, "%s: %s to read and hash, about %.0f s unless the disk is slower",
                text_shown(path).text, text_bytes(size, sizeof size, bytes),
                (progress_clock() - start) * (double)bytes / (double)SAMPLE_BYTES);
  free(sample);
}

static uint64_t size_of(const char *path)
{
  struct stat info;
  return path && stat(path, &info) == 0 && S_ISREG(info.st_mode) ? (uint64_t)info.st_size : 0;
}

static uint64_t revision_bytes(const struct manifest *m, const struct manifest_revision *revision,
                               const char *checkpoints)
{
  struct error error = {0};
  uint64_t bytes = 0;
  char *directory = manifest_revision_path(m, revision, checkpoints, &error);
  for (size_t i = 0; directory && i < revision->file_count; i++) {
    char *path = file_join(directory, revision->files[i].path, &error);
    bytes += size_of(path);
    free(path);
  }
  free(directory);
  return bytes;
}

void forecast_digests(const struct manifest *m, const char *checkpoints,
                      const struct manifest_revision *only, const struct notices *notices)
{
  uint64_t bytes = m->has_container ? size_of(checkpoints ? checkpoints : m->checkpoints) : 0;
  for (size_t i = 0; notices->line && i < m->revision_count; i++)
    if (!only || only == &m->revisions[i])
      bytes += revision_bytes(m, &m->revisions[i], checkpoints);
  forecast_bytes(m->path, bytes, notices);
}

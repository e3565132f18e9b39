#include "study/sharding.h"

#include "base/file.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/progress.h"
#include "base/text.h"
#include "base/version.h"
#include "study/files_read.h"
#include "study/manifest_run.h"
#include "study/piece.h"
#include "study/run_obtain.h"
#include "study/screening.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A part on its way into its file. */
struct part_work {
  const struct manifest_run *run;
  const struct work_watch *watch; /* while it is made */
  const struct revision *shape;   /* layers and heads, likewise */
  struct screen_part only;
  struct piece piece;
  size_t first;   /* entry of the journal since it is worked on */
  char file[300]; /* where it is kept: a name in the folder of the model */
};

static bool may_save(void *context, bool wait)
{
  const struct part_work *work = context;
  return work->watch->may_save(work->watch->context, wait);
}

static bool go_on(void *context)
{
  const struct part_work *work = context;
  return work->watch->go_on(work->watch->context);
}

static int take(void *context, const struct observations *observations, struct error *error)
{
  struct part_work *work = context;
  struct piece_head *head = &work->piece.head;
  memcpy(head->identity, work->only.identity, sizeof head->identity);
  head->layers = work->shape->n_layers;
  head->heads = work->shape->n_heads;
  head->head_dim = observations_of(observations, 0).head_dim;
  return piece_take(observations, &work->run->manifest->protocol, &work->piece, error);
}

static int make(void *context, const char *checkpoint, const struct work_watch *watch,
                struct error *error)
{
  struct part_work *work = context;
  struct revision shape = {0};
  const struct screening screening = {.protocol = work->run->manifest->protocol,
                                      .partial = watch->partial,
                                      .may_save = may_save,
                                      .go_on = go_on,
                                      .seen = take,
                                      .context = work,
                                      .only = &work->only};
  work->watch = watch;
  work->shape = &shape;
  int status = screening_run(checkpoint, &screening, work->run->all->runtime, &shape, error);
  if (status)
    piece_free(&work->piece);
  else
    trajectory_revision_free(&shape);
  return status;
}

static void note_file(struct part_work *work, const char *path)
{
  snprintf(work->file, sizeof work->file, "%s", strrchr(path, '/') + 1);
}

/* Nothing of it is needed here but that it is whole, and of which files it is. */
static int load(void *context, const char *path, struct error *error)
{
  struct part_work *work = context;
  const struct piece_head *want = &work->piece.head;
  struct piece_file file;
  note_file(work, path);
  if (piece_open(path, work->run->manifest, &file, error))
    return error->code;
  if (strcmp(file.head.revision, want->revision) != 0 || file.head.range.from != want->range.from ||
      file.head.range.to != want->range.to)
    error_set(error, EXIT_INPUT, "%s: is another part than its name says; remove it", path);
  else if (!piece_check(&file, work->run->manifest, error))
    (void)files_read_add(file.read, path, work->run->journal, error);
  piece_close(&file);
  return error->code;
}

static int store(void *context, const char *path, struct error *error)
{
  struct part_work *work = context;
  note_file(work, path);
  json_t *read = files_read_json(work->run->journal, work->run->entry, work->first);
  int status = piece_write(path, work->run->manifest, &work->piece, read, error);
  json_decref(read);
  return status;
}

static void discard(void *context)
{
  struct part_work *work = context;
  piece_free(&work->piece);
}

static int obtain(struct manifest_run *run, const struct manifest_revision *m,
                  struct part_work *context, struct obtained *obtained, struct error *error)
{
  char suffix[64];
  snprintf(suffix, sizeof suffix, ".%lld-%lld.part", (long long)context->only.range.from,
           (long long)context->only.range.to);
  const struct work work = {suffix, make, load, store, discard, context};
  /* What is contradicted is kept, too: it gets no index. */
  return run_obtain(run, m, &work, true, obtained, error);
}

static void say_part(struct manifest_run *run, const char *revision,
                     const struct shard_range *range, const struct obtained *obtained,
                     double seconds)
{
  char how[64];
  snprintf(how, sizeof how, "screened in %.1f s", seconds);
  journal_say(run->journal, JOURNAL_DONE, "%-12s sequences %lld to %lld %s", revision,
              (long long)range->from, (long long)range->to,
              obtained->skipped   ? "skipped: its files failed verification; correct them and "
                                    "run again"
              : obtained->resumed ? "were finished by an earlier run"
                                  : how);
}

/* What the shard has of one revision, as an entry of "parts". */
static int add_part(struct manifest_run *run, size_t index, json_t *parts, struct error *error)
{
  const struct manifest *manifest = run->manifest;
  const struct manifest_revision *m = &manifest->revisions[index];
  struct part_work work = {.run = run, .first = run->journal->count};
  struct shard_range *range = &work.only.range;
  struct obtained obtained;
  double start = progress_clock();
  *range = shard_range(&run->all->sharding->shard, index, manifest->revision_count,
                       manifest->protocol.n);
  if (range->from == range->to)
    return 0;
  work.piece.head.range = *range;
  snprintf(work.piece.head.revision, sizeof work.piece.head.revision, "%s", m->name);
  int status = obtain(run, m, &work, &obtained, error);
  piece_free(&work.piece);
  if (status)
    return status;
  run->skipped += obtained.skipped;
  if (!obtained.skipped)
    json_add(parts, json_string(work.file));
  say_part(run, m->name, range, &obtained, progress_clock() - start);
  return 0;
}

static int add_parts(struct manifest_run *run, json_t *parts, struct error *error)
{
  const struct manifest *m = run->manifest;
  for (size_t i = 0; i < m->revision_count; i++) {
    if (add_part(run, i, parts, error))
      return error->code;
    if (interrupt_check_between(m->revisions[i].name, i + 1 == m->revision_count, error))
      return error->code;
  }
  return 0;
}

/* WORK/NAME */
static char *index_path(const char *work, struct error *error)
{
  return file_join(work, SHARD_INDEX, error);
}

/* Should this run not come to its end, that of an earlier one must not stand for it. */
static int remove_index(const char *work, struct error *error)
{
  char *path = index_path(work, error);
  if (path && unlink(path) != 0 && errno != ENOENT && errno != ENOTDIR)
    error_set(error, EXIT_RUN, "%s: cannot be removed: %s", path, error_reason(errno));
  free(path);
  return error->code;
}

static int screen(struct manifest_run *run, json_t *parts, struct error *error)
{
  const struct manifest *m = run->manifest;
  const struct reproduction *all = run->all;
  if (m->has_container && !pinned_file_pinned(&m->container))
    return error_set(error, EXIT_INPUT,
                     "%s: its archive is UNPINNED, and nothing else ties parts of several machines "
                     "to one; pin it with attest pin",
                     m->path);
  if (m->has_container && run_verify(run, NULL, error))
    return error->code;
  if (run->contradicted)
    return 0;
  if (run_open_work(run, all->checkpoints, error) || remove_index(all->work, error))
    return error->code;
  return add_parts(run, parts, error);
}

int sharding_run(struct manifest_run *run, struct error *error)
{
  const struct manifest *m = run->manifest;
  json_t *parts = json_array();
  if (m->content != MANIFEST_CHECKPOINTS)
    journal_say(run->journal, JOURNAL_NOT_COMPARED,
                "anything: attest merge does all of this manifest, none of which is cut");
  else if (screen(run, parts, error)) {
    json_decref(parts);
    return error->code;
  } else
    journal_say(run->journal, JOURNAL_NOT_COMPARED,
                "anything: attest merge does that when all shards are done");
  json_add(run->all->sharding->manifests,
           json_pack("{s:s, s:s, s:s, s:o, s:o}", "path", m->path, "xxh3_128", m->digest, "model",
                     m->model, "parts", parts, "read",
                     files_read_json(run->journal, run->entry, 0)));
  return 0;
}

int sharding_write(const struct sharding *sharding, const char *work, struct error *error)
{
  char *path = index_path(work, error);
  if (!path || file_make_directory(work, error)) { /* no part has made it if nothing was cut */
    free(path);
    return error->code;
  }
  json_t *index = json_pack("{s:i, s:s, s:I, s:I, s:O}", "format", SHARD_FORMAT, "attest",
                            ATTEST_VERSION, "shard", (json_int_t)sharding->shard.index, "of",
                            (json_int_t)sharding->shard.count, "manifests", sharding->manifests);
  int status = json_write(path, index, error);
  json_decref(index);
  free(path);
  return status;
}

char *sharding_folder(const char *work, const struct shard *shard, struct error *error)
{
  char name[64];
  snprintf(name, sizeof name, "shard-%zu-of-%zu", shard->index, shard->count);
  return file_join(work, name, error);
}

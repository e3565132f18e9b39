#include "study/plan.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/progress.h"
#include "base/version.h"
#include "checkpoint/checkpoint.h"
#include "probe/observe.h"
#include "study/cost.h"
#include "study/shard.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define SAMPLE_BYTES ((size_t)64 << 20) /* hashed to see how fast that is */
#define ROW_BYTES 200                   /* of a head in a CSV */

/* One revision, as one is like the other. */
struct shape {
  struct forward_plan screen;
  size_t heads, layers, head_dim;
  double logits_gflop; /* a pass to the logits, as an ablation runs it */
};

static void measure(struct plan *plan)
{
  struct error ignored = {0};
  struct digest digest;
  const double much = 1e6; /* so that the measurement takes its time */
  plan->seconds_a_gflop = cost_seconds(plan->runtime, much, 0.5) / much;
  void *sample = memory_zeroed(SAMPLE_BYTES, 1, "a sample to hash", &ignored);
  double start = progress_clock();
  if (sample && !digest_of(sample, SAMPLE_BYTES, &digest, &ignored))
    plan->seconds_a_byte = (progress_clock() - start) / (double)SAMPLE_BYTES;
  free(sample);
}

double plan_seconds(struct plan *plan, double gflop, uint64_t bytes)
{
  if (!(plan->seconds_a_gflop > 0))
    measure(plan);
  return gflop * plan->seconds_a_gflop + (double)bytes * plan->seconds_a_byte;
}

void plan_add(struct plan *plan, const struct plan_row *row)
{
  struct plan_row *rows = memory_room(plan->rows, plan->count + 1, &plan->capacity, sizeof *rows);
  plan->failed |= !rows;
  if (!rows)
    return;
  plan->rows = rows;
  plan->rows[plan->count++] = *row;
}

void plan_add_uncut(struct plan *plan, const struct plan_row *all, size_t shards)
{
  struct plan_row row = *all;
  snprintf(row.where, sizeof row.where, "in all");
  plan_add(plan, &row);
  for (size_t i = 1; shards > 1 && i <= shards; i++) {
    struct plan_row nothing = {.model = all->model, .work = all->work};
    snprintf(nothing.where, sizeof nothing.where, "shard %zu/%zu", i, shards);
    plan_add(plan, &nothing);
  }
  snprintf(row.where, sizeof row.where, "merge");
  if (shards > 1)
    plan_add(plan, &row);
}

/* Only asked whether it is there: a pass computes what is read. */
static void read_nothing(void *context, const struct hook_value *value, const float *values)
{
  (void)context;
  (void)value;
  (void)values;
}

/* What an ablation runs of a sequence: all of it, to the logits of the last position. */
static double logits_gflop(const struct model_config *config, const struct protocol *p)
{
  struct hook hook = {
      .site = {SITE_LOGITS, 0, 0}, .positions = {.kind = POSITIONS_LAST}, .read = read_nothing};
  const struct forward_options options = {.hooks = {&hook, 1}};
  return forward_gflop(config, &options, (size_t)p->n, (size_t)p->seq_len, (size_t)p->n);
}

/* *there: whether the model could be read, so that an error is not of its files. */
static int shape_at(const char *path, const struct protocol *p, const struct runtime *runtime,
                    struct shape *shape, bool *there, struct error *error)
{
  struct checkpoint *checkpoint = NULL;
  struct model model = {0};
  struct forward_options options = {0};
  *there = !checkpoint_open(path, &checkpoint, error) && !model_load(checkpoint, &model, error);
  if (*there && !cost_plan(&model, p, runtime, &options, &shape->screen, error)) {
    shape->layers = model.config.layers;
    shape->heads = model.config.heads;
    shape->head_dim = model.config.head_dim;
    shape->logits_gflop = logits_gflop(&model.config, p);
  }
  model_free(&model);
  checkpoint_close(checkpoint);
  return error->code;
}

/* Of the first revision that is there; what is wrong with the first one is said if none is. */
static int find_shape(const struct manifest *m, const char *checkpoints,
                      const struct runtime *runtime, struct shape *shape, struct error *error)
{
  struct error first = {0};
  for (size_t i = 0; i < m->revision_count; i++) {
    *error = (struct error){0};
    char *path = manifest_revision_path(m, &m->revisions[i], checkpoints, error);
    bool there = false;
    int status = path ? shape_at(path, &m->protocol, runtime, shape, &there, error) : error->code;
    free(path);
    if (status != EXIT_INPUT || there)
      return status;
    if (i == 0)
      first = *error;
  }
  return error_set(error, EXIT_INPUT,
                   "%s: no revision is there to read the model's shape from (%.300s); name a "
                   "folder that holds one with --checkpoints",
                   m->path, first.text);
}

static uint64_t file_bytes(const char *path)
{
  struct stat info;
  return path && stat(path, &info) == 0 && S_ISREG(info.st_mode) ? (uint64_t)info.st_size : 0;
}

/* As the files are, or as they are pinned. */
static uint64_t revision_bytes(const struct manifest *m, size_t index, const char *checkpoints)
{
  const struct manifest_revision *revision = &m->revisions[index];
  struct error ignored = {0};
  uint64_t bytes = 0;
  char *directory = manifest_revision_path(m, revision, checkpoints, &ignored);
  for (size_t i = 0; i < revision->file_count; i++) {
    const struct pinned_file *file = &revision->files[i];
    char *path = directory ? file_join(directory, file->path, &ignored) : NULL;
    uint64_t found = file_bytes(path);
    bytes += found ? found : file->has_bytes ? file->bytes : 0;
    free(path);
  }
  free(directory);
  return bytes;
}

/* Adds what a shard reads of the manifest; of an archive all of it, which is verified as a whole.
 */
static void add_revisions(const struct manifest *m, const char *checkpoints,
                          const struct shard *shard, struct plan_row *row)
{
  for (size_t i = 0; i < m->revision_count; i++) {
    struct shard_range range = shard_range(shard, i, m->revision_count, m->protocol.n);
    row->revisions += range.to > range.from;
    row->sequences += range.to - range.from;
    if (!m->has_container && range.to > range.from)
      row->reads += revision_bytes(m, i, checkpoints);
  }
  if (m->has_container && row->revisions)
    row->reads = file_bytes(checkpoints ? checkpoints : m->checkpoints);
}

static double share_of(const struct manifest *m, const struct plan_row *row)
{
  return (double)row->sequences / (double)m->protocol.n;
}

/* A row of screens: all of them, or those of one shard. */
static void add_screens(const struct manifest *m, const char *checkpoints,
                        const struct shape *shape, const struct shard *shard, struct plan *plan)
{
  struct plan_row row = {.model = m->model, .work = "screens", .memory = shape->screen.bytes};
  uint64_t observed =
      observations_bytes(&m->protocol, (int)shape->layers, (int)shape->heads, (int)shape->head_dim);
  if (shard->count)
    snprintf(row.where, sizeof row.where, "shard %zu/%zu", shard->index, shard->count);
  else
    snprintf(row.where, sizeof row.where, "in all");
  add_revisions(m, checkpoints, shard, &row);
  row.gflop = shape->screen.gflop * share_of(m, &row);
  row.seconds = plan_seconds(plan, row.gflop, row.reads);
  row.writes = row.revisions ? observed : 0;
  if (shard->count)
    row.writes += (uint64_t)((double)observed * share_of(m, &row));
  else
    row.writes += shape->layers * shape->heads * ROW_BYTES * row.revisions;
  plan_add(plan, &row);
}

/* The observations of a revision are joined in memory, one revision at a time. */
static void add_merge(const struct manifest *m, const struct shape *shape, struct plan *plan)
{
  struct plan_row row = {.model = m->model, .work = "joining", .where = "merge"};
  row.revisions = m->revision_count;
  row.sequences = (int64_t)m->revision_count * m->protocol.n;
  row.memory =
      observations_bytes(&m->protocol, (int)shape->layers, (int)shape->heads, (int)shape->head_dim);
  row.writes = shape->layers * shape->heads * ROW_BYTES * m->revision_count;
  row.seconds = plan_seconds(plan, 0, row.memory * m->revision_count);
  plan_add(plan, &row);
}

/* At most: every control can be drawn, and nothing is shared between conditions. */
static void add_ablations(const struct manifest *m, const char *checkpoints,
                          const struct shape *shape, const char *where, struct plan *plan)
{
  const struct manifest_ablation *ablation = &m->ablation;
  const struct shard whole = {0};
  struct plan_row row = {.model = m->model, .work = "ablations", .memory = shape->screen.bytes};
  if (!ablation->circuit_count)
    return;
  size_t conditions = 1 + ablation->circuit_count * (2 + 2 * ablation->seed_count);
  snprintf(row.where, sizeof row.where, "%s", where);
  add_revisions(m, checkpoints, &whole, &row);
  row.gflop = shape->logits_gflop * (double)conditions * share_of(m, &row);
  row.seconds = plan_seconds(plan, row.gflop, row.reads);
  plan_add(plan, &row);
}

void plan_note(struct plan *plan, const char *format, ...)
{
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  if (!plan->notes)
    plan->notes = json_array();
  plan->failed |= json_array_append_new(plan->notes, json_string(line)) != 0;
}

int plan_manifest(const struct manifest *m, const char *checkpoints, size_t shards,
                  struct plan *plan, struct error *error)
{
  const struct shard whole = {0};
  struct shape shape = {0};
  if (m->content == MANIFEST_TABLES) {
    plan_note(plan, "%s: published tables, read and compared in no time, by the merge", m->model);
    return 0;
  }
  if (find_shape(m, checkpoints, plan->runtime, &shape, error))
    return error->code;
  add_screens(m, checkpoints, &shape, &whole, plan);
  for (size_t i = 1; shards > 1 && i <= shards; i++)
    add_screens(m, checkpoints, &shape, &(struct shard){i, shards}, plan);
  if (shards > 1)
    add_merge(m, &shape, plan);
  add_ablations(m, checkpoints, &shape, shards > 1 ? "merge" : "in all", plan);
  return plan->failed ? error_set(error, EXIT_RUN, "%s: out of memory", m->path) : 0;
}

void plan_free(struct plan *plan)
{
  free(plan->rows);
  json_decref(plan->notes);
  *plan = (struct plan){.runtime = plan->runtime};
}

static const char *time_of(char *out, size_t capacity, double seconds)
{
  if (seconds < 600)
    snprintf(out, capacity, "%.*f s", seconds < 10, seconds);
  else
    snprintf(out, capacity, "%.1f hours", seconds / 3600);
  return out;
}

void plan_text(const struct plan *plan, struct text *text)
{
  static const struct table_column columns[] = {
      {"model", "model", CELL_TEXT},
      {"work", "work", CELL_TEXT},
      {"where", "where", CELL_TEXT},
      {"revisions", "revisions", CELL_INTEGER},
      {"sequences", "sequences", CELL_INTEGER},
      {"gflop", "GFLOP", CELL_NUMBER},
      {"time", "about", CELL_TEXT},
      {"memory", "memory", CELL_TEXT},
      {"reads", "reads", CELL_TEXT},
      {"writes", "writes", CELL_TEXT},
  };
  struct table table = {.columns = columns, .column_count = sizeof columns / sizeof *columns};
  char time[32], memory[32], reads[32], writes[32];
  for (size_t i = 0; i < plan->count; i++) {
    const struct plan_row *row = &plan->rows[i];
    table_text(&table, row->model);
    table_text(&table, row->work);
    table_text(&table, row->where);
    table_integer(&table, (int64_t)row->revisions);
    table_integer(&table, row->sequences);
    table_number(&table, row->gflop);
    table_text(&table, time_of(time, sizeof time, row->seconds));
    table_text(&table, text_bytes(memory, sizeof memory, row->memory));
    table_text(&table, text_bytes(reads, sizeof reads, row->reads));
    table_text(&table, text_bytes(writes, sizeof writes, row->writes));
  }
  if (plan->count)
    table_aligned(&table, "  ", text);
  table_free(&table);
  for (size_t i = 0; i < json_array_size(plan->notes); i++)
    text_add(text, "%s\n", json_string_value(json_array_get(plan->notes, i)));
}

static json_t *row_json(const struct plan_row *row)
{
  return json_pack("{s:s, s:s, s:s, s:I, s:I, s:o, s:f, s:I, s:I, s:I}", "model", row->model,
                   "work", row->work, "where", row->where, "revisions", (json_int_t)row->revisions,
                   "sequences", (json_int_t)row->sequences, "gflop",
                   isfinite(row->gflop) ? json_real(row->gflop) : json_null(), "seconds",
                   row->seconds, "memory", (json_int_t)row->memory, "reads", (json_int_t)row->reads,
                   "writes", (json_int_t)row->writes);
}

json_t *plan_json(const struct plan *plan, size_t shards)
{
  json_t *rows = json_array();
  for (size_t i = 0; i < plan->count; i++)
    json_add(rows, row_json(&plan->rows[i]));
  return json_pack("{s:s, s:s, s:i, s:I, s:o, s:O*}", "attest", ATTEST_VERSION, "isa",
                   plan->runtime->kernels->name, "threads", threads_count(plan->runtime->threads),
                   "shards", (json_int_t)shards, "rows", rows, "notes", plan->notes);
}

#include "study/ordinary.h"

#include "base/memory.h"
#include "checkpoint/checkpoint.h"
#include "pass/forward.h"
#include "probe/batch.h"
#include "probe/observe.h"
#include "study/cost.h"

#include <stdlib.h>

/* Of one head and sequence. */
struct figures {
  double first;     /* sum over the queries */
  double baseline;  /* mean over the positions that are left */
  double induction; /* weight at ab+1 */
};

struct ordinary {
  const struct protocol *protocol;
  struct checkpoint *checkpoint;
  struct model model;
  struct batch batch;
  int32_t *baseline;       /* [baseline_n] */
  struct figures *figures; /* [layer][head][sequence] */
};

static struct figures *figures_of(const struct ordinary *o, const struct hook_value *v)
{
  size_t head = v->site.layer * o->model.config.heads + v->site.head;
  return &o->figures[head * (size_t)o->batch.n + v->sequence];
}

static double baseline_of(const struct ordinary *o, size_t sequence, const float *pattern)
{
  double sum = 0;
  int64_t left = 0;
  for (int64_t i = 0; i < o->protocol->baseline_n; i++) {
    int32_t away = o->baseline[i] - o->batch.ab[sequence];
    if (away < -1 || away > 1) {
      sum += (double)pattern[o->baseline[i]];
      left++;
    }
  }
  return left ? sum / (double)left : 0;
}

/* The positions of a head and sequence come in order, on one thread. */
static void see(void *context, const struct hook_value *value, const float *pattern)
{
  const struct ordinary *o = context;
  struct figures *f = figures_of(o, value);
  size_t last = (size_t)o->batch.seq_len - 1;
  if (value->position == last) {
    f->baseline = baseline_of(o, value->sequence, pattern);
    f->induction = (double)pattern[o->batch.ab[value->sequence] + 1];
  } else if (value->position > 0) {
    f->first += (double)pattern[0];
  }
}

static struct ordinary_row row_of(const struct ordinary *o, size_t head)
{
  const struct figures *f = &o->figures[head * (size_t)o->batch.n];
  double first = 0, baseline = 0, induction = 0, valid = 0;
  for (int64_t i = 0; i < o->batch.n; i++) {
    first += f[i].first;
    baseline += f[i].baseline;
    if (o->batch.b_position[i] >= 0) {
      induction += f[i].induction;
      valid++;
    }
  }
  double n = (double)o->batch.n, queries = (double)(o->batch.seq_len - 2);
  double floor = baseline / n > BASELINE_FLOOR ? baseline / n : BASELINE_FLOOR;
  int heads = (int)o->model.config.heads;
  return (struct ordinary_row){(int)head / heads, (int)head % heads, first / (n * queries),
                               baseline / n, valid > 0 ? induction / valid / floor : 0};
}

static int allocate(struct ordinary *o, struct error *error)
{
  const struct model_config *c = &o->model.config;
  size_t count = c->layers * c->heads * (size_t)o->batch.n;
  o->baseline =
      memory_alloc((size_t)o->protocol->baseline_n, sizeof *o->baseline, "ordinary", error);
  o->figures = o->baseline ? memory_zeroed(count, sizeof *o->figures, "ordinary", error) : NULL;
  if (!o->figures)
    return error->code;
  return batch_baseline_positions(o->batch.seq_len, o->protocol->baseline_n, o->baseline, error);
}

static int load(const char *path, struct ordinary *o, struct error *error)
{
  if (checkpoint_open(path, &o->checkpoint, error) || model_load(o->checkpoint, &o->model, error))
    return error->code;
  const struct model_config *c = &o->model.config;
  if ((uint64_t)o->protocol->vocab_hi > c->vocab || (uint64_t)o->protocol->seq_len > c->context)
    return error_set(
        error, EXIT_INPUT,
        "%s: has %zu token ids and a context of %zu; --vocab and --seq-len must not go "
        "beyond",
        path, c->vocab, c->context);
  return batch_create(o->protocol, &o->batch, error);
}

static int run(struct ordinary *o, const struct runtime *runtime, struct error *error)
{
  const struct model_config *c = &o->model.config;
  const struct hook hook = {.site = {SITE_PATTERN, SITE_ALL, SITE_ALL},
                            .positions = {.kind = POSITIONS_ALL},
                            .read = see,
                            .context = o};
  struct forward_options options = {.hooks = {&hook, 1},
                                    .reserved = c->layers * c->heads * (uint64_t)o->batch.n *
                                                sizeof *o->figures};
  struct forward_plan plan;
  if (allocate(o, error) || cost_plan(&o->model, o->protocol, runtime, &options, &plan, error))
    return error->code;
  return forward_run(&o->model, o->batch.tokens, (size_t)o->batch.n, (size_t)o->batch.seq_len,
                     &options, error);
}

int ordinary_run(const char *path, const struct protocol *protocol, const struct runtime *runtime,
                 struct ordinary_row **rows, size_t *count, struct error *error)
{
  struct ordinary o = {.protocol = protocol};
  *rows = NULL;
  int status = load(path, &o, error);
  if (!status)
    status = run(&o, runtime, error);
  if (!status) {
    *count = o.model.config.layers * o.model.config.heads;
    *rows = memory_alloc(*count, sizeof **rows, "ordinary", error);
    status = *rows ? 0 : error->code;
  }
  for (size_t i = 0; !status && i < *count; i++)
    (*rows)[i] = row_of(&o, i);
  free(o.figures);
  free(o.baseline);
  batch_free(&o.batch);
  model_free(&o.model);
  checkpoint_close(o.checkpoint);
  return status;
}

struct table ordinary_table(const struct ordinary_row *rows, size_t count)
{
  static const struct table_column columns[] = {
      {"layer", "layer", CELL_INTEGER},
      {"head", "head", CELL_INTEGER},
      {"first", "first", CELL_NUMBER},
      {"baseline_apart", "baseline apart", CELL_NUMBER},
      {"induction_apart", "induction apart", CELL_NUMBER},
  };
  struct table table = {.columns = columns, .column_count = sizeof columns / sizeof *columns};
  for (size_t i = 0; i < count; i++) {
    table_integer(&table, rows[i].layer);
    table_integer(&table, rows[i].head);
    table_number(&table, rows[i].first);
    table_number(&table, rows[i].baseline_apart);
    table_number(&table, rows[i].induction_apart);
  }
  return table;
}

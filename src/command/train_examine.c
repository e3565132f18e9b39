#include "command/train_examine.h"

#include "base/interrupt.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/progress.h"
#include "claims/arxiv_2404_07129/paper.h"
#include "study/formation_examine.h"
#include "study/formation_runs.h"
#include "study/formation_tables.h"
#include "train/directory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECKPOINT_PASSES 4.0 /* of each sequence: whole, without layer 0 (two), strengths */

/* One on its way. */
struct examining {
  const struct train_options *options;
  const struct few_training *training;
  const struct train_examination *plan;
  struct few_sizes sizes;
  struct formation_examined by;
  char model[256];
  float *parameters;             /* of a checkpoint, or the last; owned */
  struct few_examination *found; /* owned */
  struct text rows;
  struct formation_tables tables;
  struct progress progress;
  double done; /* of its work, before what is measured just now */
  struct error *error;
};

/* --- before --- */

static size_t stride_of(const struct train_options *o)
{
  return o->stride ? (size_t)o->stride : 1;
}

/* The next checkpoint of the run from the boundary *updates on, which moves past it. */
static bool next_checkpoint(const struct few_run *run, uint64_t *updates, uint64_t *n)
{
  while (*updates <= few_run_updates(run))
    if (few_run_has_checkpoint(run, (*updates)++, n))
      return true;
  return false;
}

static int find_checkpoint(const struct train_options *o, const struct few_training *t,
                           struct train_examination *plan, struct error *error)
{
  uint64_t updates = 0, n;
  bool last = o->checkpoint == TRAIN_LAST, found = last;
  plan->n = last ? t->recipe.sequences : o->checkpoint;
  plan->checkpoints = last ? 0 : 1;
  while (next_checkpoint(t->run, &updates, &n)) {
    found = found || n == plan->n;
    plan->checkpoints += last;
  }
  return found ? 0
               : error_set(error, EXIT_INPUT,
                           "--checkpoint %llu: %s keeps none there; \"checkpoint_every\" is %llu, "
                           "and the last is %llu",
                           (unsigned long long)o->checkpoint, text_shown(o->recipe).text,
                           (unsigned long long)t->recipe.checkpoint_every,
                           (unsigned long long)t->recipe.sequences);
}

static struct formation_examined examined_by(const struct train_options *o,
                                             const struct runtime *runtime,
                                             const struct few_training *t,
                                             const struct few_sizes *sizes)
{
  return (struct formation_examined){.kernels = runtime->kernels,
                                     .recipe = &t->recipe,
                                     .data = &t->data,
                                     .sizes = sizes,
                                     .stride = stride_of(o),
                                     .wiring = o->wiring};
}

static int check_memory(const struct train_options *o, const struct runtime *runtime,
                        const struct train_examination *plan, struct error *error)
{
  char need[32], have[32];
  return plan->bytes <= runtime->memory
             ? 0
             : error_set(error, EXIT_INPUT,
                         "%s: examining %zu sequences takes %s of memory and may use %s; examine "
                         "fewer with --stride, or give it more with --memory",
                         text_shown(o->recipe).text, plan->sequences,
                         text_bytes(need, sizeof need, plan->bytes),
                         text_bytes(have, sizeof have, runtime->memory));
}

int train_examination_plan(const struct train_options *o, const struct runtime *runtime,
                           const struct few_training *t, struct train_examination *plan,
                           struct error *error)
{
  const struct few_sizes sizes = few_recipe_sizes(&t->recipe, t->data.width);
  const struct formation_examined by = examined_by(o, runtime, t, &sizes);
  const struct few_examined examined = formation_examined_by(&by, few_run_parameters(t->run));
  struct few_examination_cost cost;
  *plan = (struct train_examination){.n = 0};
  if (find_checkpoint(o, t, plan, error) || few_examine_cost(&examined, &cost, error))
    return error->code;
  plan->sequences = (few_data_all(&t->data) + stride_of(o) - 1) / stride_of(o);
  plan->work = cost.passes + CHECKPOINT_PASSES * (double)plan->checkpoints *
                                 (double)t->recipe.evaluation_sequences;
  plan->seconds = cost.seconds * plan->work / cost.passes;
  plan->bytes = cost.bytes + few_run_bytes(t->run) +
                few_data_bytes(&t->recipe.data, t->data.exemplars, t->data.width);
  return check_memory(o, runtime, plan, error);
}

void train_examination_print(const struct train_options *o, const struct train_examination *plan)
{
  char memory[32];
  bool brief = plan->seconds < 120;
  printf("  the examination, of %zu sequences%s: about %.1f %s, %s of memory\n", plan->sequences,
         o->wiring ? " and the wiring" : "", brief ? plan->seconds : plan->seconds / 60,
         brief ? "s" : "min", text_bytes(memory, sizeof memory, plan->bytes));
}

/* DIR, or DIR/N. free() */
static char *folder_of(const struct train_options *o, struct error *error)
{
  char name[32];
  if (o->checkpoint == TRAIN_LAST) {
    char *path = strdup(o->out);
    if (!path)
      error_set(error, EXIT_RUN, "%s: out of memory", o->out);
    return path;
  }
  snprintf(name, sizeof name, "%llu", (unsigned long long)o->checkpoint);
  return file_join(o->out, name, error);
}

int train_examination_spare(const struct train_options *o, const struct output *json,
                            struct error *error)
{
  char name[64], *folder = folder_of(o, error);
  int status = folder ? 0 : error->code;
  for (size_t i = 0; formation_schemas[i].name && !status; i++) {
    snprintf(name, sizeof name, "%.50s.csv", formation_schemas[i].name);
    status = outputs_spare_inside(json, 1, folder, name, error);
  }
  free(folder);
  return status;
}

/* --- examining --- */

static bool advanced(struct examining *e, double done)
{
  progress_update(&e->progress, done);
  return !interrupt_requested();
}

static bool go_on(void *context, double done, double of)
{
  (void)of;
  return advanced(context, done);
}

/* Parameters as the run had them at N, a grafted layer in its place. */
static int take_parameters(struct examining *e, uint64_t n)
{
  const struct few_training *t = e->training;
  if (n == t->recipe.sequences) {
    memcpy(e->parameters, few_run_parameters(t->run),
           few_parameters(&e->sizes) * sizeof *e->parameters);
  } else {
    char *path = few_checkpoint_path(e->options->out, n, e->error);
    int status =
        path ? few_checkpoint_read(path, &e->sizes, e->parameters, e->error) : e->error->code;
    free(path);
    if (status)
      return status;
  }
  few_training_complete(t, e->parameters);
  return 0;
}

static int examine_checkpoint(struct examining *e, uint64_t n)
{
  if (take_parameters(e, n) ||
      formation_examine_checkpoint(&e->by, e->parameters, n, &e->rows, e->error))
    return e->error->code;
  e->done += CHECKPOINT_PASSES * (double)e->training->recipe.evaluation_sequences;
  return advanced(e, e->done) ? 0 : error_set(e->error, EXIT_RUN, "stopped");
}

static int measure(struct examining *e)
{
  uint64_t updates = 0, n;
  if (take_parameters(e, e->plan->n) ||
      formation_examine(&e->by, e->parameters, e->plan->n, e->found, &e->rows, e->error))
    return e->error->code;
  e->done = e->plan->work - CHECKPOINT_PASSES * (double)e->plan->checkpoints *
                                (double)e->training->recipe.evaluation_sequences;
  if (e->options->checkpoint != TRAIN_LAST)
    return examine_checkpoint(e, e->plan->n);
  int status = 0;
  while (!status && next_checkpoint(e->training->run, &updates, &n))
    status = examine_checkpoint(e, n);
  return status;
}

static int measure_told(struct examining *e)
{
  progress_start(&e->progress, "examining", e->plan->work, e->options->common.quiet);
  int status = measure(e);
  progress_end(&e->progress);
  if (status && interrupt_requested())
    return error_set(e->error, EXIT_RUN,
                     "%s: the examination was interrupted and wrote nothing; the run itself has "
                     "ended, the same command examines it again",
                     text_shown(e->options->out).text);
  return status;
}

/* --- tables --- */

/* The run's name without what a cell cannot hold. */
static void name_model(struct examining *e)
{
  snprintf(e->model, sizeof e->model, "%s", e->training->recipe.name);
  for (char *at = e->model; (at = strpbrk(at, ",\"#"));)
    *at = '_';
  e->by.model = e->model;
}

static int make_tables(struct examining *e)
{
  const struct few_training *t = e->training;
  struct text made = {0};
  text_add(&made,
           "attest train --examine of %s (SHA-256 of the recipe %s), %llu sequences, items %s, "
           "stride %zu, no clamp",
           t->recipe.name, few_run_identity(t->run), (unsigned long long)e->plan->n,
           formation_data_name(t->recipe.items), e->by.stride);
  const struct formation_origin origin = {
      .path = e->options->out, .name = e->model, .made = made.data, .heads = e->sizes.heads};
  int status = made.failed || e->rows.failed
                   ? error_set(e->error, EXIT_RUN, "%s: out of memory", e->options->out)
                   : formation_tables_make(&origin, &e->rows, 1, &e->tables, NULL, e->error);
  text_free(&made);
  return status;
}

/* No other command writes there meanwhile. */
static int write_tables(struct examining *e)
{
  struct lock lock = {0};
  int status = run_directory_take(e->options->out, &lock, e->error);
  char *folder = status ? NULL : folder_of(e->options, e->error);
  if (!status)
    status = folder ? formation_tables_write(&e->tables, folder, e->error) : e->error->code;
  free(folder);
  lock_release(&lock);
  return status;
}

/* --- what they come to --- */

static const struct table_column columns[] = {
    {"head", "head", CELL_INTEGER},
    {"induction", "layer 1: induction", CELL_NUMBER},
    {"alone", "alone", CELL_NUMBER},
    {"without", "without", CELL_NUMBER},
    {"match_alone", "alone, match given", CELL_NUMBER},
    {"previous_labels", "layer 0: previous token", CELL_NUMBER},
};

static void fill(const struct few_examination *found, struct table *table)
{
  *table = (struct table){.columns = columns, .column_count = sizeof columns / sizeof *columns};
  for (size_t h = 0; h < found->heads; h++) {
    table_integer(table, (int64_t)h);
    table_number(table, found->strengths.induction[h]);
    table_number(table, found->alone[h]);
    table_number(table, found->without[h]);
    table_number(table, found->match_alone[h]);
    table_number(table, found->strengths.previous_labels[h]);
  }
}

static void print(const struct examining *e, const struct table *table, struct text *text)
{
  const struct few_examination *f = e->found;
  char number[32] = "";
  if (e->options->checkpoint != TRAIN_LAST)
    snprintf(number, sizeof number, "/%llu", (unsigned long long)e->plan->n);
  text_add(text,
           "  examined after %llu sequences, without a clamp, on %zu sequences: accuracy %.4f, "
           "without layer 0's direct output %.4f\n",
           (unsigned long long)e->plan->n, f->sequences, f->accuracy, f->direct);
  table_aligned(table, "  ", text);
  text_add(text, "  tables in %s%s:", text_shown(e->options->out).text, number);
  for (size_t i = 0; i < e->tables.count; i++)
    text_add(text, " %s.csv", e->tables.tables[i].schema->name);
  text_add(text, "\n");
}

static void add_json(const struct examining *e, const struct table *table, json_t *json)
{
  const struct few_examination *f = e->found;
  json_t *object = json_object(), *names = json_array();
  for (size_t i = 0; i < e->tables.count; i++)
    json_add(names, json_string(e->tables.tables[i].schema->name));
  json_put(object, "sequences", json_integer((json_int_t)e->plan->n));
  json_put(object, "stride", json_integer((json_int_t)e->by.stride));
  json_put(object, "examined", json_integer((json_int_t)f->sequences));
  json_put(object, "accuracy", json_real(f->accuracy));
  json_put(object, "accuracy_direct", json_real(f->direct));
  json_put(object, "strongest", json_integer((json_int_t)f->strongest));
  json_put(object, "heads", table_json(table));
  json_put(object, "tables", names);
  json_put(json, "examination", object);
}

static int tell(const struct examining *e, bool printed, json_t *json)
{
  struct table table;
  struct text text = {0};
  fill(e->found, &table);
  if (printed)
    print(e, &table, &text);
  bool failed = table.failed || text.failed;
  if (!failed && printed)
    fputs(text.data, stdout);
  if (!failed && json)
    add_json(e, &table, json);
  table_free(&table);
  text_free(&text);
  return failed ? error_set(e->error, EXIT_RUN, "out of memory for what was examined") : 0;
}

int train_examine(const struct train_options *o, const struct runtime *runtime,
                  const struct few_training *t, const struct train_examination *plan, json_t *json,
                  struct error *error)
{
  struct examining e = {.options = o,
                        .training = t,
                        .plan = plan,
                        .sizes = few_recipe_sizes(&t->recipe, t->data.width),
                        .error = error};
  e.by = examined_by(o, runtime, t, &e.sizes);
  e.by.go_on = go_on;
  e.by.context = &e;
  name_model(&e);
  e.parameters = memory_alloc(few_parameters(&e.sizes), sizeof *e.parameters, "parameters", error);
  e.found = e.parameters ? memory_alloc(1, sizeof *e.found, "examination", error) : NULL;
  int status = e.found ? 0 : error->code;
  if (!status)
    status = measure_told(&e);
  if (!status)
    status = make_tables(&e);
  if (!status)
    status = write_tables(&e);
  if (!status)
    status = tell(&e, runtime->text, json);
  formation_tables_free(&e.tables);
  text_free(&e.rows);
  free(e.found);
  free(e.parameters);
  return status;
}

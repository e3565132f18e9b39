#include "base/file_use.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/progress.h"
#include "command/command.h"
#include "command/reading.h"
#include "study/outputs.h"
#include "trajectory/weight_correlation.h"

#include <stdlib.h>
#include <string.h>

#define MOST_MODELS 1024

struct weights_options {
  struct common_options common;
  const char *trajectory;
};

/* One checkpoint and the revision of the trajectory that it is. */
struct measured {
  const char *path;
  size_t revision; /* of the trajectory; 0 without one */
  size_t layers, heads;
  struct head_weights *weights; /* [layers * heads] */
};

struct measurement {
  struct trajectory trajectory; /* all zero without one */
  size_t count;
  struct measured *models; /* ascending in revision */
};

static int parse(int argc, char **argv, struct weights_options *o, const char **paths, size_t *used,
                 bool *help, struct error *error)
{
  const struct option_spec specs[] = {
      {"trajectory", OPTION_STRING, &o->trajectory, 0, 0, "DIR",
       "correlate with its heads; each MODEL_DIR ends in the name of a revision, and name and "
       "shape "
       "are all that is compared: a trajectory does not say of which checkpoints it is"},
      COMMON_OPTIONS(&o->common)};
  const struct option_list list = {
      "weights MODEL_DIR... [OPTIONS]",
      "Measures each head's slice of the output projection from the weights alone: stable rank,\n"
      "participation ratio of its spectrum, largest singular value and gap to the second. With a\n"
      "trajectory: correlations with PR, induction and first-token selectivity at each revision,\n"
      "and over the revisions.",
      specs, sizeof specs / sizeof *specs};
  if (options_parse(argc, argv, &list, paths, MOST_MODELS, used, help, error) || *help)
    return error->code;
  if (*used == 0)
    return error_set(error, EXIT_INPUT, "weights: MODEL_DIR is missing; see --help");
  return 0;
}

/* The last component of a path, also of one inside an archive, without slashes at its end. */
static void last_component(const char *path, char *name, size_t capacity)
{
  size_t end = strlen(path);
  while (end > 0 && path[end - 1] == '/')
    end--;
  size_t start = end;
  while (start > 0 && path[start - 1] != '/' && path[start - 1] != ':')
    start--;
  snprintf(name, capacity, "%.*s", (int)(end - start), path + start);
}

static int find_revisions(struct measurement *m, struct error *error)
{
  const struct trajectory *t = &m->trajectory;
  for (size_t i = 0; i < m->count; i++) {
    char name[256];
    last_component(m->models[i].path, name, sizeof name);
    m->models[i].revision = trajectory_find(t, name);
    if (m->models[i].revision == t->count)
      return error_set(error, EXIT_INPUT,
                       "%s: --trajectory (%s) has no revision %s; the last part of the path must "
                       "be the name of one, such as %s",
                       m->models[i].path, t->model, name, t->revisions[0].name);
    for (size_t k = 0; k < i; k++)
      if (m->models[k].revision == m->models[i].revision)
        return error_set(error, EXIT_INPUT, "%s: is revision %s, as is %s; give each once",
                         m->models[i].path, name, m->models[k].path);
  }
  return 0;
}

static int by_revision(const void *a, const void *b)
{
  const struct measured *x = a, *y = b;
  return (x->revision > y->revision) - (x->revision < y->revision);
}

static void see_heads(void *context, size_t heads)
{
  progress_update(context, (double)heads);
}

static int check_memory(const struct model *model, const struct runtime *runtime,
                        struct error *error)
{
  char need[32], have[32];
  uint64_t bytes = head_weights_bytes(&model->config, threads_count(runtime->threads));
  if (bytes <= runtime->memory)
    return 0;
  return error_set(error, EXIT_INPUT,
                   "--memory: %s is not enough; %s at a time: %s; use fewer --threads",
                   text_bytes(have, sizeof have, runtime->memory),
                   text_counted((size_t)threads_count(runtime->threads), "head").text,
                   text_bytes(need, sizeof need, bytes));
}

static int measure_model(const struct model *model, const struct runtime *runtime,
                         struct measured *measured, struct error *error)
{
  struct progress progress;
  measured->layers = model->config.layers;
  measured->heads = model->config.heads;
  size_t heads = measured->layers * measured->heads;
  measured->weights = memory_alloc(heads, sizeof *measured->weights, "weights of heads", error);
  if (!measured->weights || check_memory(model, runtime, error))
    return error->code;
  progress_start(&progress, measured->path, (double)heads, runtime->quiet);
  int status =
      head_weights_measure(model, runtime->threads, see_heads, &progress, measured->weights, error);
  progress_end(&progress);
  return status;
}

static int measure(const struct weights_options *o, const struct runtime *runtime,
                   struct measured *measured, struct error *error)
{
  const struct output json = {.option = "--json", .path = o->common.json};
  struct checkpoint *checkpoint;
  struct model model = {0};
  if (checkpoint_open(measured->path, &checkpoint, error))
    return error->code;
  int status = outputs_spare_read(&json, 1, error);
  if (!status)
    status = model_load(checkpoint, &model, error);
  if (!status)
    status = measure_model(&model, runtime, measured, error);
  if (!status)
    status = file_use_check(error);
  model_free(&model);
  checkpoint_close(checkpoint);
  return status;
}

static int check_shapes(const struct measurement *m, struct error *error)
{
  const struct revision *first = m->trajectory.revisions;
  for (size_t i = 0; first && i < m->count; i++)
    if (m->models[i].layers != (size_t)first->n_layers ||
        m->models[i].heads != (size_t)first->n_heads)
      return error_set(error, EXIT_INPUT,
                       "%s: has %s of %s, the trajectory %s %d of %d; they are of "
                       "different models",
                       m->models[i].path, text_counted(m->models[i].layers, "layer").text,
                       text_counted(m->models[i].heads, "head").text, m->trajectory.model,
                       first->n_layers, first->n_heads);
  return 0;
}

static const struct table_column head_columns[] = {
    {"layer", "layer", CELL_INTEGER},
    {"head", "head", CELL_INTEGER},
    {"stable_rank", "stable rank", CELL_NUMBER},
    {"weight_pr", "weight pr", CELL_NUMBER},
    {"sigma1", "sigma1", CELL_NUMBER},
    {"gap", "gap", CELL_NUMBER},
};

static struct table heads_table(const struct measured *measured)
{
  struct table table = {.columns = head_columns,
                        .column_count = sizeof head_columns / sizeof *head_columns};
  for (size_t i = 0; i < measured->layers * measured->heads; i++) {
    table_integer(&table, (int64_t)(i / measured->heads));
    table_integer(&table, (int64_t)(i % measured->heads));
    for (int k = 0; k < HEAD_WEIGHT_FIGURES; k++)
      table_number(&table, head_weight_figure(&measured->weights[i], k));
  }
  return table;
}

static const struct table_column correlation_columns[] = {
    {"metric", "weights", CELL_TEXT},
    {"against", "against", CELL_TEXT},
    {"pearson", "Pearson", CELL_NUMBER},
    {"spearman", "Spearman", CELL_NUMBER},
    {"spearman_tie_average", "ties averaged", CELL_NUMBER},
};

static int correlations_table(const struct measurement *m, const struct measured *measured,
                              struct table *table, struct error *error)
{
  *table = (struct table){.columns = correlation_columns,
                          .column_count = sizeof correlation_columns / sizeof *correlation_columns};
  for (int figure = 0; figure < HEAD_WEIGHT_FIGURES; figure++)
    for (int against = 0; against < WEIGHT_AGAINSTS; against++) {
      struct weight_correlation c;
      if (weight_correlate(measured->weights, &m->trajectory.revisions[measured->revision], figure,
                           (enum weight_against)against, &c, error))
        return error->code;
      table_text(table, head_weight_names[figure]);
      table_text(table, weight_against_names[against]);
      table_number(table, c.pearson);
      table_number(table, c.spearman);
      table_number(table, c.spearman_averaged);
    }
  return 0;
}

static const struct table_column course_columns[] = {
    {"metric", "weights", CELL_TEXT},
    {"median", "median", CELL_NUMBER},
    {"mean", "mean", CELL_NUMBER},
    {"share_positive", "share > 0", CELL_NUMBER},
    {"growth_pearson", "growth: Pearson", CELL_NUMBER},
    {"growth_spearman", "Spearman", CELL_NUMBER},
    {"growth_spearman_tie_average", "ties averaged", CELL_NUMBER},
};

static int course_table(const struct measurement *m, struct table *table, struct error *error)
{
  const struct head_weights **weights =
      memory_alloc(m->count, sizeof *weights, "correlations", error);
  const struct revision **revisions =
      weights ? memory_alloc(m->count, sizeof *revisions, "correlations", error) : NULL;
  int status = revisions ? 0 : EXIT_RUN;
  *table = (struct table){.columns = course_columns,
                          .column_count = sizeof course_columns / sizeof *course_columns};
  for (size_t i = 0; i < m->count && !status; i++) {
    weights[i] = m->models[i].weights;
    revisions[i] = &m->trajectory.revisions[m->models[i].revision];
  }
  for (int figure = 0; figure < HEAD_WEIGHT_FIGURES && !status; figure++) {
    struct weight_course c;
    status = weight_course(weights, revisions, m->count, figure, &c, error);
    if (status)
      break;
    table_text(table, head_weight_names[figure]);
    table_number(table, c.median);
    table_number(table, c.mean);
    table_number(table, c.share_positive);
    table_number(table, c.growth.pearson);
    table_number(table, c.growth.spearman);
    table_number(table, c.growth.spearman_averaged);
  }
  free(weights);
  free(revisions);
  return status;
}

/* A table to both forms; it is freed. */
static void add_table(struct table *table, json_t *object, const char *key, struct text *text)
{
  table_aligned(table, "  ", text);
  json_put(object, key, table_json(table));
  text->failed = text->failed || table->failed;
  table_free(table);
}

static int add_model(const struct measurement *m, const struct measured *measured, json_t *models,
                     struct text *text, struct error *error)
{
  const bool with = m->trajectory.count > 0;
  const char *revision = with ? m->trajectory.revisions[measured->revision].name : NULL;
  struct table table = heads_table(measured);
  json_t *object = json_object();
  json_put(object, "model", json_string(text_shown(measured->path).text));
  json_put(object, "revision", with ? json_string(revision) : json_null());
  text_add(text, "%s: slices of the output projection\n", text_shown(measured->path).text);
  add_table(&table, object, "heads", text);
  int status = with ? correlations_table(m, measured, &table, error) : 0;
  if (with && !status) {
    text_add(text, "across the heads of %s:\n", revision);
    add_table(&table, object, "correlations", text);
  }
  json_add(models, object);
  return status;
}

static int add_course(const struct measurement *m, json_t *all, struct text *text,
                      struct error *error)
{
  struct table table;
  if (m->trajectory.count == 0 || m->count < 2)
    return 0;
  if (course_table(m, &table, error)) {
    table_free(&table);
    return error->code;
  }
  text_add(text, "with PR over %zu revisions, Spearman of each head; growth across heads:\n",
           m->count);
  add_table(&table, all, "over_revisions", text);
  return 0;
}

static int deliver(const struct weights_options *o, const struct measurement *m,
                   struct error *error)
{
  struct text text = {0};
  json_t *all = json_object(), *models = json_array();
  int status = 0;
  if (m->trajectory.count) {
    json_t *source = json_object();
    reading_source_text(&m->trajectory, &text);
    text_add(&text, "  That each model is the revision that it is named after is taken on trust: a "
                    "trajectory does not say of which checkpoints it is.\n");
    reading_source_json(&m->trajectory, source);
    json_put(all, "trajectory", source);
  }
  for (size_t i = 0; i < m->count && !status; i++)
    status = add_model(m, &m->models[i], models, &text, error);
  json_put(all, "models", models);
  if (!status)
    status = add_course(m, all, &text, error);
  if (!status)
    return reading_deliver(&o->common, all, &text, error);
  json_decref(all);
  text_free(&text);
  return status;
}

static int run(const struct weights_options *o, struct measurement *m, struct error *error)
{
  struct runtime runtime = {0};
  if (m->trajectory.count && find_revisions(m, error))
    return error->code;
  qsort(m->models, m->trajectory.count ? m->count : 0, sizeof *m->models, by_revision);
  if (runtime_start(&o->common, &runtime, error))
    return error->code;
  int status = 0;
  for (size_t i = 0; i < m->count && !status; i++)
    status = measure(o, &runtime, &m->models[i], error);
  if (!status)
    status = check_shapes(m, error);
  if (!status)
    status = deliver(o, m, error);
  runtime_stop(&runtime);
  return status;
}

int command_weights(int argc, char **argv, struct error *error)
{
  struct weights_options o = {0};
  struct measurement m = {0};
  const char *paths[MOST_MODELS];
  bool help = false;
  if (parse(argc, argv, &o, paths, &m.count, &help, error) || help ||
      (o.trajectory && reading_load(o.trajectory, &o.common, &m.trajectory, error)))
    return error->code;
  m.models = memory_zeroed(m.count, sizeof *m.models, "weights of heads", error);
  for (size_t i = 0; m.models && i < m.count; i++)
    m.models[i].path = paths[i];
  int status = m.models ? run(&o, &m, error) : EXIT_RUN;
  for (size_t i = 0; m.models && i < m.count; i++)
    free(m.models[i].weights);
  free(m.models);
  trajectory_free(&m.trajectory);
  return status;
}

#include "base/json.h"
#include "base/memory.h"
#include "command/command.h"
#include "command/reading.h"
#include "trajectory/integral.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TOP 45 /* as published */

struct rank_options {
  struct common_options common;
  uint64_t top;
  double floor; /* tokens */
  const char *floor_text;
  const char *revision, *leave_out;
};

/* A ranking with the classes that it is judged by. */
struct ranking {
  struct trajectory trajectory;
  size_t revision, heads, count; /* of the classes; all heads; those that are ranked */
  struct ranked_head *ranked;    /* [heads] */
  enum head_class *classes;      /* [heads] */
};

static int parse(int argc, char **argv, struct rank_options *o, const char **directory, bool *help,
                 struct error *error)
{
  const struct option_spec specs[] = {
      {"floor", OPTION_STRING, &o->floor_text, 0, 0, "TOKENS",
       "earlier tokens count as this many; default 1e9, as published"},
      {"top", OPTION_NUMBER, &o->top, 1, SIZE_MAX / 2, "K", "heads to list; default 45"},
      {"revision", OPTION_STRING, &o->revision, 0, 0, "NAME",
       "revision whose classes precision at K uses; default: the last"},
      {"leave-out", OPTION_STRING, &o->leave_out, 0, 0,
       "induction|previous_token|duplicate_token|first_token|self|local|unclassified",
       "rank without the heads of this class, such as first_token"},
      COMMON_OPTIONS(&o->common)};
  const struct option_list list = {
      "rank TRAJECTORY [OPTIONS]",
      "Ranks the heads of a trajectory, a directory with trajectory.json, by the integral of\n"
      "max(PR - 1, 0) over ln(tokens); says how many of the first K have a class, and the mean\n"
      "participation ratio of each class over training.",
      specs, sizeof specs / sizeof *specs};
  size_t used;
  if (options_parse(argc, argv, &list, directory, 1, &used, help, error) || *help)
    return error->code;
  if (used != 1)
    return error_set(error, EXIT_INPUT, "rank: TRAJECTORY is missing; see --help");
  return reading_tokens("--floor", o->floor_text, &o->floor, error);
}

static int find_class(const char *name, enum head_class *class, struct error *error)
{
  for (int i = 0; i <= CLASS_UNCLASSIFIED; i++)
    if (strcmp(name, head_class_name((enum head_class)i)) == 0) {
      *class = (enum head_class)i;
      return 0;
    }
  return error_set(error, EXIT_INPUT,
                   "--leave-out %s: must be induction, previous_token, duplicate_token, "
                   "first_token, self, local or unclassified",
                   name);
}

static int make(const struct rank_options *o, struct ranking *r, struct error *error)
{
  const struct revision *first = &r->trajectory.revisions[0];
  enum head_class left_out = CLASS_UNCLASSIFIED;
  r->heads = r->count = (size_t)first->n_layers * (size_t)first->n_heads;
  if (reading_revision(&r->trajectory, o->revision, &r->revision, error) ||
      (o->leave_out && find_class(o->leave_out, &left_out, error)))
    return error->code;
  r->ranked = memory_alloc(r->heads, sizeof *r->ranked, "the ranking", error);
  r->classes = r->ranked ? memory_alloc(r->heads, sizeof *r->classes, "the ranking", error) : NULL;
  if (!r->classes || integral_rank(&r->trajectory, o->floor / 1e9, r->ranked, error))
    return error->code;
  integral_classes(&r->trajectory.revisions[r->revision], r->classes);
  if (o->leave_out)
    r->count = integral_leave_out(r->ranked, r->heads, r->classes, left_out);
  return 0;
}

static const struct table_column head_columns[] = {
    {"rank", "rank", CELL_INTEGER},          {"layer", "layer", CELL_INTEGER},
    {"head", "head", CELL_INTEGER},          {"integral", "integral", CELL_NUMBER},
    {"class", "class", CELL_TEXT},           {"classified", "classified", CELL_INTEGER},
    {"precision", "precision", CELL_NUMBER},
};

/* The first `top` heads, each with precision at its rank. */
static struct table heads_table(const struct ranking *r, size_t top)
{
  struct table table = {.columns = head_columns,
                        .column_count = sizeof head_columns / sizeof *head_columns};
  size_t classified = 0;
  for (size_t i = 0; i < top && i < r->count; i++) {
    const struct ranked_head *head = &r->ranked[i];
    classified += r->classes[head->index] != CLASS_UNCLASSIFIED;
    table_integer(&table, (int64_t)i + 1);
    table_integer(&table, head->layer);
    table_integer(&table, head->head);
    table_number(&table, head->integral);
    table_text(&table, head_class_name(r->classes[head->index]));
    table_integer(&table, (int64_t)classified);
    table_number(&table, (double)classified / (double)(i + 1));
  }
  return table;
}

static const struct table_column mean_columns[] = {
    {"revision", "revision", CELL_TEXT},
    {"induction", "induction", CELL_NUMBER},
    {"previous_token", "previous", CELL_NUMBER},
    {"duplicate_token", "duplicate", CELL_NUMBER},
    {"first_token", "first", CELL_NUMBER},
    {"self", "self", CELL_NUMBER},
    {"local", "local", CELL_NUMBER},
    {"unclassified", "unclassified", CELL_NUMBER},
    {"all", "all", CELL_NUMBER},
};
_Static_assert(sizeof mean_columns / sizeof *mean_columns == 1 + INTEGRAL_MEANS, "a mean a column");

static struct table means_table(const struct ranking *r)
{
  struct table table = {.columns = mean_columns, .column_count = 1 + INTEGRAL_MEANS};
  for (size_t i = 0; i < r->trajectory.count; i++) {
    double means[INTEGRAL_MEANS];
    integral_class_means(&r->trajectory.revisions[i], r->classes, means);
    table_text(&table, r->trajectory.revisions[i].name);
    for (int k = 0; k < INTEGRAL_MEANS; k++)
      table_number(&table, means[k]);
  }
  return table;
}

static json_t *to_json(const struct rank_options *o, const struct ranking *r)
{
  struct table heads = heads_table(r, SIZE_MAX), means = means_table(r);
  json_t *all = json_object();
  reading_source_json(&r->trajectory, all);
  json_put(all, "floor_tokens", json_real(o->floor));
  json_put(all, "revision", json_string(r->trajectory.revisions[r->revision].name));
  json_put(all, "left_out", o->leave_out ? json_string(o->leave_out) : json_null());
  json_put(all, "k_18_percent", json_integer((json_int_t)integral_k18(r->heads)));
  json_put(all, "k_elbow", json_integer((json_int_t)integral_elbow(r->ranked, r->count)));
  json_put(all, "heads", table_json(&heads));
  json_put(all, "mean_pr", table_json(&means));
  table_free(&heads);
  table_free(&means);
  return all;
}

static void add_precision(const struct ranking *r, const char *what, size_t k, struct text *text)
{
  k = k < r->count ? k : r->count;
  size_t classified = integral_classified(r->ranked, k, r->classes);
  text_add(text, "  %s: K = %zu, %zu of them classified (%.1f %%)\n", what, k, classified,
           k ? 100 * (double)classified / (double)k : 0);
}

static void to_text(const struct rank_options *o, const struct ranking *r, struct text *text)
{
  const struct revision *last = &r->trajectory.revisions[r->trajectory.count - 1];
  struct table heads = heads_table(r, (size_t)o->top), means = means_table(r);
  reading_source_text(&r->trajectory, text);
  if (r->count && r->ranked[0].integral == 0)
    text_add(text,
             "  Every integral is 0: the last revision has seen %.0f tokens, and the floor "
             "is %.17g; use a lower --floor\n",
             last->tokens * 1e9, o->floor);
  text_add(text, "integral of max(PR - 1, 0) over ln(max(tokens, %.17g)), classes of %s:\n",
           o->floor, r->trajectory.revisions[r->revision].name);
  table_aligned(&heads, "  ", text);
  add_precision(r, "top", (size_t)o->top, text);
  add_precision(r, "18 % of the heads", integral_k18(r->heads), text);
  add_precision(r, "elbow", integral_elbow(r->ranked, r->count), text);
  add_precision(r, "all", r->count, text);
  text_add(text, "mean participation ratio by class:\n");
  table_aligned(&means, "  ", text);
  if (heads.failed || means.failed)
    text->failed = true;
  table_free(&heads);
  table_free(&means);
}

int command_rank(int argc, char **argv, struct error *error)
{
  struct rank_options o = {.floor = INTEGRAL_FLOOR_PUBLISHED * 1e9, .top = TOP};
  struct ranking r = {0};
  struct text text = {0};
  const char *directory;
  bool help = false;
  if (parse(argc, argv, &o, &directory, &help, error) || help ||
      reading_load(directory, &o.common, &r.trajectory, error))
    return error->code;
  int status = make(&o, &r, error);
  if (!status) {
    to_text(&o, &r, &text);
    status = reading_deliver(&o.common, to_json(&o, &r), &text, error);
  }
  free(r.ranked);
  free(r.classes);
  trajectory_free(&r.trajectory);
  return status;
}

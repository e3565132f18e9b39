#include "study/formation_rows.h"

#include "base/digest.h"
#include "few_shot/toy.h"

#include <math.h>
#include <stdio.h>

#define TOY_STEPS 1000

/* A comma and a number. */
static void add_cell(struct text *rows, double value)
{
  text_add(rows, ",");
  if (isfinite(value))
    text_add_double(rows, value);
}

static void add_point(struct text *rows, const char *figure, const char *name, double x, double y)
{
  text_add(rows, "curve,%s,%s", figure, name);
  add_cell(rows, x);
  add_cell(rows, y);
  text_add(rows, "\n");
}

/* --- runs --- */

static void add_curve(const struct few_log *log, int set, const char *figure, const char *name,
                      struct text *rows)
{
  for (size_t i = 0; i < log->evaluation_count; i++)
    add_point(rows, figure, name, (double)log->evaluations[i].sequences,
              log->evaluations[i].sets[set].loss);
}

static void add_curves(const struct formation_run *run, const struct few_log *log,
                       struct text *rows)
{
  bool whole = run->examined;
  for (int set = 0; set < (whole ? FEW_SETS : 1); set++)
    add_curve(log, set, run->figure, whole ? few_set_names[set] : run->name, rows);
  for (size_t i = 0; i < FORMATION_COMPARED && run->compared[i]; i++)
    add_curve(log, FEW_SET_TRAIN, run->compared[i], run->name, rows);
}

/* Of all scores of all evaluations. */
static void hash_log(const struct few_log *log, char hash[33])
{
  struct text all = {0};
  for (size_t i = 0; i < log->evaluation_count; i++)
    for (int set = 0; set < FEW_SETS; set++) {
      const struct few_scores *s = &log->evaluations[i].sets[set];
      double scores[FEW_SCORES];
      few_scores_list(s, scores);
      for (int k = 0; k < FEW_SCORES; k++)
        add_cell(&all, scores[k]);
    }
  digest_xxh3(all.data ? all.data : "", all.length, hash);
  text_free(&all);
}

void formation_rows_run(const char *model, const struct formation_run *run,
                        const struct few_log *log, const float *parameters, size_t count,
                        struct text *rows)
{
  struct few_course sets[FEW_SETS];
  for (int set = 0; set < FEW_SETS; set++)
    sets[set] = few_course_of(log->evaluations, log->evaluation_count, (enum few_set)set);
  const struct few_course *c = &sets[FEW_SET_TRAIN];
  char hash[33], scores[33];
  digest_xxh3(parameters, count * sizeof *parameters, hash);
  hash_log(log, scores);
  text_add(rows, "runs,%s,%s,%s", model, run->name, run->figure);
  add_cell(rows, (double)run->sequences);
  add_cell(rows, c->learned);
  add_cell(rows, c->learned_accuracy);
  add_cell(rows, sets[FEW_SET_RELABEL].learned);
  add_cell(rows, sets[FEW_SET_EXEMPLARS].learned);
  add_cell(rows, sets[FEW_SET_TEST_CLASS].learned);
  text_add(rows, ",%zu,%zu,%zu", c->plateau, c->plateau_longest, c->plateau_between);
  add_cell(rows, c->drop);
  add_cell(rows, c->loss);
  add_cell(rows, c->accuracy);
  text_add(rows, ",%s,%s\n", hash, scores);
  add_curves(run, log, rows);
}

/* --- examinations --- */

static void add_heads(const char *model, const struct few_examination *found, struct text *rows)
{
  for (size_t h = 0; h < found->heads; h++) {
    text_add(rows, "heads,%s,%zu", model, h);
    add_cell(rows, found->strengths.induction[h]);
    add_cell(rows, found->alone[h]);
    add_cell(rows, found->without[h]);
    add_cell(rows, found->fixes[h]);
    add_cell(rows, found->match_alone[h]);
    add_cell(rows, found->match_fixes[h]);
    text_add(rows, "\nprevious,%s,%zu", model, h);
    add_cell(rows, found->strengths.previous_labels[h]);
    add_cell(rows, found->strengths.previous_tokens[h]);
    text_add(rows, "\n");
  }
}

static void add_compositions(const char *model, const struct few_sizes *sizes,
                             const float *parameters, struct text *rows)
{
  for (size_t u = 0; u < sizes->heads; u++)
    for (size_t v = 0; v < sizes->heads; v++) {
      text_add(rows, "composition,%s,%zu,%zu", model, u, v);
      for (int part = 0; part < FEW_PARTS; part++)
        add_cell(rows, few_composition(sizes, parameters, u, v, (enum few_part)part));
      text_add(rows, "\n");
    }
}

static void add_mask(uint64_t heads, int layer, struct text *rows)
{
  const char *before = "";
  for (size_t h = 0; h < FEW_MOST_HEADS; h++)
    if (heads >> h & 1) {
      text_add(rows, "%sL%dH%zu", before, layer, h);
      before = " ";
    }
}

static void add_ablations(const char *model, const struct few_examination *found, struct text *rows)
{
  static const char *const sets[] = {"previous", "others"}, *const kept[] = {"patterns", "values"};
  const uint64_t all = UINT64_MAX >> (64 - found->heads);
  for (int s = 0; s < 2; s++)
    for (int k = 0; k < 2; k++) {
      text_add(rows, "ablations,%s,%s,%s,", model, sets[s], kept[k]);
      add_mask(s ? all & ~found->previous : found->previous, 0, rows);
      add_cell(rows, found->ablated[s][k]);
      text_add(rows, "\n");
    }
}

static void add_sets(const char *model, const struct few_examination *found, struct text *rows)
{
  uint64_t heads = 0;
  for (size_t i = 0; i < found->heads; i++) {
    heads |= UINT64_C(1) << found->order[i];
    text_add(rows, "sets,%s,first %zu,", model, i + 1);
    add_mask(heads, 1, rows);
    add_cell(rows, found->first[i]);
    text_add(rows, "\n");
  }
  for (size_t h = 0; h < found->heads; h++) {
    if (h == found->strongest)
      continue;
    text_add(rows, "sets,%s,strongest and %zu,", model, h);
    add_mask(UINT64_C(1) << h | UINT64_C(1) << found->strongest, 1, rows);
    add_cell(rows, found->pair[h]);
    text_add(rows, "\n");
  }
}

static size_t largest(const double *values, size_t count)
{
  size_t best = 0;
  for (size_t i = 1; i < count; i++)
    if (values[i] > values[best])
      best = i;
  return best;
}

static void add_wiring(const char *model, const struct few_examination *found, struct text *rows)
{
  static const char *const kept[] = {"patterns", "values"};
  for (size_t v = 0; v < found->heads; v++) {
    for (int k = 0; k < 2; k++)
      for (size_t u = 0; u < found->heads; u++) {
        text_add(rows, "wiring,%s,%zu,%zu,%s", model, v, u, kept[k]);
        add_cell(rows, found->only[k][v][u]);
        add_cell(rows, found->change[k][v][u]);
        text_add(rows, "\n");
      }
    text_add(rows, "key_sources,%s,%zu,%zu\n", model, v, largest(found->only[1][v], found->heads));
  }
}

void formation_rows_examination(const char *model, const struct few_sizes *sizes,
                                const float *parameters, const struct few_examination *found,
                                bool wiring, struct text *rows)
{
  add_heads(model, found, rows);
  add_compositions(model, sizes, parameters, rows);
  add_ablations(model, found, rows);
  add_sets(model, found, rows);
  if (wiring)
    add_wiring(model, found, rows);
}

void formation_rows_checkpoint(const char *model, const struct formation_checkpoint *checkpoint,
                               struct text *rows)
{
  double x = (double)checkpoint->sequences;
  text_add(rows, "checkpoints,%s,%.0f", model, x);
  add_cell(rows, checkpoint->whole.loss);
  add_cell(rows, checkpoint->whole.acc);
  add_cell(rows, checkpoint->direct.loss);
  add_cell(rows, checkpoint->direct.acc);
  for (size_t h = 0; h < checkpoint->heads; h++)
    add_cell(rows, checkpoint->strengths.induction[h]);
  text_add(rows, "\n");
  add_point(rows, "12", "whole", x, checkpoint->whole.loss);
  add_point(rows, "12", "without layer 0's direct output", x, checkpoint->direct.loss);
  for (size_t h = 0; h < checkpoint->heads; h++) {
    char name[32];
    snprintf(name, sizeof name, "head %zu", h);
    add_point(rows, "3b", name, x, checkpoint->strengths.induction[h]);
  }
}

/* --- models and toys --- */

/* The first step with a loss below the limit; NAN: none. */
static double first_below(const double *losses, double limit)
{
  for (size_t i = 0; i < TOY_STEPS; i++)
    if (losses[i] < limit)
      return (double)i;
  return NAN;
}

/* Steps whose loss is as near to that of the plateau as the model's to ln 2 (few_shot/course.h). */
static size_t steps_near(const double *losses, double level)
{
  size_t count = 0;
  for (size_t i = 0; i < TOY_STEPS; i++)
    count += fabs(losses[i] - level) < FEW_NEAR / FEW_LN2 * level;
  return count;
}

void formation_rows_toy(const char *model, uint32_t seed, struct text *rows)
{
  static const struct {
    const char *name;
    unsigned clamped;
  } clamps[] = {{"none", 0}, {"c", 4}, {"bc", 6}};
  for (size_t c = 0; c < sizeof clamps / sizeof *clamps; c++) {
    struct toy toy;
    double losses[TOY_STEPS];
    char hash[33];
    toy_draw(seed, &toy);
    toy_descend(&toy, clamps[c].clamped, 1, TOY_STEPS, losses);
    digest_xxh3(losses, sizeof losses, hash);
    text_add(rows, "toy,%s,%s", model, clamps[c].name);
    add_cell(rows, (double)steps_near(losses, toy_plateau_loss(&toy)));
    add_cell(rows, first_below(losses, FEW_LEARNED_LOSS / FEW_LN2 * toy_plateau_loss(&toy)));
    add_cell(rows, first_below(losses, 0.5 * losses[0]));
    add_cell(rows, losses[TOY_STEPS - 1]);
    text_add(rows, ",%s\n", hash);
    for (size_t i = 0; i < TOY_STEPS; i += 5)
      add_point(rows, "5a", clamps[c].name, (double)i, losses[i]);
  }
}

void formation_rows_model(const char *model, const char *data, uint32_t seed, uint64_t sequences,
                          const struct few_examination *found, struct text *rows)
{
  text_add(rows, "models,%s,%s,%u", model, data, seed);
  add_cell(rows, (double)sequences);
  add_cell(rows, found ? found->accuracy : NAN);
  add_cell(rows, found ? found->direct : NAN);
  add_cell(rows, found ? (double)found->match_errors : NAN);
  text_add(rows, "\n");
}

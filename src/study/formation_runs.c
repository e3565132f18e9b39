#include "study/formation_runs.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MILLION UINT64_C(1000000)
#define HEAD 3     /* of layer 1, alone in clamped runs */
#define PREVIOUS 2 /* of layer 0 */
#define PREVIOUS_OTHER 6
#define BIT(head) (UINT64_C(1) << (head))
#define ALL_HEADS UINT64_C(0xFF)
#define CHECKPOINTS 20 /* of an examined run */
#define OFTEN 1000     /* sequences from one evaluation to the next */
#define SELDOM 5000    /* of the longer sweeps, as the published ones */

static const uint32_t graft_seeds[] = {5, 6, 7};

const char *formation_data_name(enum few_items_kind items)
{
  return items == FEW_FEATURES ? "F" : items == FEW_GAUSSIAN ? "gaussian" : "file";
}

void formation_model_name(const struct manifest_formation *formation, uint32_t seed, char out[32])
{
  snprintf(out, 32, "%s-seed%u", formation_data_name(formation->items), seed);
}

/* What is being made. */
struct making {
  const struct manifest_formation *formation;
  struct formation_runs *runs;
  uint32_t seed;
  struct error *error;
};

static int grow(struct making *m)
{
  struct formation_runs *runs = m->runs;
  struct formation_run *grown = memory_grow(runs->runs, runs->count + 1, &runs->capacity,
                                            sizeof *grown, "training runs", m->error);
  if (!grown)
    return m->error->code;
  runs->runs = grown;
  return 0;
}

static int add(struct making *m, const char *name, const char *figure, uint64_t sequences,
               uint64_t evaluate_every, const struct few_clamp *clamp)
{
  if (grow(m))
    return m->error->code;
  struct formation_run *run = &m->runs->runs[m->runs->count++];
  uint64_t shortened = sequences / m->formation->shorten;
  *run = (struct formation_run){.figure = figure,
                                .seed = m->seed,
                                .data = few_recipe_default().data,
                                .sequences = shortened ? shortened : 1,
                                .evaluate_every = evaluate_every,
                                .clamp = *clamp,
                                .graft = -1,
                                .listed = true};
  snprintf(run->name, sizeof run->name, "%s", name);
  return 0;
}

static struct formation_run *last(const struct making *m)
{
  return &m->runs->runs[m->runs->count - 1];
}

/* Layer 1 with one head. */
static struct few_clamp only(size_t head)
{
  return (struct few_clamp){.ablate = {0, ALL_HEADS & ~BIT(head)}};
}

static struct few_clamp previous(uint64_t heads)
{
  struct few_clamp clamp = only(HEAD);
  clamp.previous = heads;
  clamp.previous_strength = 1;
  return clamp;
}

static struct few_clamp matched(void)
{
  struct few_clamp clamp = only(HEAD);
  clamp.match = BIT(HEAD);
  clamp.match_strength = 1;
  return clamp;
}

static struct few_clamp layer0(void)
{
  struct few_clamp clamp = only(HEAD);
  clamp.perfect_layer0 = true;
  return clamp;
}

/* Other heads have no part in what is copied. */
static struct few_clamp copied(bool perfect_layer0)
{
  return (struct few_clamp){.copy = true, .copy_head = HEAD, .perfect_layer0 = perfect_layer0};
}

/* --- figures --- */

static bool is_grafted(const struct making *m)
{
  bool any = false;
  for (size_t i = 0; i < sizeof graft_seeds / sizeof *graft_seeds; i++)
    any = any || graft_seeds[i] == m->seed;
  return any && m->formation->figures[FORMATION_GRAFTS];
}

/* No more than one an update, as each has a file of its own. */
static uint64_t checkpoint_every(uint64_t sequences)
{
  uint64_t every = (sequences + CHECKPOINTS - 1) / CHECKPOINTS, batch = few_recipe_default().batch;
  return every > batch ? every : batch;
}

/* The figures that show it beside their own runs, if they are asked for. */
static void compare_in(const struct making *m, enum formation_figure figure, const char *name)
{
  size_t i = 0;
  while (i + 1 < FORMATION_COMPARED && last(m)->compared[i])
    i++;
  if (m->formation->figures[figure])
    last(m)->compared[i] = name;
}

static int add_unclamped(struct making *m, bool listed)
{
  const struct few_clamp none = {0};
  if (add(m, "unclamped", "3", MILLION, OFTEN, &none))
    return m->error->code;
  struct formation_run *run = last(m);
  run->listed = listed;
  run->examined = listed && m->formation->figures[FORMATION_UNCLAMPED];
  run->checkpoint_every = run->examined ? checkpoint_every(run->sequences) : 0;
  run->grafted = is_grafted(m);
  compare_in(m, FORMATION_HEADS, "4b");
  compare_in(m, FORMATION_GRAFTS, "7");
  return 0;
}

static int add_heads(struct making *m)
{
  for (size_t h = 0; h < 8; h++) {
    const char name[] = {'h', 'e', 'a', 'd', (char)('0' + h), 0};
    const struct few_clamp clamp = only(h);
    if (add(m, name, "4b", MILLION, SELDOM, &clamp))
      return m->error->code;
  }
  return 0;
}

static int add_clamps(struct making *m)
{
  const struct {
    const char *name;
    struct few_clamp clamp;
  } clamps[] = {{"none", only(HEAD)},    {"previous", previous(BIT(PREVIOUS))},
                {"layer0", layer0()},    {"match", matched()},
                {"copy", copied(false)}, {"layer0_copy", copied(true)}};
  for (size_t i = 0; i < sizeof clamps / sizeof *clamps; i++) {
    if (add(m, clamps[i].name, "5b", 6 * MILLION / 10, OFTEN, &clamps[i].clamp))
      return m->error->code;
    if (clamps[i].clamp.previous)
      compare_in(m, FORMATION_PREVIOUS, "8");
  }
  return 0;
}

/* One setting of the data: without a clamp for longer, then B, C, and B with C. */
static int add_sweep(struct making *m, const char *name, size_t classes, size_t labels)
{
  const struct {
    const char *suffix;
    uint64_t sequences, evaluate_every;
    struct few_clamp clamp;
  } parts[] = {{"", 2 * MILLION, SELDOM, only(HEAD)},
               {"_B", 3 * MILLION / 10, OFTEN, copied(true)},
               {"_C", 3 * MILLION / 10, OFTEN, matched()},
               {"_BC", 3 * MILLION / 10, OFTEN, layer0()}};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    char full[32];
    snprintf(full, sizeof full, "%s%s", name, parts[i].suffix);
    if (add(m, full, "6", parts[i].sequences, parts[i].evaluate_every, &parts[i].clamp))
      return m->error->code;
    last(m)->data.classes = classes;
    last(m)->data.labels = labels;
  }
  return 0;
}

static int add_sweeps(struct making *m)
{
  return add_sweep(m, "classes50", 50, 5) || add_sweep(m, "classes100", 100, 5) ||
                 add_sweep(m, "classes200", 200, 5) || add_sweep(m, "labels10", 50, 10) ||
                 add_sweep(m, "labels15", 50, 15)
             ? m->error->code
             : 0;
}

static int add_previous(struct making *m)
{
  const struct {
    const char *name;
    uint64_t heads;
  } sets[] = {{"previous_other", BIT(PREVIOUS_OTHER)},
              {"previous_three", BIT(1) | BIT(2) | BIT(5)},
              {"previous_all", ALL_HEADS}};
  for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
    const struct few_clamp clamp = previous(sets[i].heads);
    if (add(m, sets[i].name, "8", 8 * MILLION / 10, SELDOM, &clamp))
      return m->error->code;
  }
  return 0;
}

/* Steps of 0.1 up to 0.5, of 0.05 above; nothing is ablated. */
static int add_matches(struct making *m)
{
  for (unsigned percent = 0; percent <= 100; percent += percent < 50 ? 10 : 5) {
    char name[24];
    const struct few_clamp clamp = {.match = BIT(HEAD), .match_strength = (double)percent / 100};
    snprintf(name, sizeof name, "match_%u.%02u", percent / 100, percent % 100);
    if (add(m, name, "15", 6 * MILLION / 10, SELDOM, &clamp))
      return m->error->code;
  }
  return 0;
}

static int add_grafts(struct making *m)
{
  const struct few_clamp clamp = {.graft = FEW_GRAFT_LAYER0};
  for (size_t i = 0; i < sizeof graft_seeds / sizeof *graft_seeds; i++) {
    char name[24];
    snprintf(name, sizeof name, "graft%u", graft_seeds[i]);
    if (add(m, name, "7", 8 * MILLION / 10, OFTEN, &clamp))
      return m->error->code;
    last(m)->graft = graft_seeds[i];
  }
  return 0;
}

/* --- the list --- */

static int add_seed(struct making *m)
{
  const bool *figures = m->formation->figures;
  bool unclamped = figures[FORMATION_UNCLAMPED] || figures[FORMATION_HEADS] || is_grafted(m);
  if ((unclamped && add_unclamped(m, true)) || (figures[FORMATION_HEADS] && add_heads(m)) ||
      (figures[FORMATION_CLAMPS] && add_clamps(m)) ||
      (figures[FORMATION_SWEEPS] && add_sweeps(m)) ||
      (figures[FORMATION_PREVIOUS] && add_previous(m)) ||
      (figures[FORMATION_MATCH] && add_matches(m)))
    return m->error->code;
  return 0;
}

static bool has_seed(const struct manifest_formation *formation, uint32_t seed)
{
  for (size_t i = 0; i < formation->seed_count; i++)
    if (formation->seeds[i] == seed)
      return true;
  return false;
}

/* Models that are grafted and are no seed of the manifest. */
static int add_sources(struct making *m)
{
  for (size_t i = 0; i < sizeof graft_seeds / sizeof *graft_seeds; i++) {
    m->seed = graft_seeds[i];
    if (!has_seed(m->formation, m->seed) && add_unclamped(m, false))
      return m->error->code;
  }
  return 0;
}

int formation_runs_of(const struct manifest_formation *formation, struct formation_runs *runs,
                      struct error *error)
{
  struct making m = {formation, runs, 0, error};
  *runs = (struct formation_runs){0};
  int status = 0;
  for (size_t i = 0; i < formation->seed_count && !status; i++) {
    m.seed = formation->seeds[i];
    status = add_seed(&m);
  }
  if (!status && formation->figures[FORMATION_GRAFTS])
    status = add_sources(&m);
  runs->independent = runs->count;
  for (size_t i = 0; i < formation->seed_count && !status && formation->figures[FORMATION_GRAFTS];
       i++) {
    m.seed = formation->seeds[i];
    status = add_grafts(&m);
  }
  if (status)
    formation_runs_free(runs);
  return status;
}

void formation_runs_free(struct formation_runs *runs)
{
  free(runs->runs);
  *runs = (struct formation_runs){0};
}

/* --- what they need --- */

static size_t classes_of(const struct formation_run *run)
{
  return run->data.classes + run->data.test_classes;
}

/* Whether a run of its figure that comes before needs as much, or one that comes after more. */
static bool is_outdone(const struct formation_runs *runs, size_t index)
{
  const struct formation_run *run = &runs->runs[index];
  for (size_t i = 0; i < runs->count; i++) {
    size_t other = classes_of(&runs->runs[i]), own = classes_of(run);
    if (strcmp(runs->runs[i].figure, run->figure) == 0 && (i < index ? other >= own : other > own))
      return true;
  }
  return false;
}

static int check_classes(const char *name, const struct formation_runs *runs,
                         const struct few_items *items, struct error *error)
{
  struct text needs = {0};
  for (size_t i = 0; i < runs->count; i++) {
    const struct formation_run *run = &runs->runs[i];
    if (classes_of(run) > items->classes && !is_outdone(runs, i))
      text_add(&needs, "%sfigure %s needs %zu (%zu for training and %zu others for testing)",
               needs.length ? ", " : "", run->figure, classes_of(run), run->data.classes,
               run->data.test_classes);
  }
  if (needs.failed)
    error_set(error, EXIT_RUN, "%s: out of memory", name);
  else if (needs.length)
    error_set(error, EXIT_INPUT,
              "%s: has %zu classes, but %s; give more, or leave these figures out", name,
              items->classes, needs.data);
  text_free(&needs);
  return error->code;
}

int formation_runs_check(const struct manifest_formation *formation,
                         const struct formation_runs *runs, const struct few_items *items,
                         struct error *error)
{
  const char *name = formation->file ? formation->file : formation_data_name(formation->items);
  if (check_classes(name, runs, items, error))
    return error->code;
  for (size_t i = 0; i < runs->count; i++)
    if (few_data_check(name, items, &runs->runs[i].data, error))
      return error->code;
  return 0;
}

struct few_recipe formation_recipe(const struct manifest_formation *formation,
                                   const struct formation_run *run)
{
  struct few_recipe recipe = few_recipe_default();
  recipe.name = run->name;
  recipe.data = run->data;
  recipe.items = formation->items;
  recipe.item_seed = formation->item_seed;
  recipe.item_file = formation->file;
  recipe.initial_seed = run->seed;
  recipe.sequences = run->sequences;
  recipe.evaluate_every = run->evaluate_every;
  recipe.checkpoint_every = run->checkpoint_every;
  recipe.clamp = run->clamp;
  return recipe;
}

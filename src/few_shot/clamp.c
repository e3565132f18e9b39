#include "few_shot/clamp.h"

static bool within(double strength)
{
  return strength >= 0 && strength <= 1;
}

static int check_heads(const char *where, const struct few_clamp *c, const struct few_sizes *sizes,
                       struct error *error)
{
  uint64_t all = sizes->heads < 64 ? ((uint64_t)1 << sizes->heads) - 1 : UINT64_MAX;
  if ((c->ablate[0] | c->ablate[1] | c->previous | c->match) & ~all ||
      (c->copy && c->copy_head >= sizes->heads))
    return error_set(error, EXIT_INPUT,
                     "%s: names a head that the model, with heads 0 to %zu, "
                     "does not have",
                     where, sizes->heads - 1);
  if (!within(c->previous_strength) || !within(c->match_strength))
    return error_set(error, EXIT_INPUT, "%s: strengths must be between 0 and 1", where);
  return 0;
}

bool few_graft_takes(enum few_graft graft, enum few_stage stage)
{
  static const bool takes[][4] = {
      [FEW_GRAFT_NONE] = {false, false, false, false},
      [FEW_GRAFT_LAYER0] = {true, true, false, false},
      [FEW_GRAFT_LAYER1] = {false, false, true, true},
      [FEW_GRAFT_UNTIL_LAYER1] = {true, true, true, false},
      [FEW_GRAFT_FROM_LAYER0] = {false, true, true, true},
      [FEW_GRAFT_UNEMBEDDING] = {false, false, false, true},
  };
  return takes[graft][stage];
}

/* What no clamp may stand beside; NULL: nothing. */
static const char *contradiction(const struct few_clamp *c)
{
  bool given = few_graft_takes(c->graft, FEW_STAGE_EMBEDDINGS); /* as a whole, from the first on */
  bool layer0 = c->previous || c->ablate[0], layer1 = c->match || c->ablate[1];
  if (c->perfect_layer0 && (c->preserve || layer0 || few_graft_takes(c->graft, FEW_STAGE_LAYER0)))
    return "perfect_layer0 leaves nothing of layer 0 to clamp or to graft, and has passes of its "
           "own";
  if (given && (c->preserve || layer0))
    return "of a grafted layer 0 nothing can be clamped";
  if (c->graft == FEW_GRAFT_UNTIL_LAYER1 && layer1)
    return "of a layer 1 that is grafted as a whole nothing can be clamped";
  if (c->perfect_layer0 && c->match)
    return "perfect_layer0 gives layer 1's patterns, which cannot be clamped, too";
  if (c->copy && (c->preserve || c->match || layer0 || c->graft))
    return "copy takes a head's scores of a pass without clamps and grafts, on which no other but "
           "perfect_layer0 has an influence";
  return NULL;
}

int few_clamp_check(const char *where, const struct few_clamp *c, const struct few_sizes *sizes,
                    struct error *error)
{
  if (check_heads(where, c, sizes, error))
    return error->code;
  const char *problem = contradiction(c);
  return problem ? error_set(error, EXIT_INPUT, "%s: %s", where, problem) : 0;
}

bool few_clamp_two_passes(const struct few_clamp *c)
{
  return c->preserve != FEW_PRESERVE_NOTHING || (c->perfect_layer0 && !c->copy);
}

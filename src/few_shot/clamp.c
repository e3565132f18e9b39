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

int few_clamp_check(const char *where, const struct few_clamp *c, const struct few_sizes *sizes,
                    struct error *error)
{
  bool patterns = c->preserve == FEW_PRESERVE_PATTERNS || c->preserve == FEW_PRESERVE_BOTH;
  const char *problem = NULL;
  if (check_heads(where, c, sizes, error))
    return error->code;
  if (c->perfect_layer0 && (c->preserve || c->previous || c->ablate[0] || c->graft))
    problem = "perfect_layer0 leaves nothing of layer 0 to clamp, and has passes of its own";
  else if (c->graft == FEW_GRAFT_LAYER0 && (c->preserve || c->previous || c->ablate[0]))
    problem = "of a grafted layer 0 nothing can be clamped";
  else if (patterns && (c->previous || c->match))
    problem = "patterns are preserved and clamped at once";
  else if (c->perfect_layer0 && c->match)
    problem = "perfect_layer0 gives layer 1's patterns, which cannot be clamped, too";
  else if (c->copy && (c->preserve || c->match))
    problem = "copy takes the scores of a head, on which a preserved or clamped pattern and values "
              "have no influence";
  return problem ? error_set(error, EXIT_INPUT, "%s: %s", where, problem) : 0;
}

bool few_clamp_two_passes(const struct few_clamp *c)
{
  return c->preserve != FEW_PRESERVE_NOTHING || (c->perfect_layer0 && !c->copy);
}

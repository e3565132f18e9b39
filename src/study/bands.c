#include "study/bands.h"

#include "claims/claims.h"

#include <math.h>
#include <string.h>

static bool close_to(double value, double published, double error)
{
  return fabs(value - published) <= error * fabs(published);
}

static double share(size_t good, size_t count)
{
  return count ? (double)good / (double)count : 1.0;
}

static struct agreement measure(const struct revision *fresh, const struct revision *published,
                                const struct published_bands *bands)
{
  size_t heads = (size_t)fresh->n_layers * (size_t)fresh->n_heads;
  size_t classes = 0, selectivities = 0, selectivity_count = 0, prs = 0, pr_count = 0;
  for (size_t i = 0; i < heads; i++) {
    const struct head_row *mine = &fresh->heads[i], *theirs = &published->heads[i];
    classes += mine->class == theirs->class;
    for (int k = 0; k < CLASS_COUNT; k++) {
      if (theirs->selectivity[k] < 1.0) /* below the baseline: noise in fp16 */
        continue;
      selectivity_count++;
      selectivities +=
          close_to(mine->selectivity[k], theirs->selectivity[k], bands->selectivity_error);
    }
    if (isnan(theirs->pr))
      continue;
    pr_count++;
    prs += close_to(mine->pr, theirs->pr, bands->pr_error);
  }
  return (struct agreement){.classes = share(classes, heads),
                            .selectivities = share(selectivities, selectivity_count),
                            .prs = share(prs, pr_count)};
}

int bands_measure(const struct revision *fresh, const struct trajectory *published,
                  const struct published_bands *bands, struct agreement *agreement,
                  struct error *error)
{
  size_t at = trajectory_find(published, fresh->name);
  const struct revision *table = at < published->count ? &published->revisions[at] : NULL;
  if (!table || table->n_layers != fresh->n_layers || table->n_heads != fresh->n_heads)
    return error_set(error, EXIT_INPUT,
                     "%s: the published tables have no revision %s of %d layers x %d heads",
                     bands->directory, fresh->name, fresh->n_layers, fresh->n_heads);
  struct agreement a = measure(fresh, table, bands);
  a.held = a.classes >= bands->class_agreement && a.selectivities >= bands->selectivity_share &&
           a.prs >= bands->pr_share;
  *agreement = a;
  return 0;
}

int bands_compare_verdicts(struct trajectory *fresh, struct trajectory *published, size_t *count,
                           size_t *different, struct error *error)
{
  struct claim_list mine, theirs;
  if (claims_evaluate(fresh, 1, &mine, error))
    return error->code;
  if (claims_evaluate(published, 1, &theirs, error)) {
    claims_free(&mine);
    return error->code;
  }
  *count = theirs.count;
  *different = mine.count > theirs.count ? mine.count - theirs.count : 0;
  for (size_t i = 0; i < theirs.count; i++)
    *different += i >= mine.count || mine.rows[i].verdict != theirs.rows[i].verdict ||
                  strcmp(mine.rows[i].figure, theirs.rows[i].figure) != 0;
  claims_free(&mine);
  claims_free(&theirs);
  return 0;
}

bool bands_hold_for_all(const struct published_bands *bands)
{
  return bands->class_agreement == 0 && bands->selectivity_share == 0 && bands->pr_share == 0 &&
         !bands->claims;
}

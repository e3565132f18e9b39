#include "study/bands.h"
#include "base/json.h"

#include <math.h>
#include <string.h>

/* Shares of heads, selectivities and participation ratios that agree. */
struct agreement {
  double classes, selectivities, prs;
  size_t selectivity_count, pr_count;
};

static bool close_to(double value, double published, double error)
{
  return fabs(value - published) <= error * fabs(published);
}

static struct agreement measure(const struct revision *fresh, const struct revision *published,
                                const struct published_bands *bands)
{
  struct agreement a = {0};
  size_t heads = (size_t)fresh->n_layers * (size_t)fresh->n_heads;
  size_t classes = 0, selectivities = 0, prs = 0;
  for (size_t i = 0; i < heads; i++) {
    const struct head_row *mine = &fresh->heads[i], *theirs = &published->heads[i];
    classes += mine->class == theirs->class;
    for (int k = 0; k < CLASS_COUNT; k++) {
      if (theirs->selectivity[k] < 1.0) /* below the baseline: noise in fp16 */
        continue;
      a.selectivity_count++;
      selectivities +=
          close_to(mine->selectivity[k], theirs->selectivity[k], bands->selectivity_error);
    }
    if (isnan(theirs->pr))
      continue;
    a.pr_count++;
    prs += close_to(mine->pr, theirs->pr, bands->pr_error);
  }
  a.classes = (double)classes / (double)heads;
  a.selectivities = a.selectivity_count ? (double)selectivities / (double)a.selectivity_count : 1.0;
  a.prs = a.pr_count ? (double)prs / (double)a.pr_count : 1.0;
  return a;
}

static int compare_revision(const struct revision *fresh, const struct trajectory *published,
                            const struct published_bands *bands, struct text *text, json_t *json,
                            size_t *failures, struct error *error)
{
  size_t at = trajectory_find(published, fresh->name);
  const struct revision *table = at < published->count ? &published->revisions[at] : NULL;
  if (!table || table->n_layers != fresh->n_layers || table->n_heads != fresh->n_heads)
    return error_set(error, EXIT_INPUT,
                     "%s: the published tables have no revision %s of %d layers x %d heads",
                     bands->directory, fresh->name, fresh->n_layers, fresh->n_heads);
  struct agreement a = measure(fresh, table, bands);
  bool good = a.classes >= bands->class_agreement && a.selectivities >= bands->selectivity_share &&
              a.prs >= bands->pr_share;
  text_add(text,
           "  %-28s classes %.1f %% (band %.1f %%); selectivities within %.2g %%: %.1f %% (band "
           "%.1f %%); PR within %.2g %%: %.1f %% (band %.1f %%): %s\n",
           fresh->name, 100 * a.classes, 100 * bands->class_agreement,
           100 * bands->selectivity_error, 100 * a.selectivities, 100 * bands->selectivity_share,
           100 * bands->pr_error, 100 * a.prs, 100 * bands->pr_share, good ? "held" : "LEFT");
  *failures += !good;
  json_add(json, json_pack("{s:s, s:f, s:f, s:f, s:b}", "revision", fresh->name, "class_agreement",
                           a.classes, "selectivity_share", a.selectivities, "pr_share", a.prs,
                           "held", good));
  return 0;
}

/* The tables' and the fresh trajectory's claims, figure by figure. */
static int compare_claims(struct trajectory *fresh, struct trajectory *published, struct text *text,
                          json_t *json, size_t *failures, struct error *error)
{
  struct claim_list mine, theirs;
  size_t different = 0;
  if (claims_evaluate(fresh, 1, &mine, error))
    return error->code;
  if (claims_evaluate(published, 1, &theirs, error)) {
    claims_free(&mine);
    return error->code;
  }
  for (size_t i = 0; i < theirs.count; i++)
    different += i >= mine.count || mine.rows[i].verdict != theirs.rows[i].verdict ||
                 strcmp(mine.rows[i].figure, theirs.rows[i].figure) != 0;
  if (mine.count > theirs.count)
    different += mine.count - theirs.count;
  text_add(text, "  claim verdicts equal to those of the published tables: %zu of %zu\n",
           theirs.count - (different < theirs.count ? different : theirs.count), theirs.count);
  json_add(json, json_pack("{s:I, s:I}", "verdicts", (json_int_t)theirs.count, "different",
                           (json_int_t)different));
  *failures += different;
  claims_free(&mine);
  claims_free(&theirs);
  return 0;
}

int bands_compare(struct trajectory *fresh, const struct published_bands *bands, struct text *text,
                  json_t *json, size_t *failures, struct error *error)
{
  struct trajectory published;
  if (trajectory_load(bands->directory, &published, error))
    return error->code;
  text_add(text, "  against the published tables (%s), by bands, not by bits:\n", published.source);
  int status = 0;
  for (size_t i = 0; i < fresh->count && !status; i++)
    status = compare_revision(&fresh->revisions[i], &published, bands, text, json, failures, error);
  if (!status && bands->claims)
    status = compare_claims(fresh, &published, text, json, failures, error);
  trajectory_free(&published);
  return status;
}

bool bands_hold_for_all(const struct published_bands *bands)
{
  return bands->class_agreement == 0 && bands->selectivity_share == 0 && bands->pr_share == 0 &&
         !bands->claims;
}

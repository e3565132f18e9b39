#include "study/evaluate.h"

#include "claims/verdicts.h"

#include <stdlib.h>

static int write_verdicts(struct manifest_run *run, const struct claim_list *list,
                          struct error *error)
{
  const char *golden = run->manifest->golden;
  if (verdicts_write(list, golden, error))
    return error->code;
  journal_say(run->journal, JOURNAL_FOUND, "golden written: %s", golden);
  return 0;
}

static int compare_verdicts(struct manifest_run *run, const struct claim_list *list,
                            struct error *error)
{
  const char *golden = run->manifest->golden;
  char *difference;
  if (!golden) {
    journal_say(run->journal, JOURNAL_NOT_COMPARED, "%zu verdicts: the manifest names no golden",
                list->count);
    return 0;
  }
  if (run->all->update_golden)
    return write_verdicts(run, list, error);
  if (verdicts_compare(list, golden, &difference, error))
    return error->code;
  if (difference)
    run_fail(run, difference);
  else
    journal_say(run->journal, JOURNAL_FOUND,
                "verdicts equal to the golden ones (%s/" VERDICTS_FILE ")", golden);
  if (list->count)
    run_compared(run, "%zu verdicts with %s/" VERDICTS_FILE "%s", list->count, golden,
                 difference ? ": they differ" : "");
  else
    journal_say(run->journal, JOURNAL_NOT_COMPARED, "verdicts: no claim is about this model");
  free(difference);
  return 0;
}

int evaluate_claims(struct manifest_run *run, struct error *error)
{
  struct claim_list list;
  if (claims_evaluate(run->trajectories, run->count, &list, error))
    return error->code;
  const struct claim_list *kept = journal_claims(run->journal, &list, error);
  if (!kept) {
    claims_free(&list);
    return error->code;
  }
  run->trajectories = NULL;
  return compare_verdicts(run, kept, error);
}

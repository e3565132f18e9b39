#include "study/evaluate.h"

#include "claims/survival.h"
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
  size_t sources = verdicts_sources(list), components = verdicts_components(list);
  if (components)
    run_compared(run,
                 "%zu verdicts with %s/" VERDICTS_SOURCES_FILE
                 " and %zu with " VERDICTS_COMPONENTS_FILE "%s",
                 sources, golden, components, difference ? ": they differ" : "");
  else if (sources)
    run_compared(run,
                 "%zu verdicts with %s/" VERDICTS_FILE " and %zu with " VERDICTS_SOURCES_FILE "%s",
                 list->count - sources, golden, sources, difference ? ": they differ" : "");
  else if (list->count)
    run_compared(run, "%zu verdicts with %s/" VERDICTS_FILE "%s", list->count, golden,
                 difference ? ": they differ" : "");
  else
    journal_say(run->journal, JOURNAL_NOT_COMPARED, "verdicts: no claim is about this model");
  free(difference);
  return 0;
}

/* Figures that the manifest's own screens gave get their intervals. */
static int survive(struct manifest_run *run, struct claim_list *list, struct error *error)
{
  size_t resamples = run->all->resamples, evaluated = 0, survived = 0;
  if (!resamples)
    return 0;
  if (!run->resampled && run->course.revision_count) {
    journal_say(run->journal, JOURNAL_FOUND,
                "verdicts on circuits have no intervals here; attest circuit --bootstrap resamples "
                "the pairs of one model");
    return 0;
  }
  if (!run->resampled) {
    journal_say(run->journal, JOURNAL_FOUND, "verdicts have no intervals: %s",
                run->manifest->content == MANIFEST_FORMATION
                    ? "they count seeds, each of which is a run of its own"
                    : CLAIM_TABLES_ALONE);
    return 0;
  }
  if (claims_survive(list, run->resampled, resamples, error))
    return error->code;
  for (size_t i = 0; i < list->count; i++) {
    evaluated += list->rows[i].stated && list->rows[i].verdict != CLAIM_NOT_EVALUATED;
    survived += list->rows[i].stated && list->rows[i].verdict != CLAIM_NOT_EVALUATED &&
                claim_survives(&list->rows[i]);
  }
  journal_say(run->journal, JOURNAL_FOUND,
              "%zu of %zu verdicts that were reached survive %zu resamples of the sequences",
              survived, evaluated, resamples);
  return 0;
}

int evaluate_claims(struct manifest_run *run, struct error *error)
{
  struct claim_list list;
  if (claims_evaluate(run->trajectories, run->count, &list, error))
    return error->code;
  if ((run->tables.count && claims_add_tables(&run->tables, &list, error)) ||
      (run->course.revision_count && claims_add_course(&run->course, &list, error)) ||
      survive(run, &list, error)) {
    claims_free(&list);
    return error->code;
  }
  const struct claim_list *kept = journal_claims(run->journal, &list, error);
  if (!kept) {
    claims_free(&list);
    return error->code;
  }
  run->trajectories = NULL;
  return compare_verdicts(run, kept, error);
}

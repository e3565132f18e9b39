#include "study/compare.h"

#include "study/bands.h"

static void fail_against(struct manifest_run *run, const char *what, const char *directory,
                         const char *difference)
{
  struct error line;
  error_set(&line, EXIT_CHECK, "%s %.200s: %s", what, directory, difference);
  run_fail(run, line.text);
}

/* Values, then where they come from, then bytes: each says more than the next. */
static int compare_with(struct manifest_run *run, const struct trajectory_files *kept,
                        bool *differs, struct error *error)
{
  const struct trajectory *fresh = run->trajectories;
  struct trajectory_difference difference;
  *differs = true;
  trajectory_compare(&kept->trajectory, fresh, &difference);
  if (difference.found) {
    run_fail(run, difference.where);
    return 0;
  }
  trajectory_compare_provenance(&kept->trajectory, fresh, &difference);
  if (difference.found) {
    fail_against(run, "the manifest's words are not those of", kept->directory, difference.where);
    return 0;
  }
  if (trajectory_compare_files(kept, fresh, &difference, error))
    return error->code;
  *differs = difference.found;
  if (difference.found)
    run_fail(run, difference.where);
  return 0;
}

int compare_golden(struct manifest_run *run, struct error *error)
{
  const char *directory = run->manifest->golden;
  bool differs;
  if (compare_with(run, &run->references.golden, &differs, error))
    return error->code;
  if (!differs)
    journal_say(run->journal, JOURNAL_FOUND, "equal to the golden trajectory %s to the bit",
                directory);
  run_compared(run,
               "%s, kind, source and caveat with the golden trajectory %s, values and "
               "bytes%s",
               text_counted(run->trajectories->count, "revision").text, directory,
               differs ? ": they differ" : "");
  return 0;
}

int compare_write_golden(struct manifest_run *run, struct error *error)
{
  journal_say(run->journal, JOURNAL_NOT_COMPARED, "figures and verdicts: the golden %s was written",
              run->manifest->golden);
  return trajectory_save(run->manifest->golden, run->trajectories, error);
}

static void say_first(struct manifest_run *run, bool is_first, bool differs)
{
  const char *directory = run->work.first;
  if (is_first)
    journal_say(run->journal, JOURNAL_FOUND,
                "first complete run: kept in %s for the next one to equal", directory);
  else if (!differs)
    journal_say(run->journal, JOURNAL_FOUND, "equal to our own first run (%s) to the bit",
                directory);
  if (is_first)
    journal_say(run->journal, JOURNAL_NOT_COMPARED,
                "to the bit: the manifest names no golden, and this is the first run");
  else
    run_compared(run, "%s with our own first run (%s), values and bytes%s",
                 text_counted(run->trajectories->count, "revision").text, directory,
                 differs ? ": they differ" : "");
  journal_add(run->journal,
              (struct journal_entry){.event = JOURNAL_FIRST_RUN, .first_run = is_first});
}

int compare_first(struct manifest_run *run, struct error *error)
{
  struct trajectory_files first = {0};
  bool is_first, differs = false;
  if (run->contradicted || run->unpinned) {
    const char *why = run->contradicted ? "not what the manifest pins" : "UNPINNED";
    journal_say(run->journal, JOURNAL_FOUND, "not kept as a first run: the checkpoints are %s",
                why);
    journal_say(run->journal, JOURNAL_NOT_COMPARED, "a first run: the checkpoints are %s", why);
    return 0;
  }
  if (workdir_first(&run->work, run->trajectories, &is_first, &first, error))
    return error->code;
  int status = is_first ? 0 : compare_with(run, &first, &differs, error);
  trajectory_files_free(&first);
  if (!status)
    say_first(run, is_first, differs);
  return status;
}

/* Revision by revision; how many lie outside a band goes to *outside. */
static int compare_revisions(struct manifest_run *run, size_t *outside, struct error *error)
{
  const struct trajectory *fresh = run->trajectories;
  for (size_t i = 0; i < fresh->count; i++) {
    struct journal_entry entry = {.event = JOURNAL_AGREEMENT, .text = fresh->revisions[i].name};
    if (bands_measure(&fresh->revisions[i], &run->references.published.trajectory,
                      &run->manifest->published, &entry.agreement, error))
      return error->code;
    *outside += !entry.agreement.held;
    journal_add(run->journal, entry);
  }
  return 0;
}

/* Claims are about all revisions. */
static int compare_verdicts(struct manifest_run *run, size_t *different, struct error *error)
{
  struct journal_entry entry = {.event = JOURNAL_VERDICTS};
  if (!run->manifest->published.claims || run->skipped) {
    journal_say(run->journal, JOURNAL_NOT_COMPARED,
                "claim verdicts with those of the published tables");
    return 0;
  }
  if (bands_compare_verdicts(run->trajectories, &run->references.published.trajectory,
                             &entry.verdicts.count, &entry.verdicts.different, error))
    return error->code;
  *different = entry.verdicts.different;
  journal_add(run->journal, entry);
  return 0;
}

static void fail_outside(struct manifest_run *run, size_t outside, size_t different)
{
  struct error line;
  if (!different)
    error_set(&line, EXIT_CHECK, "%s %s outside the bands of the published tables",
              text_counted(outside, "revision").text, outside == 1 ? "is" : "are");
  else if (!outside)
    error_set(&line, EXIT_CHECK, "%s %s not as in the published tables",
              text_counted(different, "claim verdict").text, different == 1 ? "is" : "are");
  else
    error_set(&line, EXIT_CHECK,
              "%s %s outside the bands of the published tables, and %s not as in them",
              text_counted(outside, "revision").text, outside == 1 ? "is" : "are",
              text_counted(different, "claim verdict").text);
  run_fail(run, line.text);
}

int compare_published(struct manifest_run *run, struct error *error)
{
  struct published_bands bands = run->manifest->published;
  size_t outside = 0, different = 0;
  bands.claims = bands.claims && !run->skipped;
  journal_say(run->journal, JOURNAL_FOUND,
              "against the published tables (%s), by bands, not by bits:",
              run->references.published.trajectory.source);
  if (compare_revisions(run, &outside, error))
    return error->code;
  if (bands_hold_for_all(&bands))
    journal_say(run->journal, JOURNAL_NOT_COMPARED,
                "the published tables: any figures are within bands of 0");
  else
    run_compared(run, "%s with the published tables %s by bands%s",
                 text_counted(run->trajectories->count, "revision").text, bands.directory,
                 outside ? "; not all are within them" : "");
  if (compare_verdicts(run, &different, error))
    return error->code;
  if (outside || different)
    fail_outside(run, outside, different);
  return 0;
}

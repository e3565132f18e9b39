/* What a manifest's figures and verdicts are compared with, and what is said of it. */
#include "base/json.h"
#include "claims/claims.h"
#include "claims/verdicts.h"
#include "study/bands.h"
#include "study/pass.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail_against(struct pass *pass, const char *what, const char *directory,
                         const char *difference)
{
  struct error line;
  error_set(&line, EXIT_CHECK, "%s %.200s: %s", what, directory, difference);
  pass_fail(pass, line.text);
}

/* Values, then where they come from, then bytes: each says more than the next. */
static int compare_with(struct pass *pass, const struct trajectory *kept, const char *directory,
                        struct error *error)
{
  const struct trajectory *fresh = pass->trajectories;
  struct trajectory_difference difference;
  trajectory_compare(kept, fresh, &difference);
  if (difference.found) {
    pass_fail(pass, difference.where);
    return 0;
  }
  trajectory_compare_provenance(kept, fresh, &difference);
  if (difference.found) {
    fail_against(pass, "the manifest's words are not those of", directory, difference.where);
    return 0;
  }
  if (trajectory_compare_files(directory, fresh, &difference, error))
    return error->code;
  if (difference.found)
    pass_fail(pass, difference.where);
  return 0;
}

static int compare_golden(struct pass *pass, struct error *error)
{
  const char *directory = pass->manifest.golden;
  struct trajectory golden;
  size_t before = pass->all->failures;
  if (trajectory_load(directory, &golden, error))
    return error->code;
  int status = compare_with(pass, &golden, directory, error);
  trajectory_free(&golden);
  if (status)
    return status;
  bool differs = pass->all->failures > before;
  if (!differs)
    pass_say(pass, "  equal to the golden trajectory %s to the bit\n", directory);
  pass_compared(pass,
                "%zu revisions, kind, source and caveat with the golden trajectory %s, values and "
                "bytes%s",
                pass->trajectories->count, directory, differs ? ": they differ" : "");
  return 0;
}

static int write_golden(struct pass *pass, struct error *error)
{
  pass_not_compared(pass, "figures and verdicts: the golden %s was written", pass->manifest.golden);
  return trajectory_save(pass->manifest.golden, pass->trajectories, error);
}

static int compare_first(struct pass *pass, struct error *error)
{
  struct trajectory first = {0};
  size_t before = pass->all->failures;
  bool is_first;
  if (pass->contradicted || pass->unpinned) {
    const char *why = pass->contradicted ? "not what the manifest pins" : "UNPINNED";
    pass_say(pass, "  not kept as a first run: the checkpoints are %s\n", why);
    pass_not_compared(pass, "a first run: the checkpoints are %s", why);
    return 0;
  }
  if (workdir_first(&pass->work, pass->trajectories, &is_first, &first, error))
    return error->code;
  int status = is_first ? 0 : compare_with(pass, &first, pass->work.first, error);
  trajectory_free(&first);
  if (status)
    return status;
  bool differs = pass->all->failures > before;
  if (is_first)
    pass_say(pass, "  first complete run: kept in %s for the next one to equal\n",
             pass->work.first);
  else if (!differs)
    pass_say(pass, "  equal to our own first run (%s) to the bit\n", pass->work.first);
  if (is_first)
    pass_not_compared(pass, "to the bit: the manifest names no golden, and this is the first run");
  else
    pass_compared(pass, "%zu revisions with our own first run (%s), values and bytes%s",
                  pass->trajectories->count, pass->work.first, differs ? ": they differ" : "");
  json_put(pass->json, "first_run", json_boolean(is_first));
  return 0;
}

static int compare_bands(struct pass *pass, struct error *error)
{
  struct published_bands bands = pass->manifest.published;
  struct text text = {0};
  size_t failures = 0;
  json_t *json = json_array();
  bands.claims = bands.claims && !pass->left_out; /* claims are about all revisions */
  int status = bands_compare(pass->trajectories, &bands, &text, json, &failures, error);
  pass_say(pass, "%s", text.data ? text.data : "");
  if (!status && text.failed)
    status = error_set(error, EXIT_RUN, "%s: out of memory", pass->manifest.path);
  text_free(&text);
  json_put(pass->json, "published", json);
  if (!status && bands_hold_for_all(&bands))
    pass_not_compared(pass, "the published tables: any figures are within bands of 0");
  else if (!status)
    pass_compared(pass, "%zu revisions with the published tables %s by bands%s",
                  pass->trajectories->count, bands.directory, failures ? ", which were left" : "");
  if (!status && !bands.claims)
    pass_not_compared(pass, "claim verdicts with those of the published tables");
  if (!status && failures) {
    char line[128];
    snprintf(line, sizeof line, "%zu bands against the published tables were left", failures);
    pass_fail(pass, line);
  }
  return status;
}

static int compare_complete(struct pass *pass, struct error *error)
{
  const struct manifest *m = &pass->manifest;
  int status = 0;
  if (pass->all->update_golden && m->golden)
    status = write_golden(pass, error);
  else if (m->golden)
    status = compare_golden(pass, error);
  if (!status && m->published.directory)
    status = compare_bands(pass, error);
  if (!status && !m->golden)
    status = compare_first(pass, error);
  return status ? status : workdir_finish(&pass->work, error);
}

/* Without all revisions; the finished ones are kept for the next run. */
static int compare_incomplete(struct pass *pass, struct error *error)
{
  pass_say(pass, "  %zu of %zu revisions have no figures: no claims are evaluated%s\n",
           pass->left_out, pass->manifest.revision_count,
           pass->manifest.golden ? " and nothing is compared with the golden trajectory" : "");
  pass_not_compared(pass, "%zu of %zu revisions, whose files do not hold; the claims%s",
                    pass->left_out, pass->manifest.revision_count,
                    pass->manifest.golden ? "; the golden trajectory" : "");
  if (pass->manifest.published.directory && pass->trajectories->count && compare_bands(pass, error))
    return error->code;
  return pass->manifest.golden ? 0 : compare_first(pass, error);
}

/* Tables say themselves what they are. Their golden holds verdicts and no words of the manifest. */
static void check_tables(struct pass *pass)
{
  const struct manifest *m = &pass->manifest;
  for (size_t i = 0; i < pass->count; i++) {
    const struct trajectory *tables = &pass->trajectories[i];
    if (tables->kind != TRAJECTORY_PUBLISHED)
      fail_against(pass, "the tables are not of kind published:", tables->model,
                   trajectory_kind_name(tables->kind));
    if (*tables->caveat && !*m->caveat)
      fail_against(pass, "the manifest has no caveat, but its tables have one:", tables->model,
                   tables->caveat);
  }
  pass_not_compared(pass, "source and caveat of the manifest itself: its golden holds none");
}

int pass_compare(struct pass *pass, struct error *error)
{
  if (pass->left_out)
    return compare_incomplete(pass, error);
  if (!pass_is_tables(pass))
    return compare_complete(pass, error);
  check_tables(pass);
  return 0;
}

static int compare_verdicts(struct pass *pass, const struct claim_list *list, struct error *error)
{
  const char *golden = pass->manifest.golden;
  char *difference;
  if (!golden) {
    pass_not_compared(pass, "%zu verdicts: the manifest names no golden", list->count);
    return 0;
  }
  if (pass->all->update_golden) {
    if (verdicts_write(list, golden, error))
      return error->code;
    pass_say(pass, "  golden written: %s\n", golden);
    return 0;
  }
  if (verdicts_compare(list, golden, &difference, error))
    return error->code;
  if (difference)
    pass_fail(pass, difference);
  else
    pass_say(pass, "  verdicts equal to the golden ones (%s/" VERDICTS_FILE ")\n", golden);
  size_t sources = verdicts_sources(list);
  if (sources)
    pass_compared(pass,
                  "%zu verdicts with %s/" VERDICTS_FILE " and %zu with " VERDICTS_SOURCES_FILE "%s",
                  list->count - sources, golden, sources, difference ? ": they differ" : "");
  else if (list->count)
    pass_compared(pass, "%zu verdicts with %s/" VERDICTS_FILE "%s", list->count, golden,
                  difference ? ": they differ" : "");
  else
    pass_not_compared(pass, "verdicts: no claim is about this model");
  free(difference);
  return 0;
}

/* For the summary of all: list and trajectories outlive the manifest. */
static int keep(struct pass *pass, struct claim_list *list, struct error *error)
{
  struct reproduction *all = pass->all;
  struct claim_list *kept =
      memory_alloc(all->evaluated_count + 1, sizeof *kept, "lists of claims", error);
  if (!kept)
    return error->code;
  if (all->evaluated_count)
    memcpy(kept, all->evaluated, all->evaluated_count * sizeof *kept);
  free(all->evaluated);
  kept[all->evaluated_count++] = *list;
  all->evaluated = kept;
  *list = (struct claim_list){0};
  pass->trajectories = NULL;
  return 0;
}

static int show(struct pass *pass, const struct claim_list *list, struct error *error)
{
  struct text text = {0};
  if (pass->all->every)
    claims_text(list, true, &text);
  json_t *json = claims_json(list, error);
  int status = json ? 0 : error->code;
  if (!status && text.failed)
    status = error_set(error, EXIT_RUN, "claims: out of memory");
  if (!status) {
    pass_say(pass, "%s", text.data ? text.data : "");
    json_array_extend(pass->all->claims, json_object_get(json, "claims"));
  }
  json_decref(json);
  text_free(&text);
  return status;
}

int pass_evaluate(struct pass *pass, struct error *error)
{
  struct claim_list list;
  if (claims_evaluate(pass->trajectories, pass->count, &list, error))
    return error->code;
  int status = pass->tables.count ? claims_add_tables(&pass->tables, &list, error) : 0;
  if (!status)
    status = show(pass, &list, error);
  if (!status)
    status = compare_verdicts(pass, &list, error);
  if (!status)
    status = keep(pass, &list, error);
  claims_free(&list);
  return status;
}

#include "report/cases.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static int grow(struct cases *cases, struct error *error)
{
  struct report_case *list =
      memory_grow(cases->list, cases->count + 1, &cases->capacity, sizeof *list, "report", error);
  if (!list)
    return error->code;
  cases->list = list;
  return 0;
}

static int add(struct cases *cases, enum case_outcome outcome, const char *suite, const char *name,
               const char *message, struct error *error)
{
  if (grow(cases, error))
    return error->code;
  struct report_case *added = &cases->list[cases->count];
  *added = (struct report_case){.suite = strdup(suite),
                                .name = strdup(name),
                                .message = strdup(message),
                                .outcome = outcome,
                                .order = cases->count};
  cases->count++;
  return added->suite && added->name && added->message
             ? 0
             : error_set(error, EXIT_RUN, "report: out of memory");
}

static int add_lines(struct cases *cases, enum case_outcome outcome, const char *suite,
                     const struct report_texts *texts, const char *message, struct error *error)
{
  for (size_t i = 0; i < texts->count; i++)
    if (add(cases, outcome, suite, texts->lines[i], message, error))
      return error->code;
  return 0;
}

/* What was compared did hold only if nothing failed. */
static int add_manifest(struct cases *cases, const struct report_manifest *m, struct error *error)
{
  struct text suite = {0}, name = {0};
  text_add(&suite, "checks of %s", m->model);
  int status = suite.failed ? error_set(error, EXIT_RUN, "report: out of memory") : 0;
  for (size_t i = 0; i < m->revision_count && !status; i++) {
    name.length = 0;
    text_add(&name, "revision %s: trajectory hash %s", m->revisions[i].name,
             m->revisions[i].xxh3_128);
    status = name.failed ? error_set(error, EXIT_RUN, "report: out of memory")
                         : add(cases, CASE_PASSED, suite.data, name.data, "", error);
  }
  if (!status && !m->failures.count)
    status = add_lines(cases, CASE_PASSED, suite.data, &m->compared, "", error);
  if (!status)
    status = add_lines(cases, CASE_FAILED, suite.data, &m->failures, "a check failed", error);
  if (!status)
    status = add_lines(cases, CASE_SKIPPED, suite.data, &m->not_compared, "not compared", error);
  text_free(&name);
  text_free(&suite);
  return status;
}

static enum case_outcome outcome_of(enum claim_verdict verdict)
{
  return verdict == CLAIM_REPRODUCED      ? CASE_PASSED
         : verdict == CLAIM_NOT_EVALUATED ? CASE_SKIPPED
                                          : CASE_FINDING;
}

static void describe(const struct report_claim *claim, struct text *name, struct text *message)
{
  text_add(name, "%s%s%s %s", claim->source_id, *claim->source_id ? " " : "", claim->model,
           claim->figure);
  if (*claim->revision)
    text_add(name, " at %s", claim->revision);
  text_add(name, " (%s; %s)", claim->definition, trajectory_kind_name(claim->kind));
  if (claim->verdict == CLAIM_NOT_EVALUATED)
    text_add(message, "not evaluated: %s", claim->missing);
  else
    text_add(message, "%s: published %s, comes out %s", claim_verdict_name(claim->verdict),
             *claim->published ? claim->published : "(no figure)", claim->recomputed);
  if (claim->verdict == CLAIM_UNDER_ANOTHER)
    text_add(message, "; holds under the reading \"%s\"", claim->under);
}

static int add_claim(struct cases *cases, const struct report_claim *claim, struct error *error)
{
  struct text suite = {0}, name = {0}, message = {0};
  text_add(&suite, "%s %s", claim->paper, claim->id);
  describe(claim, &name, &message);
  int status =
      suite.failed || name.failed || message.failed
          ? error_set(error, EXIT_RUN, "report: out of memory")
          : add(cases, outcome_of(claim->verdict), suite.data, name.data, message.data, error);
  text_free(&suite);
  text_free(&name);
  text_free(&message);
  return status;
}

static int by_suite(const void *a, const void *b)
{
  const struct report_case *x = a, *y = b;
  int order = strcmp(x->suite, y->suite);
  return order ? order : (x->order > y->order) - (x->order < y->order);
}

static int fill(const struct report *report, struct cases *cases, struct error *error)
{
  for (size_t i = 0; i < report->manifest_count; i++)
    if (add_manifest(cases, &report->manifests[i], error))
      return error->code;
  for (size_t i = 0; i < report->claim_count; i++)
    if (report->claims[i].stated && add_claim(cases, &report->claims[i], error))
      return error->code;
  return 0;
}

int cases_make(const struct report *report, struct cases *cases, struct error *error)
{
  *cases = (struct cases){.count = 0};
  if (fill(report, cases, error)) {
    cases_free(cases);
    return error->code;
  }
  if (cases->count)
    qsort(cases->list, cases->count, sizeof *cases->list, by_suite);
  return 0;
}

void cases_free(struct cases *cases)
{
  for (size_t i = 0; i < cases->count; i++) {
    free(cases->list[i].suite);
    free(cases->list[i].name);
    free(cases->list[i].message);
  }
  free(cases->list);
  *cases = (struct cases){.count = 0};
}

size_t cases_count(const struct cases *cases, enum case_outcome outcome)
{
  size_t count = 0;
  for (size_t i = 0; i < cases->count; i++)
    count += cases->list[i].outcome == outcome;
  return count;
}

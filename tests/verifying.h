/* Runs of manifest_verify on the places of revisions.h. */
#ifndef ATTEST_TESTS_VERIFYING_H
#define ATTEST_TESTS_VERIFYING_H

#include "revisions.h"

#include "manifest/manifest_verify.h"

#define WEIGHTS "model.safetensors"

/* What was said in the last run. */
static char findings[16][1100], notes[16][1100];
static size_t finding_count, note_count;

static inline void keep(char lines[16][1100], size_t *count, const char *line)
{
  assert_true(*count < 16 && !strchr(line, '\n'));
  snprintf(lines[(*count)++], 1100, "%s", line);
}

static inline void keep_finding(void *context, const char *line)
{
  (void)context;
  keep(findings, &finding_count, line);
}

static inline void keep_note(void *context, const char *line)
{
  (void)context;
  keep(notes, &note_count, line);
}

/* Verifies; the result's owner is the caller. */
static inline void verify(struct manifest_check check, struct manifest_result *result)
{
  struct error error = {0};
  check.finding = keep_finding;
  check.note = keep_note;
  check.quiet = true;
  finding_count = note_count = 0;
  if (manifest_verify(&check, result, &error))
    fail_msg("%s", error.text);
  if (result->findings != finding_count)
    fail_msg("%zu findings counted, %zu said", result->findings, finding_count);
}

/* Expects exactly one finding, with `words` in it; none for NULL. */
static inline void expect(struct manifest_check check, const char *words)
{
  struct manifest_result result;
  verify(check, &result);
  if (finding_count != (words != NULL) || (words && !strstr(findings[0], words)))
    fail_msg("expected \"%s\", got %zu findings: %s", words ? words : "nothing", finding_count,
             findings[0]);
  manifest_result_free(&result);
}

static inline void load(const char *path, struct manifest *m)
{
  struct error error = {0};
  if (manifest_load(path, m, &error))
    fail_msg("%s", error.text);
}

/* A fresh place and its manifest. */
static inline const char *make(const char *name, bool pinned, struct manifest *m)
{
  char path[600];
  const char *place = revisions_make(name, pinned);
  snprintf(path, sizeof path, "%s/m.json", place);
  load(path, m);
  return place;
}

#endif

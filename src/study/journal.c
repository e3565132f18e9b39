#include "study/journal.h"

#include "base/memory.h"
#include "base/progress.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void journal_start(struct journal *journal)
{
  journal->start = progress_clock();
}

static void free_claims(struct claim_list *list)
{
  struct trajectory *trajectories = list->trajectories;
  size_t count = list->trajectory_count;
  claims_free(list);
  for (size_t t = 0; t < count; t++)
    trajectory_free(&trajectories[t]);
  free(trajectories);
}

void journal_free(struct journal *journal)
{
  for (size_t i = 0; i < journal->count; i++)
    free((char *)(uintptr_t)journal->entries[i].text);
  for (size_t i = 0; i < journal->claims_count; i++)
    free_claims(&journal->claims[i]);
  for (size_t i = 0; i < journal->manifest_count; i++) {
    manifest_free(&journal->manifests[i]->manifest);
    free(journal->manifests[i]);
  }
  free(journal->entries);
  free(journal->claims);
  free(journal->manifests);
  *journal = (struct journal){0};
}

int journal_check(const struct journal *journal, struct error *error)
{
  return journal->failed ? error_set(error, EXIT_RUN, "out of memory for the journal of the run")
                         : 0;
}

/* Adds one item to an array that grows by one at a time. NULL and error without memory. */
static void *grow(void *items, size_t count, size_t size, const char *what, struct error *error)
{
  void *more = realloc(items, (count + 1) * size);
  if (!more)
    error_set(error, EXIT_RUN, "out of memory for %s", what);
  return more;
}

struct journal_manifest *journal_begin(struct journal *journal, struct manifest *manifest,
                                       struct error *error)
{
  struct journal_manifest *made = memory_zeroed(1, sizeof *made, manifest->path, error);
  struct journal_manifest **more =
      made ? grow(journal->manifests, journal->manifest_count, sizeof *more, manifest->path, error)
           : NULL;
  if (!more) {
    free(made);
    manifest_free(manifest);
    return NULL;
  }
  made->manifest = *manifest;
  *manifest = (struct manifest){0};
  journal->manifests = more;
  journal->manifests[journal->manifest_count++] = made;
  journal_add(journal, (struct journal_entry){.event = JOURNAL_MANIFEST});
  return made;
}

static bool make_room(struct journal *journal)
{
  void *entries = memory_room(journal->entries, journal->count + 1, &journal->capacity,
                              sizeof *journal->entries);
  if (entries)
    journal->entries = entries;
  return entries;
}

static void keep(struct journal *journal, struct journal_entry entry)
{
  entry.text = strdup(entry.text);
  if (entry.text && make_room(journal)) {
    journal->entries[journal->count++] = entry;
    return;
  }
  free((char *)(uintptr_t)entry.text);
  journal->failed = true;
}

void journal_add(struct journal *journal, struct journal_entry entry)
{
  if (!entry.text)
    entry.text = "";
  entry.manifest = journal->manifest_count ? journal->manifest_count - 1 : 0;
  entry.seconds = progress_clock() - journal->start;
  keep(journal, entry);
  if (journal->watch)
    journal->watch(journal->context, journal, &entry);
}

/* Paths come from manifests, lines from files. */
static void add_text(struct journal *journal, enum journal_event event, const char *text)
{
  char shown[4096];
  text_escape(shown, sizeof shown, text);
  journal_add(journal, (struct journal_entry){.event = event, .text = shown});
}

void journal_say(struct journal *journal, enum journal_event event, const char *format, ...)
{
  char line[2048];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  add_text(journal, event, line);
}

void journal_notice(void *journal, const char *line)
{
  add_text(journal, JOURNAL_NOTICE, line);
}

const struct claim_list *journal_claims(struct journal *journal, struct claim_list *list,
                                        struct error *error)
{
  struct claim_list *more =
      grow(journal->claims, journal->claims_count, sizeof *more, "lists of claims", error);
  if (!more)
    return NULL;
  journal->claims = more;
  more[journal->claims_count++] = *list;
  *list = (struct claim_list){0};
  journal_add(journal,
              (struct journal_entry){.event = JOURNAL_CLAIMS, .claims = journal->claims_count - 1});
  return &more[journal->claims_count - 1];
}

size_t journal_count(const struct journal *journal, enum journal_event event)
{
  size_t count = 0;
  for (size_t i = 0; i < journal->count; i++)
    count += journal->entries[i].event == event;
  return count;
}

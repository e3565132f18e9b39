#include "command/journal_text.h"

#include "base/text.h"
#include "command/terminal.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void print_manifest(const struct manifest *m)
{
  printf("\n== %s (%s): %s\n   %s\n", m->model, m->kind, m->source,
         *m->caveat ? m->caveat : "(no caveat is stated)");
}

static void print_revision(const struct journal_entry *entry, const struct manifest *m)
{
  bool circuits = m->content == MANIFEST_CIRCUITS;
  printf("  %-12s %s in %.1f s, %s hash %s\n", entry->text,
         entry->revision.joined    ? "joined  "
         : entry->revision.resumed ? "resumed "
         : circuits                ? "found   "
                                   : "screened",
         entry->revision.seconds, circuits ? "score" : "trajectory", entry->revision.xxh3_128);
}

static void print_agreement(const struct journal_entry *entry, const struct published_bands *bands)
{
  const struct agreement *a = &entry->agreement;
  printf("  %-28s classes %.1f %% (band %.1f %%); selectivities within %.2g %%: %.1f %% (band "
         "%.1f %%); PR within %.2g %%: %.1f %% (band %.1f %%): %s\n",
         entry->text, 100 * a->classes, 100 * bands->class_agreement,
         100 * bands->selectivity_error, 100 * a->selectivities, 100 * bands->selectivity_share,
         100 * bands->pr_error, 100 * a->prs, 100 * bands->pr_share, a->held ? "held" : "OUTSIDE");
}

static void print_verdicts(const struct journal_entry *entry)
{
  size_t count = entry->verdicts.count, different = entry->verdicts.different;
  printf("  claim verdicts equal to those of the published tables: %zu of %zu\n",
         count - (different < count ? different : count), count);
}

static void print_claims(struct journal_text *to, const struct claim_list *list)
{
  struct text text = {0};
  if (to->every)
    claims_text(list, true, &text);
  to->failed |= text.failed;
  printf("%s", text.data ? text.data : "");
  text_free(&text);
}

static void print_entry(struct journal_text *to, const struct journal *journal,
                        const struct journal_entry *entry)
{
  const struct manifest *m = &journal->manifests[entry->manifest]->manifest;
  switch (entry->event) {
  case JOURNAL_MANIFEST:
    print_manifest(m);
    break;
  case JOURNAL_NOTE:
  case JOURNAL_FOUND:
  case JOURNAL_DONE:
    printf("  %s\n", entry->text);
    break;
  case JOURNAL_FAILURE:
    printf("  FAILED: %s\n", entry->text);
    break;
  case JOURNAL_TABLES:
    printf("  %s of %s loaded\n", text_counted(entry->tables.tables, "published table").text,
           text_counted(entry->tables.models, "model").text);
    break;
  case JOURNAL_REVISION:
    print_revision(entry, m);
    break;
  case JOURNAL_SKIPPED:
    printf("  %-12s skipped after %.1f s: its files failed verification; correct them and run "
           "again\n",
           entry->text, entry->revision.seconds);
    break;
  case JOURNAL_AGREEMENT:
    print_agreement(entry, &m->published);
    break;
  case JOURNAL_VERDICTS:
    print_verdicts(entry);
    break;
  case JOURNAL_CLAIMS:
    print_claims(to, &journal->claims[entry->claims]);
    break;
  case JOURNAL_NOTICE: /* on standard error */
  case JOURNAL_COMPARED:
  case JOURNAL_NOT_COMPARED: /* at the end, together */
  case JOURNAL_RESULT:
  case JOURNAL_READ:
  case JOURNAL_FIRST_RUN:
  case JOURNAL_END:
    break;
  }
}

void journal_text_watch(void *context, const struct journal *journal,
                        const struct journal_entry *entry)
{
  struct journal_text *to = context;
  if (entry->event == JOURNAL_NOTICE) {
    terminal_notice(NULL, entry->text);
    return;
  }
  if (entry->event == JOURNAL_FAILURE && to->quiet)
    fprintf(stderr, "attest: %s\n", entry->text);
  else if (entry->event == JOURNAL_FAILURE && isatty(STDERR_FILENO))
    fprintf(stderr, "\r\033[K"); /* a progress bar may stand there */
  if (!to->text)
    return;
  print_entry(to, journal, entry);
  fflush(stdout); /* hours may pass until the next line */
}

/* The texts of one event about a manifest, one after the other; `none` if there are none. */
static void add_items(const struct journal *journal, size_t manifest, enum journal_event event,
                      const char *title, const char *none, struct text *text)
{
  bool any = false;
  const char *model = journal->manifests[manifest]->manifest.model;
  for (size_t i = 0; i < journal->count; i++) {
    const struct journal_entry *entry = &journal->entries[i];
    if (entry->manifest != manifest || entry->event != event)
      continue;
    if (any)
      text_add(text, "; %s", entry->text);
    else
      text_add(text, "  %s: %s: %s", model, title, entry->text);
    any = true;
  }
  if (!any && none)
    text_add(text, "  %s: %s: %s", model, title, none);
  if (any || none)
    text_add(text, "\n");
}

static void add_compared(const struct journal *journal, struct text *text)
{
  for (size_t i = 0; i < journal->manifest_count; i++) {
    add_items(journal, i, JOURNAL_COMPARED, "compared", "nothing", text);
    add_items(journal, i, JOURNAL_NOT_COMPARED, "not compared", NULL, text);
  }
}

/* What came out of shortened training runs, beside the verdicts. */
static void add_trials(const struct journal *journal, struct text *text)
{
  for (size_t i = 0; i < journal->manifest_count; i++) {
    const struct manifest *m = &journal->manifests[i]->manifest;
    if (m->content == MANIFEST_FORMATION && (m->formation.shorten > 1 || m->formation.stride > 1))
      text_add(text, "TRIAL of %s: %s\n", m->model, m->caveat);
  }
}

/* The last lines are what people read. */
static void say_checks(const struct journal *journal, const struct reproduction *r)
{
  char unpinned[80] = "", uncompared[80] = "";
  size_t failures = journal_count(journal, JOURNAL_FAILURE), files = 0, manifests = 0;
  for (size_t i = 0; i < journal->manifest_count; i++) {
    files += journal->manifests[i]->unpinned;
    manifests += journal->manifests[i]->uncompared;
  }
  if (files)
    snprintf(unpinned, sizeof unpinned, "; UNPINNED: %s", text_counted(files, "file").text);
  if (manifests)
    snprintf(uncompared, sizeof uncompared, "; NOT COMPARED: %s",
             text_counted(manifests, "manifest").text);
  const char *verdict = failures           ? "FAILED"
                        : r->update_golden ? "GOLDEN WRITTEN, NOTHING COMPARED WITH IT"
                        : manifests        ? "NO CHECK FAILED"
                                           : "ALL CHECKS HELD";
  printf("%s: %s, %s%s%s; instruction set %s, %s\n", verdict,
         text_counted(journal->manifest_count, "manifest").text,
         text_counted(failures, "failed check").text, unpinned, uncompared,
         r->runtime->kernels->name,
         text_counted((size_t)threads_count(r->runtime->threads), "thread").text);
}

int journal_text_end(const struct journal *journal, const struct reproduction *r,
                     struct error *error)
{
  const struct summary_style style = terminal_style();
  bool json = r->json && strcmp(r->json, "-") != 0;
  struct text text = {0};
  add_compared(journal, &text);
  if (journal->claims_count)
    summary_text(journal->claims, journal->claims_count, &style, &text);
  add_trials(journal, &text);
  if (text.failed) {
    text_free(&text);
    return error_set(error, EXIT_RUN, "reproduce: out of memory");
  }
  printf("\n%s", text.data ? text.data : "");
  if (journal->claims_count)
    printf("A claim that does not come out is a finding about the paper, a failed check one about "
           "these files.\nEvery reading of each figure: --all. Its evidence: %s%s.\n\n",
           json ? "" : "--json FILE", json ? r->json : "");
  say_checks(journal, r);
  text_free(&text);
  return 0;
}

#include "report/write.h"

#include "base/version.h"
#include "claims/paper.h"
#include "report/fit.h"

#include <string.h>

static const char *carries(enum trajectory_kind kind)
{
  static const char *const words[] = {
      "whether the paper's figures follow from the author's own tables; nothing here was measured",
      "that the machinery works on trained weights, to the bit; nothing about the paper's models",
      "the paper's claims, measured here", "that the code runs; no evidence about any claim"};
  return words[kind];
}

static size_t count_kind(const struct report *report, enum trajectory_kind kind,
                         enum claim_verdict verdict)
{
  size_t count = 0;
  for (size_t i = 0; i < report->claim_count; i++)
    count += report->claims[i].stated && report->claims[i].kind == kind &&
             report->claims[i].verdict == verdict;
  return count;
}

static void write_failures(struct page *page, const struct report *report)
{
  if (!report_failures(report))
    return;
  page_list(page);
  for (size_t i = 0; i < report->manifest_count; i++)
    for (size_t f = 0; f < report->manifests[i].failures.count; f++)
      page_item(page, "%s: %s", report->manifests[i].model, report->manifests[i].failures.lines[f]);
  page_list_end(page);
}

static size_t unpinned(const struct report *report)
{
  size_t count = 0;
  for (size_t i = 0; i < report->manifest_count; i++)
    count += report->manifests[i].unpinned > 0 ? (size_t)report->manifests[i].unpinned : 0;
  return count;
}

static void write_verdict(struct page *page, const struct report *report)
{
  bool failed = report_failures(report) > 0;
  size_t files = unpinned(report);
  page_text(page,
            failed                   ? "verdict failed"
            : report->manifest_count ? "verdict held"
                                     : "verdict open",
            "%s", report_verdict(report));
  if (report->manifest_count)
    page_text(page, "", "%s, %s.", text_counted(report->manifest_count, "manifest").text,
              text_counted(report_failures(report), "failed check").text);
  else
    page_text(page, "",
              "No run is among the inputs: trajectories were read as they are, and nothing was "
              "compared with anything.");
  if (files)
    page_text(page, "caveat", "UNPINNED: %s; nobody vouches for what was read.",
              text_counted(files, "file").text);
  write_failures(page, report);
  page_text(page, "",
            "A figure of a paper that does not come out is a finding about the paper; a failed "
            "check is one about these files.");
}

static void write_rests(struct page *page, const struct report *report)
{
  static const char *const columns[] = {"rests on",      "what that can carry", "reproduced",
                                        "under another", "not reproduced",      "not evaluated"};
  page_table(page, "cards rests",
             "Figures under the reading that the paper states, by what they rest on", columns, 6);
  for (int kind = TRAJECTORY_PUBLISHED; kind <= TRAJECTORY_SYNTHETIC; kind++) {
    size_t all = 0;
    for (int v = 0; v < CLAIM_VERDICT_COUNT; v++)
      all += count_kind(report, (enum trajectory_kind)kind, (enum claim_verdict)v);
    if (!all && kind != TRAJECTORY_REAL)
      continue;
    page_row(page, "");
    page_cell(page, "%s", report_kind((enum trajectory_kind)kind));
    page_cell(page, "%s",
              all ? carries((enum trajectory_kind)kind)
                  : "nothing: no verdict here was computed from them");
    for (int v = 0; v < CLAIM_VERDICT_COUNT; v++)
      page_cell(page, "%zu", count_kind(report, (enum trajectory_kind)kind, (enum claim_verdict)v));
    page_row_end(page);
  }
  page_table_end(page);
}

/* --- sections --- */

/* What all of them are written with. */
struct writing {
  const struct report *report;
  bool every;
};

static int write_opening(struct page *page, const struct writing *w, struct error *error)
{
  static const struct page_link links[] = {
      {"claims", "Claims"}, {"models", "Models"},         {"results", "Further results"},
      {"checks", "Checks"}, {"unchecked", "Not checked"}, {"provenance", "Provenance"},
  };
  (void)error;
  page_begin(page, "attest: published claims about attention circuits, re-checked");
  write_verdict(page, w->report);
  page_links(page, links, sizeof links / sizeof *links);
  write_rests(page, w->report);
  return 0;
}

static int claims(struct page *page, const struct writing *w, struct error *error)
{
  (void)error;
  write_claims(page, w->report, w->every);
  return 0;
}

static int models(struct page *page, const struct writing *w, struct error *error)
{
  return write_models(page, w->report, error);
}

static int results(struct page *page, const struct writing *w, struct error *error)
{
  (void)error;
  write_results(page, w->report);
  return 0;
}

static int checks(struct page *page, const struct writing *w, struct error *error)
{
  (void)error;
  write_checks(page, w->report);
  return 0;
}

static int provenance(struct page *page, const struct writing *w, struct error *error)
{
  (void)error;
  write_provenance(page, w->report);
  page_end(page);
  return 0;
}

#define SECTIONS 6

static int (*const sections[SECTIONS])(struct page *, const struct writing *, struct error *) = {
    write_opening, claims, models, results, checks, provenance};
static const int ranks[SECTIONS] = {0, 1, 4, 5, 2, 3}; /* plots are cut first */

int report_write(const struct report *report, enum page_format format, bool every, struct text *out,
                 struct error *error)
{
  const struct writing writing = {report, every || format == PAGE_HTML};
  struct text texts[SECTIONS] = {0};
  struct page page = {.format = format};
  int status = 0;
  for (size_t i = 0; i < SECTIONS && !status; i++) {
    page.out = &texts[i];
    status = sections[i](&page, &writing, error);
    out->failed = out->failed || texts[i].failed;
  }
  if (!status && !writing.every && !out->failed)
    fit_sections(texts, ranks, SECTIONS, FIT_MOST);
  for (size_t i = 0; i < SECTIONS; i++) {
    text_add(out, "%s", texts[i].data ? texts[i].data : "");
    out->failed = out->failed || texts[i].failed;
    text_free(&texts[i]);
  }
  if (status)
    return status;
  return out->failed ? error_set(error, EXIT_RUN, "report: out of memory") : 0;
}

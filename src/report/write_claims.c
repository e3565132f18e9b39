/* The claims: a grid of claims and models, the figures that do not come out, then all, by claim. */
#include "report/write.h"

#include "base/json.h"
#include "claims/paper.h"

#include <math.h>
#include <string.h>

#define MOST_MODELS 16

/* What a table is about. */
struct about {
  const struct report *report;
  const struct paper *paper;
  enum trajectory_kind kind;
  const char *models[MOST_MODELS];
  size_t model_count;
};

static bool is_about(const struct about *about, const struct report_claim *claim)
{
  return claim->kind == about->kind && strcmp(claim->paper, about->paper->arxiv) == 0;
}

static void find_models(struct about *about)
{
  about->model_count = 0;
  for (size_t i = 0; i < about->report->claim_count; i++) {
    const struct report_claim *claim = &about->report->claims[i];
    size_t m = 0;
    if (!is_about(about, claim))
      continue;
    while (m < about->model_count && strcmp(about->models[m], claim->model) != 0)
      m++;
    if (m == about->model_count && m < MOST_MODELS)
      about->models[about->model_count++] = claim->model;
  }
}

static size_t count(const struct about *about, const char *id, const char *model,
                    enum claim_verdict verdict)
{
  size_t sum = 0;
  for (size_t i = 0; i < about->report->claim_count; i++) {
    const struct report_claim *c = &about->report->claims[i];
    sum += c->stated && is_about(about, c) && c->verdict == verdict && strcmp(c->id, id) == 0 &&
           (!model || strcmp(c->model, model) == 0);
  }
  return sum;
}

/* "12 of 13", and how the others differ. */
static void write_count(struct page *page, const struct about *about, const char *id,
                        const char *model)
{
  size_t counts[CLAIM_VERDICT_COUNT], all = 0;
  for (int v = 0; v < CLAIM_VERDICT_COUNT; v++)
    all += counts[v] = count(about, id, model, (enum claim_verdict)v);
  size_t judged = all - counts[CLAIM_NOT_EVALUATED];
  struct text text = {0};
  if (!all)
    text_add(&text, "-");
  else if (!judged)
    text_add(&text, "%zu not evaluated", all);
  else
    text_add(&text, "%zu of %zu", counts[CLAIM_REPRODUCED], judged);
  if (counts[CLAIM_NOT_REPRODUCED])
    text_add(&text, "; %zu not", counts[CLAIM_NOT_REPRODUCED]);
  if (counts[CLAIM_UNDER_ANOTHER])
    text_add(&text, "; %zu under another", counts[CLAIM_UNDER_ANOTHER]);
  page_cell(page, "%s", text.data ? text.data : "");
  page->out->failed = page->out->failed || text.failed;
  text_free(&text);
}

static bool any(const struct about *about, const char *id)
{
  for (int v = 0; v < CLAIM_VERDICT_COUNT; v++)
    if (count(about, id, NULL, (enum claim_verdict)v))
      return true;
  return false;
}

static void write_grid(struct page *page, const struct about *about)
{
  const char *columns[MOST_MODELS + 1] = {"claim"};
  for (size_t m = 0; m < about->model_count; m++)
    columns[m + 1] = strcmp(about->models[m], ALL_MODELS) == 0 ? "together" : about->models[m];
  page_table(page, "", "Figures that come out as stated, of those that could be evaluated", columns,
             about->model_count + 1);
  for (size_t c = 0; c < about->paper->claim_count; c++) {
    const struct paper_claim *claim = &about->paper->claims[c];
    if (!any(about, claim->id))
      continue;
    page_row(page, "");
    page_cell(page, "%s %s", claim->id, claim->title);
    for (size_t m = 0; m < about->model_count; m++)
      write_count(page, about, claim->id, about->models[m]);
    page_row_end(page);
  }
  page_table_end(page);
}

static const char *row_class(const struct report_claim *c)
{
  static const char *const classes[CLAIM_VERDICT_COUNT] = {"good", "half", "bad", ""};
  return c->stated ? classes[c->verdict] : "reading";
}

/* The name of another reading has no verdict on the paper. */
static const char *verdict_words(const struct report_claim *c)
{
  if (c->stated || c->verdict == CLAIM_NOT_EVALUATED)
    return claim_verdict_name(c->verdict);
  return c->verdict == CLAIM_NOT_REPRODUCED ? "does not hold" : "holds, too";
}

static void add_verdict(const struct report_claim *c, struct text *text)
{
  text_add(text, "%s", verdict_words(c));
  if (*c->missing)
    text_add(text, ": %s", c->missing);
  if (c->stated && *c->under)
    text_add(text, "; holds under the reading \"%s\"", c->under);
  if (*c->why)
    text_add(text, "; %s", c->why);
  if (c->interval && c->verdict != CLAIM_NOT_EVALUATED)
    text_add(text, json_is_true(json_object_get(c->interval, "survives"))
                       ? "; survives its interval"
                       : "; does not survive its interval");
}

static void write_row(struct page *page, const struct report_claim *c)
{
  struct text verdict = {0};
  bool measured = c->kind != TRAJECTORY_PUBLISHED;
  const char *value = *c->recomputed ? c->recomputed : "-";
  add_verdict(c, &verdict);
  page_row(page, row_class(c));
  page_cell(page, "%s%s%s, %s%s%s", c->source_id, *c->source_id ? " " : "",
            strcmp(c->model, ALL_MODELS) == 0 ? "together" : c->model, c->figure,
            *c->revision ? " at " : "", c->revision);
  page_cell(page, "%s", *c->published ? c->published : "-");
  page_cell(page, "%s", measured ? "-" : value);
  page_cell(page, "%s", measured ? value : "-");
  page_cell(page, "%s", verdict.data ? verdict.data : "");
  if (isfinite(c->margin))
    page_cell(page, "%.4g", c->margin);
  else
    page_cell(page, "-");
  page_cell(page, "%s", c->definition);
  page_row_end(page);
  page->out->failed = page->out->failed || verdict.failed;
  text_free(&verdict);
}

static void begin_table(struct page *page, const char *caption)
{
  static const char *const columns[] = {"figure",  "published", "recomputed", "measured",
                                        "verdict", "margin",    "reading"};
  page_table(page, "cards claims", caption, columns, sizeof columns / sizeof *columns);
}

static bool differs(const struct report_claim *c)
{
  return c->stated && (c->verdict == CLAIM_NOT_REPRODUCED || c->verdict == CLAIM_UNDER_ANOTHER);
}

static void write_differing(struct page *page, const struct about *about)
{
  bool begun = false;
  for (int v = CLAIM_NOT_REPRODUCED; v >= CLAIM_UNDER_ANOTHER; v--)
    for (size_t i = 0; i < about->report->claim_count; i++) {
      const struct report_claim *c = &about->report->claims[i];
      if (!is_about(about, c) || !differs(c) || c->verdict != (enum claim_verdict)v)
        continue;
      if (!begun)
        begin_table(page, "Figures that do not come out as stated");
      begun = true;
      write_row(page, c);
    }
  if (begun)
    page_table_end(page);
}

/* Every reading of every figure of one claim. */
static void write_claim(struct page *page, const struct about *about,
                        const struct paper_claim *claim)
{
  if (!any(about, claim->id))
    return;
  struct text summary = {0};
  text_add(&summary, "%s %s: every figure and reading", claim->id, claim->title);
  page_fold(page, summary.data ? summary.data : "");
  page->out->failed = page->out->failed || summary.failed;
  text_free(&summary);
  begin_table(page, claim->title);
  for (size_t i = 0; i < about->report->claim_count; i++) {
    const struct report_claim *c = &about->report->claims[i];
    if (is_about(about, c) && strcmp(c->id, claim->id) == 0)
      write_row(page, c);
  }
  page_table_end(page);
  page_fold_end(page);
}

static void write_about(struct page *page, struct about *about, bool every)
{
  find_models(about);
  if (!about->model_count)
    return;
  page_heading(page, 3, NULL, "arXiv %s, from %s", about->paper->arxiv, report_kind(about->kind));
  page_text(page, "", "%s", about->paper->title);
  write_grid(page, about);
  write_differing(page, about);
  for (size_t c = 0; every && c < about->paper->claim_count; c++)
    write_claim(page, about, &about->paper->claims[c]);
}

void write_claims(struct page *page, const struct report *report, bool every)
{
  page_heading(page, 2, "claims", "Claims");
  page_text(page, "",
            "Recomputed: from the author's published tables. Measured: on checkpoints screened "
            "here. Margin: the distance to the published figure, in its unit.");
  for (const struct paper *const *paper = papers; *paper; paper++)
    for (int kind = TRAJECTORY_PUBLISHED; kind <= TRAJECTORY_SYNTHETIC; kind++) {
      struct about about = {.report = report, .paper = *paper, .kind = (enum trajectory_kind)kind};
      write_about(page, &about, every);
    }
}

/* The columns of F4's table over all three models: a column holds under a reading when it holds
 * for every model. */
#include "claims/arxiv_2606_02378/paper.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct column {
  const char *figure;
  enum claim_unit unit;
  const char *statement;
} columns[] = {
    {"recall_33_tokens", UNIT_TOKENS, "33 % recall comes at 0.5B, 2B and 20B tokens."},
    {"recall_67_tokens", UNIT_TOKENS, "67 % recall comes at 6.3B, 10B and 41B tokens."},
    {"recall_100_tokens", UNIT_TOKENS, "100 % recall comes at 80B, 3048B and 1677B tokens."},
    {"recall_67_share", UNIT_FRACTION, "67 % recall comes after 2, 0.3 and 0.8 % of training."},
    {"recall_67_band", UNIT_FRACTION, "The screen converges within 0.3 to 2 % of training."}};

/* The model's row of this figure under the reading of this index; NULL when it has none. */
static const struct claim_row *find_row(const struct subject *subject, const char *model,
                                        const char *figure, size_t reading)
{
  for (size_t i = 0; i < subject->list->count; i++) {
    const struct claim_row *row = &subject->list->rows[i];
    if (row->kind == subject->kind && strcmp(row->model, model) == 0 &&
        strcmp(row->figure, figure) == 0 && reading-- == 0)
      return row;
  }
  return NULL;
}

static bool row_matches(const struct claim_row *row)
{
  return row->verdict == (row->stated ? CLAIM_REPRODUCED : CLAIM_UNDER_ANOTHER);
}

static void join(char *out, size_t capacity, const char *text)
{
  size_t used = strlen(out);
  snprintf(out + used, capacity - used, "%s%.28s", used ? " / " : "", *text ? text : "-");
}

/* One reading of a column; false when no model has this reading. */
static bool find_column(const struct subject *subject, const struct figure *figure, size_t reading,
                        char words[96], char missing[160], struct finding *finding)
{
  json_t *models = json_object();
  bool any = false;
  finding->holds = true;
  for (size_t m = 0; m < subject->paper->model_count; m++) {
    const char *key = subject->paper->models[m].key;
    const struct claim_row *row = find_row(subject, key, figure->name, reading);
    join(words, 96, row ? row->recomputed_text : "");
    if (!row || row->verdict == CLAIM_NOT_EVALUATED) {
      snprintf(missing, 160, "%s: %.120s", key,
               row ? row->missing : "no trajectory of it is given");
      finding->missing = missing;
    }
    if (!row)
      continue;
    any = true;
    finding->definition = row->definition;
    finding->stated = row->stated;
    finding->holds = finding->holds && row_matches(row);
    if (json_object_set_new(models, key,
                            json_pack("{s:s, s:s, s:b}", "published", row->published_text,
                                      "recomputed", row->recomputed_text, "matches",
                                      row_matches(row))) != 0)
      finding->evidence->failed = true;
  }
  finding->words = words;
  evidence_put(finding->evidence, "models", models);
  return any;
}

static int add_column(const struct subject *subject, const struct column *column)
{
  struct figure figure;
  char published[96] = "";
  figure_open(subject, "F4", column->figure, "", column->unit, NEED_ALL, &figure);
  for (size_t m = 0; m < subject->paper->model_count; m++) {
    char one[40];
    const struct asserted *of_model =
        paper_find_asserted(subject->paper, subject->paper->models[m].key, column->figure, "");
    figure_published_text(of_model, column->unit, one, sizeof one);
    if (strcmp(published, one) != 0) /* a band is the same for all models */
      join(published, sizeof published, one);
  }
  struct asserted whole = {
      .low = NAN, .high = NAN, .words = published, .statement = column->statement};
  figure.asserted = &whole;
  for (size_t reading = 0;; reading++) {
    char words[96] = "", missing[160] = "";
    struct evidence evidence = evidence_start();
    struct finding finding = {.value = NAN, .margin = NAN, .evidence = &evidence};
    if (!find_column(subject, &figure, reading, words, missing, &finding)) {
      json_decref(evidence.object);
      break;
    }
    if (figure_add(subject, &figure, &finding))
      return subject->error->code;
  }
  figure_close(subject, &figure);
  return 0;
}

int claim_columns(const struct subject *subject)
{
  for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
    if (add_column(subject, &columns[i]))
      return subject->error->code;
  return 0;
}

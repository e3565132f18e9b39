/* A list of claims as JSON and as text for a terminal. */
#include "claims/claims.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A number where the figure is one, else its words, else null. */
static json_t *figure_json(double value, const char *words)
{
  if (isfinite(value))
    return json_real(value);
  return *words ? json_string(words) : json_null();
}

static json_t *text_json(const char *text)
{
  return *text ? json_string(text) : json_null();
}

static json_t *row_json(const struct claim_row *row)
{
  return json_pack(
      "{s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:s, s:o, s:o, s:o, s:o, s:s, s:o, s:o, "
      "s:o, s:O}",
      "id", row->id, "model", row->model, "kind", trajectory_kind_name(row->kind), "figure",
      row->figure, "revision", row->revision, "definition", row->definition, "stated", row->stated,
      "statement", row->statement, "published", figure_json(row->published, row->published_text),
      "recomputed", figure_json(row->recomputed, row->recomputed_text), "published_text",
      text_json(row->published_text), "recomputed_text", text_json(row->recomputed_text), "verdict",
      claim_verdict_name(row->verdict), "under", text_json(row->under), "missing",
      text_json(row->missing), "margin", figure_json(row->margin, ""), "evidence", row->evidence);
}

static json_t *trajectory_json(const struct trajectory *trajectory)
{
  return json_pack("{s:s, s:s, s:s, s:s, s:I}", "model", trajectory->model, "kind",
                   trajectory_kind_name(trajectory->kind), "source", trajectory->source, "caveat",
                   trajectory->caveat, "revisions", (json_int_t)trajectory->count);
}

json_t *claims_json(const struct claim_list *list, struct error *error)
{
  json_t *trajectories = json_array(), *rows = json_array(), *result = json_object();
  bool failed = false;
  for (size_t i = 0; i < list->trajectory_count; i++)
    failed |= json_array_append_new(trajectories, trajectory_json(&list->trajectories[i])) != 0;
  for (size_t i = 0; i < list->count; i++)
    failed |= json_array_append_new(rows, row_json(&list->rows[i])) != 0;
  failed |= json_object_set_new(result, "trajectories", trajectories) != 0;
  failed |= json_object_set_new(result, "claims", rows) != 0;
  if (!failed)
    return result;
  json_decref(result);
  error_set(error, EXIT_RUN, "out of memory for the JSON text of %zu claims", list->count);
  return NULL;
}

static void add_sources(const struct claim_list *list, struct text *text)
{
  for (size_t i = 0; i < list->trajectory_count; i++) {
    const struct trajectory *trajectory = &list->trajectories[i];
    text_add(text, "%s (%s, %zu revisions)\n  %s\n", trajectory->model,
             trajectory_kind_name(trajectory->kind), trajectory->count, trajectory->source);
    if (*trajectory->caveat)
      text_add(text, "  Caveat: %s\n", trajectory->caveat);
  }
  text_add(text,
           "\n* the reading that the paper states; \"under another\": reproduced under another "
           "definition.\n");
}

static void add_row(const struct claim_row *row, struct text *text)
{
  static const char *const verdicts[CLAIM_VERDICT_COUNT] = {"reproduced", "under another",
                                                            "not reproduced", "not evaluated"};
  char figure[300];
  snprintf(figure, sizeof figure, "%s %s", row->figure, row->revision);
  text_add(text, "%s %s%-37s %-18s %-19s %-24s %s\n", row->id, row->stated ? "*" : " ", figure,
           row->definition, *row->published_text ? row->published_text : "-",
           *row->recomputed_text ? row->recomputed_text : "-", verdicts[row->verdict]);
  /* Where the paper has no figure, the empty column says so already. */
  if (*row->missing && *row->published_text)
    text_add(text, "      (%s)\n", row->missing);
}

void claims_text(const struct claim_list *list, struct text *text)
{
  add_sources(list, text);
  for (size_t i = 0; i < list->count; i++) {
    const struct claim_row *row = &list->rows[i];
    if (i == 0 || strcmp(row->model, row[-1].model) != 0 || row->kind != row[-1].kind)
      text_add(text, "\n%s (%s)\n%-41s %-18s %-19s %-24s %s\n", row->model,
               trajectory_kind_name(row->kind), "   figure", "definition", "published",
               "recomputed", "verdict");
    add_row(row, text);
  }
  text_add(text,
           "\nFigures as stated: %zu reproduced, %zu under another definition, %zu not reproduced, "
           "%zu not evaluated.\n",
           claims_count(list, CLAIM_REPRODUCED), claims_count(list, CLAIM_UNDER_ANOTHER),
           claims_count(list, CLAIM_NOT_REPRODUCED), claims_count(list, CLAIM_NOT_EVALUATED));
}

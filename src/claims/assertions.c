/* The asserted figures, each under its readings, as rows. */
#include "claims/assertion.h"

#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Whether the number is a percentage, which rows hold as a fraction. */
static bool is_percentage(const char *stated, const struct stated_number *number)
{
  return strncmp(stated + number->end, " %", 2) == 0;
}

struct stated_text {
  struct stated_number numbers[STATED_MOST];
  size_t count;
};

/* Numbers as numbers where the figure is a single one. */
static void put_numbers(const struct assertion *assertion, const struct stated_text *stated,
                        const struct outcome *outcome, struct claim_row *row)
{
  if (stated->count != 1 || outcome->count != 1)
    return;
  const struct stated_number *number = &stated->numbers[0];
  double scale = is_percentage(assertion->stated, number) ? 0.01 : 1;
  row->published = isfinite(number->value) ? number->value * scale : NAN;
  row->recomputed = isfinite(outcome->values[0]) ? outcome->values[0] * scale : NAN;
  row->margin = fabs(row->recomputed - row->published);
}

static void compare(const struct assertion *assertion, const struct stated_text *stated,
                    const struct outcome *outcome, struct text *text, bool *holds)
{
  *holds = outcome->holds;
  if (!outcome->count)
    return;
  size_t wanted = stated->count;
  bool band = outcome->count == 1 && wanted == 2 && stated->numbers[1].band_end;
  *holds =
      stated_all_meet(stated->numbers, wanted, outcome->values, outcome->count, outcome->slack);
  if (band || outcome->count == wanted) {
    stated_fill(assertion->stated, stated->numbers, wanted, outcome->values, outcome->count,
                outcome->slack, text);
    return;
  }
  for (size_t i = 0; i < outcome->count; i++)
    text_add(text, "%s%.4g", i ? " " : "", outcome->values[i]);
}

static void put_evidence(const struct question *question, const struct outcome *outcome)
{
  json_t *values = json_array(), *arguments = json_array();
  for (size_t i = 0; i < outcome->count; i++)
    json_add(values, evidence_number(outcome->values[i]));
  for (size_t i = 0; i < question_arguments(question); i++)
    json_add(arguments, json_string(question_argument(question, i)));
  evidence_put(outcome->evidence, "values", values);
  evidence_put(outcome->evidence, "from", arguments);
}

static void explain_remark(const struct reading *reading, char missing[160])
{
  if (!*missing)
    snprintf(missing, 160, "a remark, not counted: %.120s", reading->basis);
}

static int add_reading(const struct subject *subject, const struct figure *figure,
                       const struct question *question, bool first)
{
  const struct assertion *assertion = question->assertion;
  const struct reading *reading = question->reading;
  struct evidence evidence = evidence_start();
  struct outcome outcome = {.evidence = &evidence};
  struct stated_text stated;
  struct text text = {0};
  bool holds;
  stated.count = stated_parse(assertion->stated, stated.numbers);
  if (!evidence.failed)
    reading->evaluate(question, &outcome);
  compare(assertion, &stated, &outcome, &text, &holds);
  if (reading->remark)
    explain_remark(reading, outcome.missing);
  if (!evidence.failed)
    put_evidence(question, &outcome);
  evidence.failed = evidence.failed || text.failed;
  const char *words = outcome.count ? text.data : *outcome.words ? outcome.words : NULL;
  const struct finding finding = {.definition = reading->definition,
                                  .stated = first,
                                  .value = NAN,
                                  .words = words,
                                  .holds = holds,
                                  .margin = NAN,
                                  .missing = *outcome.missing ? outcome.missing : NULL,
                                  .why = outcome.why,
                                  .evidence = &evidence};
  int status = figure_add(subject, figure, &finding);
  text_free(&text);
  if (status)
    return status;
  struct claim_row *row = &subject->list->rows[subject->list->count - 1];
  row->source = &assertion->source;
  row->basis = reading->basis ? reading->basis : assertion->source.where;
  put_numbers(assertion, &stated, &outcome, row);
  return 0;
}

static int add_assertion(const struct subject *whole, const struct assertion_set *set,
                         const struct assertion *assertion)
{
  struct subject subject = *whole;
  subject.model = set->model ? set->model : assertion->model;
  subject.trajectory = set->find(set->facts, subject.model);
  const struct asserted asserted = {
      .low = NAN, .high = NAN, .words = assertion->stated, .statement = assertion->figure};
  bool is_stated = strcmp(assertion->stated, "not stated") != 0;
  const struct figure figure = {.id = assertion->group,
                                .name = assertion->figure,
                                .revision = "",
                                .unit = UNIT_WORDS,
                                .asserted = is_stated ? &asserted : NULL,
                                .first = subject.list->count};
  for (size_t i = 0; i < READINGS && assertion->readings[i].evaluate; i++) {
    const struct question question = {set->tables,        set->facts,
                                      assertion,          &assertion->readings[i],
                                      subject.trajectory, subject.list};
    if (add_reading(&subject, &figure, &question, i == 0))
      return subject.error->code;
  }
  figure_close(&subject, &figure);
  for (size_t i = figure.first; i < subject.list->count; i++)
    subject.list->rows[i].apart = set->apart;
  return 0;
}

int assertions_add(const struct subject *subject, const struct assertion_set *set)
{
  for (size_t i = 0; i < set->count; i++)
    for (const struct assertion *assertion = set->lists[i]; assertion->group; assertion++)
      if (add_assertion(subject, set, assertion))
        return subject->error->code;
  return 0;
}

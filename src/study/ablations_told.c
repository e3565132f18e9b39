#include "study/ablations_told.h"

#include "base/text.h"
#include "circuit/control.h"
#include "study/ablations.h"

#include <stdlib.h>
#include <string.h>

/* The cells that are told of. */
struct row {
  const char *revision, *condition, *control, *heads;
  long long n, top1;
  bool missing;
};

/* Parts a line, which is changed, at its commas; false when there are not as many cells. */
static bool read_row(char *line, struct row *row)
{
  char *cells[ABLATIONS_COLUMNS];
  for (size_t i = 0; i < ABLATIONS_COLUMNS; i++)
    if (!(cells[i] = strsep(&line, ",")))
      return false;
  *row = (struct row){cells[0],        cells[1],        cells[2],  cells[5],
                      atoll(cells[7]), atoll(cells[8]), !*cells[8]};
  return !line;
}

/* What one circuit and its controls show so far. */
struct told {
  struct row circuit;
  long long baseline;
  struct {
    size_t drawn;
    long long least, most;
  } controls[CONTROLS];
};

static void add_controls(struct told *told, enum control control, const char *words,
                         struct text *text)
{
  size_t drawn = told->controls[control].drawn;
  text_add(text, ", ");
  if (!drawn)
    text_add(text, "no %s can be drawn", words);
  else if (told->controls[control].least == told->controls[control].most)
    text_add(text, "%s %lld (%zu)", words, told->controls[control].least, drawn);
  else
    text_add(text, "%s %lld to %lld (%zu)", words, told->controls[control].least,
             told->controls[control].most, drawn);
}

static int tell(struct journal *journal, struct told *told, struct error *error)
{
  struct text text = {0};
  if (!told->circuit.condition)
    return 0;
  text_add(&text, "%s at %s: ", told->circuit.condition, told->circuit.revision);
  if (told->circuit.missing) {
    text_add(&text, "no such head");
  } else {
    text_add(&text, "without %s, %lld of %lld in place of %lld come first", told->circuit.heads,
             told->circuit.top1, told->circuit.n, told->baseline);
    add_controls(told, CONTROL_MATCHED_RANDOM, "controls of the same layers", &text);
    add_controls(told, CONTROL_ANY_LAYER, "of any layers", &text);
  }
  if (!text.failed)
    journal_say(journal, JOURNAL_FOUND, "%s", text.data);
  int status = text.failed ? error_set(error, EXIT_RUN, "ablations: out of memory") : 0;
  text_free(&text);
  return status;
}

static void add_control(struct told *told, const struct row *row)
{
  int c = CONTROL_MATCHED_RANDOM;
  while (c < CONTROLS && strcmp(row->control, control_name((enum control)c)) != 0)
    c++;
  if (c == CONTROLS || row->missing)
    return;
  bool first = !told->controls[c].drawn++;
  if (first || row->top1 < told->controls[c].least)
    told->controls[c].least = row->top1;
  if (first || row->top1 > told->controls[c].most)
    told->controls[c].most = row->top1;
}

int ablations_tell(struct journal *journal, const char *rows, struct error *error)
{
  struct told told = {.baseline = 0};
  char *copy = strdup(rows), *rest = copy, *line;
  int status = copy ? 0 : error_set(error, EXIT_RUN, "ablations: out of memory");
  while (!status && (line = strsep(&rest, "\n")) && *line) {
    struct row row;
    if (!read_row(line, &row))
      status = error_set(error, EXIT_INPUT, "ablations: the kept rows are damaged");
    else if (strcmp(row.control, control_name(CONTROL_BASELINE)) == 0)
      told.baseline = row.top1;
    else if (strcmp(row.control, control_name(CONTROL_CIRCUIT)) != 0)
      add_control(&told, &row);
    else if (!(status = tell(journal, &told, error)))
      told = (struct told){.circuit = row, .baseline = told.baseline};
  }
  if (!status)
    status = tell(journal, &told, error);
  free(copy);
  return status;
}

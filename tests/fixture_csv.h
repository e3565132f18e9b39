/* Reads the CSV files of a fixture, which may lie in an archive ("ARCHIVE:DIR"), for tests. */
#ifndef ATTEST_TESTS_FIXTURE_CSV_H
#define ATTEST_TESTS_FIXTURE_CSV_H

#include "support.h"

#include "files/fileset.h"

#include <stdlib.h>
#include <string.h>

struct fixture {
  char *text;
  size_t columns, rows; /* without the header */
  char **cells;         /* [1 + rows][columns], in `text`; the header first */
};

/* Some have the line ends of Windows, and quotes around a comma, which becomes a semicolon. */
static inline void fixture_plain(char *text)
{
  char *to = text;
  bool quoted = false;
  for (const char *p = text; *p; p++) {
    quoted ^= *p == '"';
    if (*p != '\r' && *p != '"')
      *to++ = quoted && *p == ',' ? ';' : *p;
  }
  *to = 0;
}

static inline void fixture_split(struct fixture *f)
{
  fixture_plain(f->text);
  for (const char *p = f->text; *p; p++) {
    f->rows += *p == '\n';
    f->columns += f->rows == 0 && *p == ',';
  }
  f->columns++;
  f->cells = calloc(f->rows * f->columns, sizeof *f->cells);
  assert_non_null(f->cells);
  char *rest = f->text, *line;
  for (size_t r = 0; r < f->rows && (line = strsep(&rest, "\n")); r++)
    for (size_t c = 0; c < f->columns; c++)
      assert_non_null(f->cells[r * f->columns + c] = strsep(&line, ","));
  f->rows--;
}

/* Fails the test on a missing or ragged file. Release with fixture_free. */
static inline struct fixture fixture_read(const char *directory, const char *name)
{
  struct error error = {0};
  struct fileset *set;
  const struct fileset_file *file = NULL;
  struct fixture f = {0};
  if (fileset_open(directory, &set, &error) || fileset_get(set, name, &file, &error))
    fail_msg("%s", error.text);
  assert_non_null(f.text = strndup((const char *)file->blob.data, file->blob.size));
  fileset_close(set);
  fixture_split(&f);
  return f;
}

static inline void fixture_free(struct fixture *f)
{
  free(f->cells);
  free(f->text);
}

static inline const char *fixture_text(const struct fixture *f, size_t row, const char *column)
{
  for (size_t c = 0; c < f->columns; c++)
    if (strcmp(f->cells[c], column) == 0)
      return f->cells[(row + 1) * f->columns + c];
  fail_msg("there is no column %s", column);
  return "";
}

static inline double fixture_number(const struct fixture *f, size_t row, const char *column)
{
  const char *text = fixture_text(f, row, column);
  char *end;
  double number = strtod(text, &end);
  if (end == text || *end)
    fail_msg("row %zu, column %s: \"%s\" is not a number", row, column, text);
  return number;
}

/* The first row whose cell of this column is `value`; f->rows when there is none. */
static inline size_t fixture_find(const struct fixture *f, const char *column, const char *value)
{
  size_t row = 0;
  while (row < f->rows && strcmp(fixture_text(f, row, column), value) != 0)
    row++;
  return row;
}

#endif

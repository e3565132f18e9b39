#include "manifest/tensor_list.h"

#include "base/text.h"

#include <inttypes.h>
#include <string.h>

#define NAMED 5 /* deviations of a kind that get a line of their own */

enum kind { KIND_MISSING, KIND_UNEXPECTED, KIND_DTYPE, KIND_SHAPE, KINDS };

struct comparison {
  const struct tensor_list *list;
  const char *checkpoint; /* its path */
  manifest_report *report;
  void *context;
  size_t counts[KINDS];
};

/* What is wrong with a tensor; `found` and `wanted` are of dtypes or shapes. */
static void report_one(struct comparison *c, enum kind kind, const char *file, const char *name,
                       const char *found, const char *wanted)
{
  struct error line;
  if (++c->counts[kind] > NAMED)
    return;
  if (kind == KIND_MISSING)
    error_set(&line, EXIT_CHECK, "%.300s: tensor \"%.200s\" of %.200s is missing", file, name,
              c->list->path);
  else if (kind == KIND_UNEXPECTED)
    error_set(&line, EXIT_CHECK, "%.300s: tensor \"%.200s\" is not in %.200s", file, name,
              c->list->path);
  else
    error_set(&line, EXIT_CHECK, "%.300s: tensor \"%.200s\" has %s %s, must be %s", file, name,
              kind == KIND_DTYPE ? "dtype" : "shape", found, wanted);
  c->report(c->context, line.text);
}

static void report_rest(struct comparison *c, enum kind kind)
{
  static const char *const words[KINDS] = {
      [KIND_MISSING] = "tensors are missing",
      [KIND_UNEXPECTED] = "tensors are not in the list",
      [KIND_DTYPE] = "tensors have a different dtype",
      [KIND_SHAPE] = "tensors have a different shape",
  };
  struct error line;
  if (c->counts[kind] <= NAMED)
    return;
  error_set(&line, EXIT_CHECK, "%.300s: and %zu more %s", c->checkpoint, c->counts[kind] - NAMED,
            words[kind]);
  c->report(c->context, line.text);
}

/* "U8 or BOOL" */
static void add_dtypes(struct text *text, unsigned dtypes)
{
  for (int i = 0; i <= DTYPE_BOOL; i++)
    if (dtypes & 1u << i)
      text_add(text, text->length > 0 ? " or %s" : "%s", dtype_name((enum dtype)i));
}

static void add_shape(struct text *text, int rank, const int64_t *shape)
{
  text_add(text, "[");
  for (int i = 0; i < rank; i++)
    text_add(text, i > 0 ? ", %" PRId64 : "%" PRId64, shape[i]);
  text_add(text, "]");
}

/* Without memory for the figures the line says less, and still counts. */
static void report_differing(struct comparison *c, enum kind kind, const struct tensor *tensor,
                             struct text *found, struct text *wanted)
{
  bool whole = !found->failed && !wanted->failed;
  report_one(c, kind, tensor->file, tensor->name, whole ? found->data : "another value",
             whole ? wanted->data : "as listed");
  text_free(found);
  text_free(wanted);
}

static void compare_tensor(struct comparison *c, const struct tensor_list_row *row,
                           const struct tensor *tensor)
{
  struct text found = {0}, wanted = {0};
  if (!(row->dtypes & 1u << tensor->dtype)) {
    add_dtypes(&found, 1u << tensor->dtype);
    add_dtypes(&wanted, row->dtypes);
    report_differing(c, KIND_DTYPE, tensor, &found, &wanted);
  }
  if (row->rank == tensor->rank &&
      memcmp(row->shape, tensor->shape, (size_t)row->rank * sizeof *row->shape) == 0)
    return;
  add_shape(&found, tensor->rank, tensor->shape);
  add_shape(&wanted, row->rank, row->shape);
  report_differing(c, KIND_SHAPE, tensor, &found, &wanted);
}

/* Both are in name order, so one walk finds what only one of them has. */
static void compare_all(struct comparison *c, const struct checkpoint *checkpoint)
{
  const struct tensor_list *list = c->list;
  size_t row = 0, at = 0, count = checkpoint_count(checkpoint);
  while (row < list->count || at < count) {
    const struct tensor_list_row *wanted = row < list->count ? &list->rows[row] : NULL;
    const struct tensor *found = at < count ? checkpoint_at(checkpoint, at) : NULL;
    int order = !wanted ? 1 : !found ? -1 : strcmp(wanted->name, found->name);
    if (order < 0 && !wanted->optional)
      report_one(c, KIND_MISSING, c->checkpoint, wanted->name, NULL, NULL);
    else if (order > 0)
      report_one(c, KIND_UNEXPECTED, found->file, found->name, NULL, NULL);
    else if (order == 0)
      compare_tensor(c, wanted, found);
    row += order <= 0;
    at += order >= 0;
  }
}

void tensor_list_check(const struct tensor_list *list, const struct checkpoint *checkpoint,
                       manifest_report *report, void *context, size_t *failures)
{
  struct comparison c = {list, checkpoint_path(checkpoint), report, context, {0}};
  compare_all(&c, checkpoint);
  *failures = 0;
  for (int kind = 0; kind < KINDS; kind++) {
    report_rest(&c, (enum kind)kind);
    *failures += c.counts[kind];
  }
}

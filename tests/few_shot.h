/* What tests of the few-shot model share: the float64 results of an independent implementation
 * (tests/fixtures/induction.README.md). */
#ifndef ATTEST_TESTS_FEW_SHOT_H
#define ATTEST_TESTS_FEW_SHOT_H

#include "npy_read.h"
#include "workshop.h"

#include "few_shot/model.h"

#define INDUCTION "tests/fixtures/induction.tar.zst"
#define INDUCTION_UPDATES 20
#define INDUCTION_MOST_BATCH 32

/* One of the two sizes. */
struct induction {
  const char *name; /* "full", "mini" */
  struct few_sizes sizes;
  size_t batch, count; /* of parameters */
  struct few_table table;
  float *items, *initial; /* free() */
  struct few_sequence sequences[INDUCTION_UPDATES][INDUCTION_MOST_BATCH];
};

static inline const char *induction_path(const char *size, const char *name)
{
  static char path[600];
  static bool unpacked;
  const char *directory = workshop_path("fixture");
  if (!unpacked)
    workshop_unpack(INDUCTION, "induction", directory);
  unpacked = true;
  snprintf(path, sizeof path, "%s/induction/%s_%s", directory, size, name);
  return path;
}

static inline float *induction_floats(const char *size, const char *name, size_t count)
{
  struct npy npy = npy_read(induction_path(size, name));
  float *out = malloc(npy.count * sizeof *out);
  assert_non_null(out);
  assert_true(!count || npy.count == count);
  for (size_t i = 0; i < npy.count; i++)
    out[i] = (float)npy.data[i];
  free(npy.data);
  return out;
}

static inline json_t *induction_json(const char *size, const char *name)
{
  json_error_t problem;
  json_t *root = json_load_file(induction_path(size, name), 0, &problem);
  if (!root)
    fail_msg("%s: %s", name, problem.text);
  return root;
}

static inline void induction_batches(struct induction *f)
{
  size_t size, seen = 0;
  char *text = support_read(induction_path(f->name, "batches.csv"), &size);
  for (char *line = strtok(text, "\r\n"); (line = strtok(NULL, "\r\n")); seen++) {
    int u, i, class[3], label[3];
    assert_int_equal(sscanf(line, "%d,%d,%d,%d,%d,%d,%d,%d", &u, &i, class, class + 1, class + 2,
                            label, label + 1, label + 2),
                     8);
    assert_in_range(u, 0, INDUCTION_UPDATES - 1);
    assert_in_range(i, 0, (int)f->batch - 1);
    f->sequences[u][i] = (struct few_sequence){.items = {class[0], class[1], class[2]},
                                               .labels = {label[0], label[1]},
                                               .query = class[2] != class[0]};
  }
  assert_int_equal(seen, INDUCTION_UPDATES * f->batch);
  free(text);
}

static inline struct induction induction_open(const char *name)
{
  bool full = strcmp(name, "full") == 0;
  struct induction f = {.name = name,
                        .sizes = full ? (struct few_sizes){512, 64, 8, 5}
                                      : (struct few_sizes){12, 32, 4, 5},
                        .batch = full ? 32 : 8};
  f.count = few_parameters(&f.sizes);
  f.table.rows = full ? 24 : 20;
  f.items = induction_floats(name, "items.npy", f.table.rows * f.sizes.width);
  f.table.items = f.items;
  f.initial = induction_floats(name, "init.npy", f.count);
  induction_batches(&f);
  return f;
}

static inline void induction_close(struct induction *f)
{
  free(f->items);
  free(f->initial);
}

#endif

/* Ablations of the conformance and the trained models against float64 results of an independent
 * implementation (tests/fixtures/ablations.README.md): counts are equal, logits within ten times
 * the error that float32 modeling code showed without ablation. */
#include "ablated.h"

#include "fixture_csv.h"
#include "npy_read.h"
#include "pass/zero_head.h"

#include <math.h>

#define REFERENCE "tests/fixtures/ablations.tar.zst:reference"

static void compare(const struct fixture *f, size_t row, const struct ablation_figures *got,
                    double bound)
{
  assert_false(got->missing);
  assert_int_equal(got->top1, (int)fixture_number(f, row, "top1"));
  assert_int_equal(got->top5, (int)fixture_number(f, row, "top5"));
  double logit = fabs(got->target_logit - fixture_number(f, row, "target_logit"));
  double loss = fabs(got->cross_entropy - fixture_number(f, row, "cross_entropy"));
  if (logit > bound || loss > 2 * bound)
    fail_msg("row %zu: target logit off by %g, cross-entropy by %g, bound %g", row, logit, loss,
             bound);
}

/* Rows [first, end) of a table, all of one checkpoint, in one run. */
static void check_rows(const struct fixture *f, const char *name, size_t first, size_t end)
{
  struct subject s;
  open_subject(name, (int64_t)fixture_number(f, first, "n_examples"), &s);
  struct conditions conditions = start(&s);
  for (size_t row = first; row < end; row++)
    add(&conditions, fixture_text(f, row, "heads"));
  struct ablation *ablation = run(&s, &conditions, MEMORY);
  for (size_t i = 0; i < conditions.count; i++) {
    struct ablation_figures figures;
    ablation_figures(ablation, i, &figures);
    compare(f, first + i, &figures, s.bound);
  }
  ablation_free(ablation);
  conditions_free(&conditions);
  close_subject(&s);
}

/* Behind the last row of the checkpoint whose first row this is. */
static size_t end_of(const struct fixture *f, size_t row, const char *column)
{
  const char *name = fixture_text(f, row, column);
  while (row < f->rows && strcmp(fixture_text(f, row, column), name) == 0)
    row++;
  return row;
}

static void test_reference(void **state)
{
  struct fixture f = fixture_read(REFERENCE, "ablations.csv");
  (void)state;
  size_t rows =
      support_emulated() ? end_of(&f, 0, "model") : f.rows; /* test_ablate has hashes of all */
  for (size_t row = 0, end; row < rows; row = end) {
    end = end_of(&f, row, "model");
    check_rows(&f, fixture_text(&f, row, "model"), row, end);
  }
  fixture_free(&f);
}

/* One revision of a trained model, 500 sequences; test_ablate has the goldens of all. */
static void test_nursery(void **state)
{
  struct fixture f = fixture_read(REFERENCE, "nursery_ablation.csv");
  size_t row = fixture_find(&f, "model", "nursery-olmoe");
  (void)state;
  if (support_emulated())
    skip();
  while (strcmp(fixture_text(&f, row, "revision"), "step817") != 0)
    row++;
  check_rows(&f, "nursery-olmoe/step817", row, end_of(&f, row, "revision"));
  fixture_free(&f);
}

static void check_heads(const struct fixture *f, size_t first, size_t end)
{
  struct subject s;
  open_subject(fixture_text(f, first, "model"), (int64_t)fixture_number(f, first, "n_examples"),
               &s);
  struct conditions conditions = start(&s);
  for (size_t row = first; row < end; row++) {
    char head[64] = "";
    if (*fixture_text(f, row, "layer"))
      snprintf(head, sizeof head, "L%sH%s", fixture_text(f, row, "layer"),
               fixture_text(f, row, "head"));
    add(&conditions, head);
  }
  struct ablation *ablation = run(&s, &conditions, MEMORY);
  for (size_t i = 0; i < conditions.count; i++) {
    struct ablation_figures figures;
    ablation_figures(ablation, i, &figures);
    assert_int_equal(figures.top1, (int)fixture_number(f, first + i, "top1"));
  }
  ablation_free(ablation);
  conditions_free(&conditions);
  close_subject(&s);
}

static void test_single_heads(void **state)
{
  struct fixture f = fixture_read(REFERENCE, "nursery_single_heads.csv");
  (void)state;
  if (support_emulated())
    skip();
  for (size_t row = 0, end; row < f.rows; row = end) {
    end = end_of(&f, row, "model");
    check_heads(&f, row, end);
  }
  fixture_free(&f);
}

/* Logits of the last position of the first sequences, for each condition that the fixture has. */
enum { LOGIT_SEQUENCES = 2, MOST_ROWS = 16, MOST_HOOKS = 1 + MOST_ROWS * 64 };

struct kept {
  size_t vocab;
  float *logits; /* [copies][LOGIT_SEQUENCES][vocab] */
};

static void keep(void *context, const struct hook_value *value, const float *logits)
{
  struct kept *kept = context;
  memcpy(kept->logits + value->sequence * kept->vocab + value->first, logits,
         value->count * sizeof *logits);
}

/* Hooks and first layers of the rows that are kept, in the order of their layers. */
struct kept_rows {
  struct hook hooks[MOST_HOOKS];
  size_t hook_count, layers[MOST_ROWS], index[MOST_ROWS], count;
};

static void keep_row(struct kept_rows *k, const char *heads, size_t index)
{
  struct head_set set = set_of(heads);
  k->count++;
  for (size_t i = 0; i < set.count; i++) {
    struct hook zero = zero_head(set.list[i].layer, set.list[i].head);
    zero.first = k->count * LOGIT_SEQUENCES;
    zero.end = zero.first + LOGIT_SEQUENCES;
    assert_true(k->hook_count < MOST_HOOKS);
    k->hooks[k->hook_count++] = zero;
  }
  k->layers[k->count - 1] = 0; /* all on their own: forks are tested elsewhere */
  k->index[k->count - 1] = index;
  head_set_free(&set);
}

static void compare_logits(const struct kept *kept, const struct kept_rows *rows,
                           const struct npy *want, double bound, const char *name)
{
  double worst = 0;
  for (size_t k = 0; k < rows->count; k++)
    for (size_t i = 0; i < LOGIT_SEQUENCES * kept->vocab; i++) {
      size_t from = rows->index[k] * LOGIT_SEQUENCES * kept->vocab + i;
      double got = (double)kept->logits[(1 + k) * LOGIT_SEQUENCES * kept->vocab + i];
      worst = fmax(worst, fabs(got - want->data[from]));
    }
  print_message("  %-24s largest difference %.2e, bound %.2e\n", name, worst, bound);
  assert_true(worst <= bound);
}

static void check_logits(const struct fixture *f, size_t first, size_t end, const struct npy *want)
{
  struct subject s;
  struct error error = {0};
  static struct kept_rows rows;
  const char *name = fixture_text(f, first, "model");
  open_subject(name, 0, &s);
  struct kept kept = {.vocab = s.model.config.vocab};
  kept.logits = calloc((1 + want->shape[0]) * LOGIT_SEQUENCES * kept.vocab, sizeof(float));
  assert_non_null(kept.logits);
  rows = (struct kept_rows){.hook_count = 1};
  rows.hooks[0] = (struct hook){.site = {SITE_LOGITS, 0, 0},
                                .positions = {.kind = POSITIONS_LAST},
                                .read = keep,
                                .context = &kept};
  for (size_t row = first; row < end; row++) {
    double index = fixture_number(f, row, "logits_row");
    if (index >= 0 && (size_t)index == rows.count) /* new ones ascend */
      keep_row(&rows, fixture_text(f, row, "heads"), rows.count);
  }
  assert_int_equal(rows.count, want->shape[0]);
  const struct forward_options options = {.kernels = s.kernels,
                                          .threads = s.threads,
                                          .memory = MEMORY,
                                          .hooks = {rows.hooks, rows.hook_count},
                                          .forks = {rows.layers, rows.count}};
  if (forward_run(&s.model, s.batch.tokens, LOGIT_SEQUENCES, (size_t)s.batch.seq_len, &options,
                  &error))
    fail_msg("%s", error.text);
  compare_logits(&kept, &rows, want, s.bound, name);
  free(kept.logits);
  close_subject(&s);
}

/* The file of a checkpoint's logits, taken out of the archive. */
static struct npy logits_of(const char *model)
{
  struct error error = {0};
  struct fileset *set;
  const struct fileset_file *file = NULL;
  char name[128];
  snprintf(name, sizeof name, "%s.logits_last.npy", model);
  for (char *p = name; *p; p++)
    *p = *p == '/' ? '-' : *p;
  if (fileset_open(REFERENCE, &set, &error) || fileset_get(set, name, &file, &error))
    fail_msg("%s", error.text);
  support_write(support_path("logits.npy"), file->blob.data, file->blob.size);
  fileset_close(set);
  return npy_read(support_path("logits.npy"));
}

static void test_logits(void **state)
{
  struct fixture f = fixture_read(REFERENCE, "ablations.csv");
  (void)state;
  for (size_t row = 0, end; row < f.rows; row = end) {
    end = end_of(&f, row, "model");
    struct npy want = logits_of(fixture_text(&f, row, "model"));
    check_logits(&f, row, end, &want);
    free(want.data);
  }
  fixture_free(&f);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_reference),
      cmocka_unit_test(test_nursery),
      cmocka_unit_test(test_single_heads),
      cmocka_unit_test(test_logits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

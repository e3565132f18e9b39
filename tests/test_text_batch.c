/* A user's texts: the .npy files that are read and refused, the example in a text, and a screen at
 * the queries, whose figures follow from what the model shows there. */
#include "workshop.h"

#include "npy_read.h"
#include "probe/text_batch.h"

#define T 70 /* tokens of a text */

/* A file of this header dictionary; `version` 1 or 2. */
static const char *write_npy(const char *name, int version, const char *dictionary,
                             const void *data, size_t size)
{
  const char *path = workshop_path(name);
  size_t prefix = version == 1 ? 10 : 12, length = strlen(dictionary);
  char *file = calloc(prefix + length + size + 1, 1);
  assert_non_null(file);
  memcpy(file, "\x93NUMPY", 6);
  file[6] = (char)version;
  file[8] = (char)(length & 0xff);
  file[9] = (char)(length >> 8);
  memcpy(file + prefix, dictionary, length);
  if (size)
    memcpy(file + prefix + length, data, size);
  support_write(path, file, prefix + length + size);
  free(file);
  return path;
}

static const int32_t six[] = {1, 200, 3, 4, 16777215, 0};

static void accepted(int version, const char *dictionary, const void *data, size_t size)
{
  struct token_rows tokens;
  struct error error = {0};
  if (token_rows_read(write_npy("ok.npy", version, dictionary, data, size), &tokens, &error))
    fail_msg("%s", error.text);
  assert_true(tokens.rows == 2 && tokens.length == 3 && tokens.largest == 16777215);
  int32_t ids[6];
  token_rows_get(&tokens, 0, ids);
  token_rows_get(&tokens, 1, ids + 3);
  assert_memory_equal(ids, six, sizeof six);
  token_rows_free(&tokens);
}

static void test_accepts(void **state)
{
  (void)state;
  int64_t wide[6];
  for (int i = 0; i < 6; i++)
    wide[i] = six[i];
  accepted(1, "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }      \n", six,
           sizeof six);
  accepted(2, "{'shape':(2,3),'descr':'<i8','fortran_order':False}", wide, sizeof wide);
  accepted(1, "{'descr': '<i8', 'fortran_order': False, 'shape': (2, 3,), }\n", wide, sizeof wide);
}

static void refused(const char *dictionary, const void *data, size_t size, const char *words)
{
  struct token_rows tokens;
  struct error error = {0};
  const char *path = write_npy("bad.npy", 1, dictionary, data, size);
  assert_int_equal(token_rows_read(path, &tokens, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, words);
  support_assert_error(&error, EXIT_INPUT, path);
  assert_null(tokens.blob.data);
}

#define HEAD "{'descr': '<i4', 'fortran_order': False, 'shape': "

static void test_refuses(void **state)
{
  (void)state;
  static const int32_t negative[] = {1, 2, 3, 4, -5, 6}, large[] = {1, 2, 3, 16777216, 5, 6};
  refused(HEAD "(2, 3), }", six, sizeof six - 1,
          "holds 23 bytes of ids, (2, 3) of 4 bytes take 24");
  refused(HEAD "(2, 4), }", six, sizeof six, "take 32; the file is cut short or damaged");
  refused(HEAD "(2, 2), }", six, sizeof six, "take 16");
  refused(HEAD "(2, 3), }", negative, sizeof six,
          "row 1, column 1: -5 is not a token id, from 0 to");
  refused(HEAD "(2, 3), }", large, sizeof six, "row 1, column 0: 16777216 is not a token id");
  refused(HEAD "(6,), }", six, sizeof six, "two dimensions in C order");
  refused(HEAD "(1, 2, 3), }", six, sizeof six, "two dimensions in C order");
  refused(HEAD "(0, 3), }", six, 0, "its shape (0, 3) must be");
  refused(HEAD "(2, 0), }", six, 0, "its shape (2, 0) must be");
  refused(HEAD "(4294967296, 4294967296), }", six, sizeof six, "its shape (4294967296, ");
  refused(HEAD "(99999999999999999999, 3), }", six, sizeof six, "header is damaged");
  refused(HEAD "(2, 3), 'more': 1}", six, sizeof six, "header is damaged");
  refused(HEAD "(2, 3), 'descr': '<i4'}", six, sizeof six, "header is damaged");
  refused(HEAD "(2, 3)", six, sizeof six, "header is damaged");
  refused("{'descr': '<i4', 'shape': (2, 3), }", six, sizeof six, "header is damaged");
  refused("{'descr': '<i4", six, 0, "header is damaged");
  refused("", six, 0, "header is damaged");
  refused("{'descr': '<i4', 'fortran_order': True, 'shape': (2, 3), }", six, sizeof six, "C order");
  refused("{'descr': '>i4', 'fortran_order': False, 'shape': (2, 3), }", six, sizeof six,
          "int32 or int64, little-endian; save it with numpy.save");
  refused("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }", six, sizeof six,
          "int32 or int64");
  struct token_rows tokens;
  struct error error = {0};
  assert_int_equal(token_rows_read("README.md", &tokens, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "README.md: is plain text, must be a .npy file");
  const char *path = write_npy("version.npy", 4, HEAD "(2, 3), }", six, sizeof six);
  assert_int_equal(token_rows_read(path, &tokens, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "cut short or of an unknown version");
  support_write(path, "\x93NUMPY\x02\x00\xff\xff\xff\x7f", 12);
  assert_int_equal(token_rows_read(path, &tokens, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "header is cut short");
  for (size_t size = 0; size < 12; size++) {
    support_write(path, "\x93NUMPY\x01\x00\x40\x00{}", size);
    assert_int_equal(token_rows_read(path, &tokens, &error), EXIT_INPUT);
  }
}

/* Text r: all ids different, but for those of an example. */
static void fill(int32_t *ids, int rows)
{
  for (int r = 0; r < rows; r++)
    for (int k = 0; k < T; k++)
      ids[r * T + k] = 100 + (k * 7 + r * 31) % 397;
}

static void test_examples(void **state)
{
  (void)state;
  int32_t ids[7 * T];
  struct token_rows tokens = {
      .ids = (const uint8_t *)ids, .width = 4, .rows = 7, .length = T, .largest = 499};
  struct batch batch;
  struct error error = {0};
  fill(ids, 7);
  ids[0 * T + 26] = ids[0 * T + 5]; /* 21 later, and twice: the last place counts */
  ids[0 * T + 60] = ids[0 * T + 5];
  ids[1 * T + 25] = ids[1 * T + 5]; /* 20 later: too near */
  ids[2 * T + 10] = 99;             /* no word; the next one is */
  ids[2 * T + 50] = 99;
  ids[2 * T + 11] = ids[2 * T + 69] = 480;
  ids[3 * T + 8] = ids[3 * T + 7]; /* the same twice */
  ids[3 * T + 40] = ids[3 * T + 7];
  ids[4 * T + 20] = ids[4 * T + 3]; /* 20 and 40 are again of that id, later than 3 + 21 */
  ids[4 * T + 40] = ids[4 * T + 3];
  ids[5 * T + 4] = 42; /* what follows is no word */
  ids[5 * T + 60] = ids[5 * T + 3];
  ids[6 * T + 22] = ids[6 * T + 0];
  assert_int_equal(batch_of_text("x", &tokens, 100, 0, 0, &batch, &error), 0);
  static const int want[][3] = {{0, 5, 60}, {2, 11, 69}, {3, 8, 40}, {4, 3, 40}, {6, 0, 22}};
  assert_int_equal(batch.n, 5);
  for (int i = 0; i < 5; i++) {
    const int32_t *text = ids + want[i][0] * T;
    assert_memory_equal(batch.tokens + i * T, text, T * sizeof *text);
    assert_int_equal(batch.ab[i], want[i][1]);
    assert_int_equal(batch.query[i], want[i][2]);
    assert_int_equal(batch.a[i], text[want[i][1]]);
    assert_int_equal(batch.b[i], text[want[i][1] + 1]);
    assert_int_equal(batch.b_position[i], want[i][1] + 1);
    assert_int_equal(batch_length(&batch, i), want[i][2] + 1);
  }
  batch_free(&batch);
  assert_int_equal(batch_of_text("x", &tokens, 2, 4, 0, &batch, &error), 0);
  assert_int_equal(batch.n, 2); /* no more than asked for */
  batch_free(&batch);
  assert_int_equal(batch_of_text("x", &tokens, 100, 9, 0, &batch, &error), 0);
  assert_int_equal(batch.n, 2); /* text 2, and text 0 once more */
  assert_true(batch.ab[0] == 26 && batch.query[0] == 60 && batch.ab[1] == 11);
  batch_free(&batch);
  assert_int_equal(batch_of_text("x", &tokens, 100, 27, 0, &batch, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "x: none of its 7 texts has an example");
  assert_int_equal(batch_of_text("x", &tokens, 100, 0, 64, &batch, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "baseline positions");
}

#define ROWS 6
#define RUN                                                                                        \
  "screen " WORKSHOP_MODEL " --baseline-n 30 --threads 2 --dump-n 6 --quiet "                      \
  "--tokens %s --out %s --dump %s"

static struct npy read_dump(const char *directory, const char *name)
{
  char path[700];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  return npy_read(path);
}

/* The selectivities of a head from the weights at the queries, which the dump holds. */
static void check_head(const struct npy *attention, size_t head, const size_t *query,
                       const int32_t *positions, const struct head_row *row)
{
  double induction = 0, local = 0, baseline = 0, self = 0;
  size_t heads = attention->shape[1] * attention->shape[2];
  for (size_t i = 0; i < ROWS; i++) {
    const double *w = attention->data + (i * heads + head) * T;
    size_t k = query[i], counted = 0;
    double sum = 0;
    for (size_t p = k + 1; p < T; p++)
      assert_true(w[p] == 0);
    for (int p = 0; p < 30; p++)
      if (positions[p] < (int32_t)k - 5) {
        sum += w[positions[p]];
        counted++;
      }
    assert_true(counted > 0);
    baseline += sum / (double)counted;
    induction += w[4 + i]; /* the example of text i begins at 3 + i */
    local += (w[k - 2] + w[k - 3] + w[k - 4] + w[k - 5]) / 4;
    self += w[k];
  }
  baseline = fmax(baseline / ROWS, 1e-8);
  assert_true(fabs(row->selectivity[CLASS_INDUCTION] - induction / ROWS / baseline) <=
              1e-12 * row->selectivity[CLASS_INDUCTION]);
  assert_true(fabs(row->selectivity[CLASS_LOCAL] - local / ROWS / baseline) <=
              1e-12 * row->selectivity[CLASS_LOCAL]);
  assert_true(fabs(row->selectivity[CLASS_SELF] - self / ROWS / baseline) <=
              1e-12 * row->selectivity[CLASS_SELF]);
}

static void test_screen(void **state)
{
  (void)state;
  int32_t ids[ROWS * T], positions[30];
  size_t query[ROWS];
  struct error error = {0};
  struct revision revision;
  fill(ids, ROWS);
  for (int i = 0; i < ROWS; i++) {
    query[i] = (size_t)(T - 1 - 5 * i);
    ids[i * T + (int)query[i]] = ids[i * T + 3 + i];
  }
  const char *file = write_npy("texts.npy", 1, HEAD "(6, 70), }", ids, sizeof ids);
  const char *csv = workshop_path("text.csv"), *dump = workshop_path("dump");
  free(workshop_run(0, RUN, file, csv, dump));
  struct npy attention = read_dump(dump, "attn_last.npy");
  struct npy logits = read_dump(dump, "logits_last.npy");
  assert_int_equal(batch_baseline_positions(T, 30, positions, &error), 0);
  assert_int_equal(trajectory_read_csv(csv, &revision, &error), 0);
  for (size_t head = 0; head < 12; head++)
    check_head(&attention, head, query, positions, &revision.heads[head]);
  trajectory_revision_free(&revision);

  /* What comes behind a query cannot matter: the last text, cut there, shows the same bits. */
  int32_t cut[45];
  memcpy(cut, ids + 5 * T, sizeof cut);
  const char *short_file = write_npy("cut.npy", 1, HEAD "(1, 45), }", cut, sizeof cut);
  free(workshop_run(0, RUN, short_file, csv, workshop_path("cut")));
  struct npy one = read_dump(workshop_path("cut"), "logits_last.npy");
  struct npy row = read_dump(workshop_path("cut"), "attn_last.npy");
  assert_int_equal(query[5], 44);
  assert_memory_equal(one.data, logits.data + 5 * one.count, one.count * sizeof *one.data);
  for (size_t head = 0; head < 12; head++)
    assert_memory_equal(row.data + head * 45, attention.data + (5 * 12 + head) * T,
                        45 * sizeof *row.data);
  free(attention.data);
  free(logits.data);
  free(one.data);
  free(row.data);
}

/* The conditions of an ablation over a file of texts; json_decref() the whole. */
static const json_t *ablate(const char *file, json_t **all)
{
  char *out = workshop_run(0,
                           "ablate " WORKSHOP_MODEL " --heads L0H1,L1H2 --tokens %s --threads 2 "
                           "--json -",
                           file);
  *all = workshop_json_text(out);
  free(out);
  const json_t *conditions = json_object_get(*all, "conditions");
  assert_int_equal(json_array_size(conditions), 2);
  return conditions;
}

static double figure(const json_t *conditions, size_t i, const char *key)
{
  return json_number_value(json_object_get(json_array_get(conditions, i), key));
}

/* Without ablation, it is what the logits at the queries say of the token behind the first place;
 * an ablation sees nothing of what comes after a query. */
static void test_ablate(void **state)
{
  (void)state;
  json_t *all, *whole, *cut;
  struct npy logits = read_dump(workshop_path("dump"), "logits_last.npy");
  struct token_rows tokens;
  struct error error = {0};
  size_t vocab = logits.shape[1];
  double target = 0, loss = 0;
  assert_int_equal(token_rows_read(workshop_path("texts.npy"), &tokens, &error), 0);
  int32_t ids[T];
  for (size_t i = 0; i < ROWS; i++) {
    token_rows_get(&tokens, (int64_t)i, ids);
    const double *row = logits.data + i * vocab;
    double sum = 0, logit = row[ids[4 + i]];
    for (size_t k = 0; k < vocab; k++)
      sum += exp(row[k]);
    target += logit / ROWS;
    loss += (log(sum) - logit) / ROWS;
  }
  const json_t *conditions = ablate(workshop_path("texts.npy"), &all);
  assert_true(fabs(figure(conditions, 0, "target_logit") - target) < 1e-12);
  assert_true(fabs(figure(conditions, 0, "cross_entropy") - loss) < 1e-9);
  assert_true(fabs(figure(conditions, 1, "cross_entropy") - loss) > 1e-3);
  assert_int_equal(json_integer_value(json_object_get(json_object_get(all, "tokens"), "examples")),
                   ROWS);
  json_decref(all);
  const char *one = write_npy("one.npy", 1, HEAD "(1, 70), }", ids, sizeof ids);
  const json_t *a = ablate(one, &whole), *b = ablate(workshop_path("cut.npy"), &cut);
  for (size_t i = 0; i < 2; i++) {
    assert_true(figure(a, i, "target_logit") == figure(b, i, "target_logit"));
    assert_true(figure(a, i, "cross_entropy") == figure(b, i, "cross_entropy"));
  }
  json_decref(whole);
  json_decref(cut);
  token_rows_free(&tokens);
  free(logits.data);
}

static void test_refusals_of_screen(void **state)
{
  (void)state;
  const char *file = workshop_path("texts.npy");
  static const char *const beside[] = {"--seed 1", "--vocab 1:9", "--bos 1", "--seq-len 70"};
  for (size_t i = 0; i < 4; i++)
    free(workshop_refuse(2, "does not go with --tokens", "screen " WORKSHOP_MODEL " --tokens %s %s",
                         file, beside[i]));
  free(workshop_refuse(2, "--min-first: goes with --tokens",
                       "screen " WORKSHOP_MODEL " --min-first 3"));
  free(workshop_refuse(2, "which this command uses; name another file",
                       "screen " WORKSHOP_MODEL " --baseline-n 30 --tokens %s --out %s", file,
                       file));
  int32_t ids[T];
  fill(ids, 1);
  ids[60] = ids[3];
  ids[69] = 512;
  const char *large = write_npy("large.npy", 1, HEAD "(1, 70), }", ids, sizeof ids);
  free(workshop_refuse(2, "token id 512 is past the vocabulary of",
                       "screen " WORKSHOP_MODEL " --baseline-n 30 --tokens %s", large));
  free(workshop_refuse(2, "token id 512 is past the vocabulary of",
                       "ablate " WORKSHOP_MODEL " --heads L0H0 --tokens %s", large));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_accepts),  cmocka_unit_test(test_refuses),
      cmocka_unit_test(test_examples), cmocka_unit_test(test_screen),
      cmocka_unit_test(test_ablate),   cmocka_unit_test(test_refusals_of_screen),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

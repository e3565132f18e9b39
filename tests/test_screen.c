/* `attest screen` from the outside: the same bytes however it is run, and what it refuses. */
#include "npy_read.h"
#include "workshop.h"

#include "base/digest.h"

#define FIXTURES "tests/fixtures/conformance/"
#define ARCHIVE "manifests/nursery.tar.zst"
#define NURSERY "--n 64 --seq-len 64 --vocab 1:97"

/* The CSV of a screen, free(). */
static __attribute__((format(printf, 1, 2))) char *csv_of(const char *format, ...)
{
  char line[2048];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  return workshop_run(EXIT_HELD, "screen %s --out -", line);
}

/* Frees b. */
static void assert_same(const char *a, char *b)
{
  assert_string_equal(a, b);
  free(b);
}

/* The instruction sets of this CPU, as the program lists them: at most 4 words. json_decref() */
static json_t *instruction_sets(void)
{
  char *text = workshop_run(EXIT_HELD, "selftest --json -");
  json_t *all = workshop_json_text(text), *names = json_object(), *row;
  size_t index;
  json_array_foreach(json_object_get(all, "kernels"), index, row)
      json_object_set_new(names, json_string_value(json_object_get(row, "isa")), json_true());
  json_decref(all);
  free(text);
  return names;
}

static void test_same_bytes_on_every_isa_and_thread_count(void **state)
{
  static const char *const models[] = {FIXTURES "olmo-f32/model",
                                       FIXTURES "gpt_neox-parallel-f16/model",
                                       FIXTURES "olmoe-bf16/model"};
  json_t *names = instruction_sets(), *value;
  const char *isa;
  (void)state;
  assert_non_null(json_object_get(names, "scalar"));
  for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
    char *plain = csv_of("%s " WORKSHOP_PROTOCOL, models[i]);
    json_object_foreach(names, isa, value)
        assert_same(plain, csv_of("%s " WORKSHOP_PROTOCOL " --isa %s", models[i], isa));
    for (int threads = 1; threads <= 3; threads++)
      assert_same(plain, csv_of("%s " WORKSHOP_PROTOCOL " --threads %d", models[i], threads));
    free(plain);
  }
  json_decref(names);
}

/* The size that a refusal names, in KiB, rounded up past its last decimal. */
static unsigned long needed_kib(const char *refusal)
{
  const char *at = strstr(refusal, "at least ");
  assert_non_null(at);
  char *unit;
  double size = strtod(at + strlen("at least "), &unit) + 0.1;
  assert_true(strncmp(unit, " KiB", 4) == 0 || strncmp(unit, " MiB", 4) == 0);
  return (unsigned long)(unit[1] == 'M' ? 1024 * size : size) + 1;
}

static void test_same_bytes_in_any_memory(void **state)
{
  static const char *const models[] = {WORKSHOP_MODEL, FIXTURES "olmoe-bf16/model"};
  (void)state;
  for (size_t i = 0; i < 2; i++) {
    char *plain = csv_of("%s " WORKSHOP_PROTOCOL " --threads 2", models[i]);
    char *refusal =
        workshop_refuse(EXIT_INPUT, "--memory",
                        "screen %s " WORKSHOP_PROTOCOL " --threads 2 --memory 4K", models[i]);
    unsigned long least = needed_kib(refusal);
    free(workshop_refuse(EXIT_INPUT, "--memory",
                         "screen %s " WORKSHOP_PROTOCOL " --threads 2 --memory %luK", models[i],
                         least * 8 / 10));
    const unsigned long budgets[] = {least, least + least / 3, 1 << 20};
    for (size_t k = 0; k < 3; k++)
      assert_same(plain, csv_of("%s " WORKSHOP_PROTOCOL " --threads 2 --memory %luK", models[i],
                                budgets[k]));
    free(refusal);
    free(plain);
  }
}

static void test_same_bytes_from_shards_and_archives(void **state)
{
  (void)state;
  char *plain = csv_of(WORKSHOP_MODEL " " WORKSHOP_PROTOCOL);
  assert_same(plain, csv_of(FIXTURES "olmo-f32/model-2shards " WORKSHOP_PROTOCOL));
  free(plain);
  workshop_unpack(ARCHIVE, "nursery-olmoe/step817/", support_directory());
  plain = csv_of("%s/nursery-olmoe/step817 " NURSERY, support_directory());
  assert_same(plain, csv_of(ARCHIVE ":nursery-olmoe/step817 " NURSERY));
  free(plain);
}

static const char *const arrays[] = {"attn_last.npy", "headout_last.npy", "hidden_last.npy",
                                     "logits_last.npy"};

/* n sequences, 3 layers of 4 heads of dimension 20, 64 tokens, vocabulary of 512. */
static void check_shapes(const char *directory, size_t n)
{
  const size_t shapes[4][4] = {{n, 3, 4, 64}, {n, 3, 4, 20}, {n, 5, 80}, {n, 512}};
  static const int ranks[] = {4, 4, 3, 2};
  for (size_t i = 0; i < 4; i++) {
    char path[600];
    snprintf(path, sizeof path, "%s/%s", directory, arrays[i]);
    struct npy npy = npy_read(path);
    assert_int_equal(npy.rank, ranks[i]);
    for (int k = 0; k < npy.rank; k++)
      assert_int_equal(npy.shape[k], shapes[i][k]);
    free(npy.data);
  }
}

/* A dump needs the last layer in full, which a screen skips: the figures must not notice. */
static void test_dump(void **state)
{
  const char *one = workshop_path("dump-one"), *two = workshop_path("dump-two");
  (void)state;
  char *plain = csv_of(WORKSHOP_MODEL " " WORKSHOP_PROTOCOL);
  assert_same(plain, csv_of(WORKSHOP_MODEL " " WORKSHOP_PROTOCOL " --dump %s", one));
  assert_same(
      plain,
      csv_of(WORKSHOP_MODEL " " WORKSHOP_PROTOCOL " --isa scalar --threads 1 --dump %s", two));
  free(plain);
  for (size_t i = 0; i < 4; i++) {
    char a[600], b[600];
    snprintf(a, sizeof a, "%s/%s", one, arrays[i]);
    snprintf(b, sizeof b, "%s/%s", two, arrays[i]);
    workshop_same_files(a, b);
  }
  check_shapes(one, 8);
}

/* Of any number of sequences: the first are those of a shorter dump, the last those of a chunk of
 * its own, and no more than there are. */
static void test_dump_of_more_sequences(void **state)
{
  const char *few = workshop_path("dump-few"), *all = workshop_path("dump-all");
  (void)state;
  char *plain = csv_of(WORKSHOP_MODEL " " WORKSHOP_PROTOCOL);
  assert_same(plain, csv_of(WORKSHOP_MODEL " " WORKSHOP_PROTOCOL " --dump %s --dump-n 3", few));
  assert_same(
      plain,
      csv_of(WORKSHOP_MODEL " " WORKSHOP_PROTOCOL " --dump %s --dump-n 100 --memory 4M", all));
  free(plain);
  check_shapes(few, 3);
  check_shapes(all, 64);
  for (size_t i = 0; i < 4; i++) {
    char a[600], b[600];
    snprintf(a, sizeof a, "%s/%s", few, arrays[i]);
    snprintf(b, sizeof b, "%s/%s", all, arrays[i]);
    struct npy some = npy_read(a), every = npy_read(b);
    assert_memory_equal(some.data, every.data, some.count * sizeof *some.data);
    assert_true(every.count * 3 == some.count * 64);
    for (size_t k = 1; i == 2 && k < every.count / 400; k++) /* each sequence has its own */
      assert_memory_not_equal(every.data + k * 400, every.data + (k - 1) * 400,
                              400 * sizeof *every.data);
    free(some.data);
    free(every.data);
  }
  free(workshop_refuse(EXIT_INPUT, "--dump-n", "screen " WORKSHOP_MODEL " --dump-n 0"));
  free(workshop_refuse(EXIT_INPUT, "goes with --dump", "screen " WORKSHOP_MODEL " --dump-n 4"));
}

/* Every option of the protocol reaches the screen: no two of these give the same figures. */
static void test_protocol_options(void **state)
{
  static const char *const lines[] = {
      "--n 64 --seq-len 64 --vocab 10:500 --pr-n 64",
      "--n 65 --seq-len 64 --vocab 10:500 --pr-n 64",
      "--n 64 --seq-len 66 --vocab 10:500 --pr-n 64",
      "--n 64 --seq-len 64 --vocab 11:500 --pr-n 64",
      "--n 64 --seq-len 64 --vocab 10:500 --pr-n 63",
      "--n 64 --seq-len 64 --vocab 10:500 --pr-n 64 --seed 43",
      "--n 64 --seq-len 64 --vocab 10:500 --pr-n 64 --baseline-n 49",
      "--n 64 --seq-len 64 --vocab 10:500 --pr-n 64 --bos 9",
      "--n 64 --seq-len 64 --vocab 10:500 --pr-n 64 --bos 8",
  };
  enum { LINES = sizeof lines / sizeof *lines };
  char *csv[LINES];
  (void)state;
  for (size_t i = 0; i < LINES; i++) {
    csv[i] = csv_of(WORKSHOP_MODEL " %s", lines[i]);
    for (size_t k = 0; k < i; k++)
      if (strcmp(csv[i], csv[k]) == 0)
        fail_msg("the same figures: %s and %s", lines[i], lines[k]);
  }
  for (size_t i = 0; i < LINES; i++)
    free(csv[i]);
}

/* More sequences than fit a chunk, and more than enter the participation ratio. */
static void test_many_sequences(void **state)
{
  (void)state;
  if (support_emulated())
    skip();
  char *plain = csv_of(WORKSHOP_MODEL " --n 600 --seq-len 64 --vocab 10:500");
  assert_same(
      plain, csv_of(WORKSHOP_MODEL " --n 600 --seq-len 64 --vocab 10:500 --memory 4M --threads 3"));
  free(plain);
  free(csv_of(WORKSHOP_MODEL " --n 1500 --seq-len 42 --baseline-n 35 --vocab 10:500"));
}

static void check_json(const json_t *all, const struct revision *revision)
{
  json_t *heads = json_object_get(all, "heads");
  assert_int_equal(json_array_size(heads), revision->n_layers * revision->n_heads);
  for (size_t i = 0; i < json_array_size(heads); i++) {
    json_t *head = json_array_get(heads, i);
    const struct head_row *row = &revision->heads[i];
    assert_string_equal(json_string_value(json_object_get(head, "class")),
                        head_class_name(row->class));
    assert_true(json_real_value(json_object_get(head, "induction")) ==
                row->selectivity[CLASS_INDUCTION]);
    assert_true(json_real_value(json_object_get(head, "baseline")) == row->baseline);
    assert_true(json_real_value(json_object_get(head, "pr")) == row->pr);
  }
}

static void test_json(void **state)
{
  const char *path = workshop_path("screen.csv");
  struct revision revision;
  struct error error = {0};
  char hash[33];
  size_t size;
  (void)state;
  char *text = workshop_run(
      EXIT_HELD, "screen " WORKSHOP_MODEL " " WORKSHOP_PROTOCOL " --bos 9 --json - --out %s", path);
  json_t *all = workshop_json_text(text);
  char *csv = support_read(path, &size);
  digest_xxh3(csv, size, hash);
  assert_string_equal(json_string_value(json_object_get(all, "xxh3_128")), hash);
  assert_int_equal(json_integer_value(json_object_get(json_object_get(all, "protocol"), "bos")), 9);
  assert_int_equal(trajectory_read_csv(path, &revision, &error), 0);
  check_json(all, &revision);
  trajectory_revision_free(&revision);
  json_decref(all);
  free(csv);
  free(text);
  text = workshop_run(EXIT_HELD, "screen " WORKSHOP_MODEL " " WORKSHOP_PROTOCOL " --quiet --out %s",
                      path);
  assert_string_equal(text, "");
  free(text);
}

static void test_refusals(void **state)
{
  static const struct {
    const char *options, *words;
  } cases[] = {
      {"--n 64 --seq-len 56 --vocab 10:500", "ask for at most 49"},
      {"--n 64 --seq-len 1 --vocab 10:500", "whole number from 57 to 1048576, for 50 baseline"},
      {"--n 64 --seq-len 1 --vocab 10:500 --baseline-n 9", "whole number from 42 to"},
      {"--n 64 --seq-len 41 --vocab 10:500", "seq_len = 41 is not in [57,"},
      {"--n 64 --seq-len 4e1 --vocab 10:500", "--seq-len 4e1: must be"},
      {"--n 64 --seq-len 43 --vocab 10:500 --baseline-n 37", "ask for at most 36"},
      {"--n 64 --seq-len 41 --vocab 10:500 --baseline-n 2", "seq_len = 41 is not in [42,"},
      {"--n 64 --seq-len 129 --vocab 10:500", "longer than the model's context of 128"},
      {"--n 64 --seq-len 64 --vocab 10:513", "past the model's vocabulary of 512"},
      {"--n 64 --seq-len 64", "past the model's vocabulary of 512"},
      {"--n 64 --seq-len 64 --vocab 10:512 --bos 512", "past the model's vocabulary of 512"},
      {"--n 64 --seq-len 64 --vocab 10:11", "fewer than the two the sequences need"},
      {"--n 1048576 --seq-len 128 --vocab 10:500 --memory 64M", "--memory"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    free(workshop_refuse(EXIT_INPUT, cases[i].words, "screen " WORKSHOP_MODEL " %s",
                         cases[i].options));
  free(csv_of(WORKSHOP_MODEL " --n 2 --seq-len 130 --vocab 10:500 --beyond-context"));
  free(csv_of(WORKSHOP_MODEL " --n 2 --seq-len 57 --vocab 10:512 --bos 511"));
}

static void test_isa_of_another_cpu(void **state)
{
  (void)state;
#if defined(__x86_64__)
  const char *other = "neon";
#else
  const char *other = "avx2";
#endif
  free(workshop_refuse(EXIT_RUN, "--isa",
                       "screen " WORKSHOP_MODEL " " WORKSHOP_PROTOCOL " --isa %s", other));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_same_bytes_on_every_isa_and_thread_count),
      cmocka_unit_test(test_same_bytes_in_any_memory),
      cmocka_unit_test(test_same_bytes_from_shards_and_archives),
      cmocka_unit_test(test_dump),
      cmocka_unit_test(test_dump_of_more_sequences),
      cmocka_unit_test(test_protocol_options),
      cmocka_unit_test(test_many_sequences),
      cmocka_unit_test(test_json),
      cmocka_unit_test(test_refusals),
      cmocka_unit_test(test_isa_of_another_cpu),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/* No output may be one of the inputs or another output, by whatever name: refused before any work,
 * naming both, and nothing is touched. */
#include "workshop.h"

#define SCREEN_OPTIONS WORKSHOP_PROTOCOL " --quiet"

/* A folder of its own, which is working folder to none: the model "ck" in two shards with their
 * index, the same as an archive, and other names of its files. */
static char here[512];

static int set_up(void **state)
{
  (void)state;
  strcpy(here, workshop_path("inputs"));
  workshop_shell("mkdir %s", here);
  free(workshop_run(EXIT_HELD,
                    "synth --like olmo:layers=2,hidden=64,heads=4,vocab=512,context=64,shards=2 "
                    "--quiet --out %s/ck",
                    here));
  workshop_shell("cd %s && tar -cf ck.tar ck && cp -r ck kept && cp ck.tar kept.tar && "
                 "ln ck/config.json hard && ln -s ck/config.json soft && ln -s soft softer && "
                 "ln -s nowhere-yet dangling && mkdir deep",
                 here);
  return 0;
}

static void assert_untouched(void)
{
  workshop_shell("cd %s && diff -r ck kept && cmp ck.tar kept.tar && test ! -e x.csv", here);
}

/* Refused with both names in the message. */
static __attribute__((format(printf, 3, 4))) void refuse(const char *one, const char *two,
                                                         const char *format, ...)
{
  char line[2048];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  char *err = workshop_refuse(EXIT_INPUT, one, "%s", line);
  workshop_contains(err, two);
  free(err);
  assert_untouched();
}

static void test_screen_over_its_model(void **state)
{
  static const char *const names[][2] = {
      {"ck/config.json", "ck/config.json"},
      {"ck/../ck/./config.json", "ck/config.json"},
      {"hard", "ck/config.json"},
      {"soft", "ck/config.json"},
      {"softer", "ck/config.json"},
      {"ck/model-00001-of-00002.safetensors", "ck/model-00001-of-00002.safetensors"},
      {"ck/model-00002-of-00002.safetensors", "ck/model-00002-of-00002.safetensors"},
      {"ck/model.safetensors.index.json", "ck/model.safetensors.index.json"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    refuse(names[i][0], names[i][1], "screen %s/ck " SCREEN_OPTIONS " --out %s/%s", here, here,
           names[i][0]);
    refuse(names[i][0], names[i][1], "screen %s/ck " SCREEN_OPTIONS " --json %s/%s", here, here,
           names[i][0]);
    refuse(names[i][0], names[i][1], "inspect %s/ck --quiet --json %s/%s", here, here, names[i][0]);
  }
  workshop_shell("cd %s && mkdir dump && ln -s ../ck/config.json dump/logits_last.npy", here);
  refuse("dump/logits_last.npy", "ck/config.json", "screen %s/ck " SCREEN_OPTIONS " --dump %s/dump",
         here, here);
  workshop_shell("cd %s && ln -s ck/config.json y.csv.partial", here);
  refuse("y.csv.partial", "ck/config.json", "screen %s/ck " SCREEN_OPTIONS " --out %s/y.csv", here,
         here);
}

static void test_over_an_archive(void **state)
{
  (void)state;
  refuse("ck.tar", "--out", "screen %s/ck.tar:ck " SCREEN_OPTIONS " --out %s/ck.tar", here, here);
  refuse("ck.tar", "--json", "inspect %s/ck.tar --quiet --json %s/deep/../ck.tar", here, here);
  refuse("ck.tar", "--json", "inspect %s/ck.tar:ck --quiet --json %s/ck.tar", here, here);
}

static void test_two_outputs(void **state)
{
  static const char *const pairs[][2] = {
      {"x.csv", "x.csv"}, {"x.csv", "deep/../x.csv"}, {"dangling", "nowhere-yet"}, {"z", "z-link"}};
  (void)state;
  workshop_shell("cd %s && touch z && ln z z-link", here);
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
    refuse(pairs[i][0], pairs[i][1], "screen %s/ck " SCREEN_OPTIONS " --out %s/%s --json %s/%s",
           here, here, pairs[i][0], here, pairs[i][1]);
  refuse("--out", "--json", "screen no/model --out %s/x.csv --json %s/x.csv", here, here);
  refuse("chunks", "--json",
         "screen %s/ck " SCREEN_OPTIONS " --out %s/x.csv --json %s/x.csv.partial", here, here,
         here);
  refuse("--dump", "--json",
         "screen %s/ck " SCREEN_OPTIONS " --dump %s/deep --json %s/deep/attn_last.npy", here, here,
         here);
  refuse("--sweep", "--json", "bench --sweep %s/x.csv --json %s/x.csv", here, here);
  refuse("--sweep", "--plot", "bench --sweep %s/x.csv --plot %s/x.csv", here, here);
  workshop_shell("mkdir %s/synth", here);
  refuse("--json", "config.json",
         "synth --like olmo:layers=1,hidden=64,heads=4,vocab=64,context=64 --quiet --out %s/synth "
         "--json %s/synth/config.json",
         here, here);
  workshop_shell("rmdir %s/synth", here);
  /* Nothing is lost in /dev/null; figures beside the model do no harm. */
  free(workshop_run(EXIT_HELD, "screen %s/ck " SCREEN_OPTIONS " --out /dev/null --json /dev/null",
                    here));
  for (int again = 0; again < 2; again++)
    free(workshop_run(EXIT_HELD,
                      "screen %s/kept " SCREEN_OPTIONS " --out %s/kept/x.csv --json %s/kept/x.json",
                      here, here, here));
  workshop_shell("rm %s/kept/x.*", here);
}

static void test_tables(void **state)
{
  (void)state;
  workshop_shell("cp -r golden/nursery-olmo %s/tables && cp -r golden/nursery-olmo %s/tables-kept",
                 here, here);
  refuse("tables/trajectory.json", "--json",
         "claims %s/tables --quiet --json %s/tables/trajectory.json", here, here);
  refuse("tables/step0.csv", "--json", "claims %s --quiet --json %s/tables/step0.csv", here, here);
  refuse("tables/step0.csv", "--json",
         "compare %s/tables %s/tables-kept --quiet --json %s/tables/step0.csv", here, here, here);
  refuse("tables/step0.csv", "--json",
         "compare %s/tables/step0.csv %s/tables-kept/step0.csv --quiet --json %s/tables/step0.csv",
         here, here, here);
  workshop_shell("diff -r %s/tables %s/tables-kept", here, here);
}

/* What a command does not read is not its to replace either, in a folder that it was given. */
static void test_unread_files(void **state)
{
  static const struct {
    const char *command, *file;
  } lines[] = {
      {"claims %s/course --quiet --json", "course/verdicts.tsv"},
      {"claims %s --quiet --json", "course/verdicts.tsv"},
      {"claims %s/within --quiet --json", "linked"},
      {"compare %s/course %s/kept-course --quiet --json", "course/notes"},
      {"rank %s/course --quiet --json", "linked"},
      {"sinks %s/course --quiet --json", "course/verdicts.tsv"},
      {"show %s/course --quiet --json", "course/notes"},
      {"report %s/course --format html --out", "linked"},
      {"report %s/run --format html --out", "run/deep/er/notes"},
      {"ablate " WORKSHOP_MODEL " --circuit induction --circuit-from %s/course --out",
       "course/verdicts.tsv"},
      {"ablate " WORKSHOP_MODEL " --circuit induction --circuit-from %s/course:step0 --json",
       "course/notes"},
      {"ablate " WORKSHOP_MODEL " --top-integral 2 --floor 61440 --trajectory %s/course --json",
       "linked"},
      {"weights %s/step0 --trajectory %s/course --json", "course/verdicts.tsv"},
      {"show %s/circuits --quiet --json", "circuits/notes"},
      {"claims %s/circuits --quiet --json", "circuits/notes"},
      {"reproduce %s/golden.json --quiet --work %s/run-work --json", "course/notes"},
      {"plan %s/golden.json --json", "course/notes"},
  };
  char folder[512], to[700];
  (void)state;
  if (support_emulated())
    skip();
  snprintf(folder, sizeof folder, "%s", workshop_path("unread"));
  workshop_shell("mkdir -p %s/run/deep/er %s/within && cd %s && "
                 "cp -r \"$OLDPWD\"/golden/nursery-olmo course && cp -r course kept-course && "
                 "cp -r \"$OLDPWD\"/golden/circuits-olmo circuits && ln -s ../course within/course "
                 "&& echo of mine | tee course/notes circuits/notes run/deep/er/notes >kept && "
                 "ln -s course/verdicts.tsv linked && "
                 "cp -r ../inputs/ck step0",
                 folder, folder, folder);
  json_t *m = workshop_json("manifests/nursery-olmo.json");
  json_object_set_new(m, "golden", json_string("course"));
  snprintf(to, sizeof to, "%s/golden.json", folder);
  workshop_json_write(to, m);
  json_decref(m);
  free(workshop_run(EXIT_HELD,
                    "reproduce manifests/published-circuits.json --quiet --work %s/work "
                    "--json %s/run/run.json",
                    folder, folder));
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
    char command[1400];
    snprintf(command, sizeof command, lines[i].command, folder, folder);
    refuse(", in a folder which this command uses; name another file", lines[i].file, "%s %s/%s",
           command, folder, lines[i].file);
    workshop_shell("cd %s && cmp course/verdicts.tsv kept-course/verdicts.tsv && "
                   "for f in course/notes circuits/notes run/deep/er/notes; do cmp $f kept; done",
                   folder);
  }
  free(workshop_run(EXIT_HELD, "rank %s/course --quiet --json %s/course/new.json", folder, folder));
}

/* A manifest in a folder of its own that names `golden` and tables, whose checkpoint is "ck". */
static void write_manifest(void)
{
  json_t *m = workshop_json("manifests/nursery-olmo.json"), *revision;
  json_object_set_new(m, "checkpoints", json_string("ck"));
  json_object_set_new(m, "golden", json_string("golden"));
  json_object_set_new(m, "tensors", json_string("tensors.tsv"));
  json_object_del(m, "container");
  revision = json_deep_copy(json_array_get(json_object_get(m, "revisions"), 0));
  json_object_set_new(revision, "directory", json_string(""));
  json_array_clear(json_object_get(m, "revisions"));
  json_array_append_new(json_object_get(m, "revisions"), revision);
  json_array_clear(json_object_get(revision, "files"));
  static const char *const files[] = {"config.json", "model-00001-of-00002.safetensors",
                                      "model-00002-of-00002.safetensors",
                                      "model.safetensors.index.json"};
  for (size_t i = 0; i < 4; i++)
    json_array_append_new(
        json_object_get(revision, "files"),
        json_pack("{s:s, s:n, s:n, s:n}", "path", files[i], "bytes", "sha256", "xxh3_128"));
  workshop_shell("cp -r golden/nursery-olmo %s/golden && touch %s/tensors.tsv", here, here);
  char path[600];
  snprintf(path, sizeof path, "%s/m.json", here);
  workshop_json_write(path, m);
  json_decref(m);
}

static void test_manifests(void **state)
{
  static const char *const inputs[] = {"m.json",
                                       "ck/config.json",
                                       "hard",
                                       "softer",
                                       "ck/model-00002-of-00002.safetensors",
                                       "golden/step0.csv",
                                       "golden/trajectory.json",
                                       "golden/verdicts.tsv",
                                       "tensors.tsv"};
  static const char *const commands[] = {"reproduce --work %s/work --allow-unpinned",
                                         "verify --allow-unpinned", "pin"};
  (void)state;
  write_manifest();
  workshop_shell("cd %s && cp m.json m.kept", here);
  for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++)
    for (size_t k = 0; k < sizeof commands / sizeof *commands; k++) {
      char command[700];
      snprintf(command, sizeof command, commands[k], here);
      refuse("--json", inputs[i], "%s %s/m.json --quiet --json %s/%s", command, here, here,
             inputs[i]);
      workshop_shell("cd %s && cmp m.json m.kept && test ! -e work", here);
    }
  for (size_t i = 1; i < sizeof inputs / sizeof *inputs; i++)
    refuse("--out", inputs[i], "pin %s/m.json --quiet --out %s/%s", here, here, inputs[i]);
  free(workshop_refuse(EXIT_INPUT, "golden", "reproduce manifests/published.json --quiet --json %s",
                       "golden/published/pythia-1b/step1.csv"));
  workshop_shell("cp manifests/paper/olmo-1b-0724.* %s", here);
  refuse("--json", "olmo-1b-0724.tensors.tsv",
         "fetch %s/olmo-1b-0724.json --to %s/to --quiet --json %s/olmo-1b-0724.tensors.tsv", here,
         here, here);
  workshop_shell("mkdir -p %s/to/step1000-tokens2B", here);
  refuse("--json", "step1000-tokens2B/config.json",
         "fetch %s/olmo-1b-0724.json --to %s/to --quiet --json %s/to/step1000-tokens2B/config.json",
         here, here, here);
}

/* What a shell appends to: it cannot be refused by name. */
static void test_standard_output(void **state)
{
  char line[2048], *err;
  (void)state;
  if (support_emulated())
    skip();
  snprintf(line, sizeof line, "%s screen %s/ck " WORKSHOP_PROTOCOL " --out - >>%s/ck/config.json",
           support_program(), here, here);
  assert_int_equal(support_run((const char *[]){"/bin/sh", "-c", line, NULL}, NULL, &err),
                   EXIT_INPUT);
  workshop_contains(err, "--out -: is ");
  workshop_contains(err, "ck/config.json");
  free(err);
  assert_untouched();
}

static void test_tokenizers(void **state)
{
  static const struct {
    const char *command, *input, *options, *output, *named;
  } lines[] = {
      {"tokenize", "t.json", "--text a --json", "t.json", "tok/t.json"},
      {"tokenize", "t.json", "--text a --json", "link", "tok/t.json"},
      {"tokenize", ".", "--text a --json", "tokenizer.json", "tokenizer.json"},
      {"tokenize tests/fixtures/tokenizers.tar.zst:tokenizers/gpt2 --file", "text", "--json",
       "text", "tok/text"},
      {"task sva --tokenizer", "t.json", "--n 2 --out", "link", "tok/t.json"},
      {"task sva", ".", "--n 2 --out - --json", "tokenizer.json", "tokenizer.json"},
  };
  (void)state;
  workshop_shell("mkdir %s/tok && cd %s/tok && printf a > text && ln -s t.json link && "
                 "printf '{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]},"
                 "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false}}' > t.json "
                 "&& cp t.json tokenizer.json && cp -r ../tok ../tok-kept",
                 here, here);
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
    refuse(lines[i].named, ", which this command uses; name another file",
           "%s %s/tok/%s %s %s/tok/%s", lines[i].command, here, lines[i].input, lines[i].options,
           here, lines[i].output);
    workshop_shell("cd %s && diff -r tok tok-kept", here);
  }
}

static void test_empty_names(void **state)
{
  static const char *const lines[] = {
      "screen --out=",   "screen --json=",  "screen --dump=",        "claims --json=",
      "compare --json=", "inspect --json=", "verify --checkpoints=", "pin --out=",
      "synth --out=",    "bench --sweep=",  "reproduce --work=",     "reproduce --checkpoints=",
      "fetch --to=",     "selftest --json="};
  (void)state;
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
    free(workshop_refuse(EXIT_INPUT, "is empty, needs ", "%s", lines[i]));
  char *err;
  if (support_emulated())
    return;
  assert_int_equal(support_run((const char *[]){support_program(), "screen", "", NULL}, NULL, &err),
                   EXIT_INPUT);
  workshop_contains(err, "an argument is empty");
  free(err);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_screen_over_its_model), cmocka_unit_test(test_over_an_archive),
      cmocka_unit_test(test_two_outputs),           cmocka_unit_test(test_tables),
      cmocka_unit_test(test_unread_files),          cmocka_unit_test(test_manifests),
      cmocka_unit_test(test_standard_output),       cmocka_unit_test(test_tokenizers),
      cmocka_unit_test(test_empty_names),
  };
  return cmocka_run_group_tests(tests, set_up, NULL);
}

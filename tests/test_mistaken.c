/* Files of another kind under the name of what is to be read: said by every reader, with a remedy.
 */
#include "base/mistaken.h"
#include "workshop.h"

#define LFS                                                                                        \
  "version https://git-lfs.github.com/spec/v1\noid sha256:"                                        \
  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\nsize 500\n"
#define HTML "<!DOCTYPE html><html><title>Login</title>"
#define GZIP "\x1f\x8b\x08\0\0\0\0\0\0\x03"
#define ZIPPED "PK\3\4\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define INDEX "model.safetensors.index.json"
#define BYTES(text) text, sizeof text - 1

static const struct mistake {
  const char *name, *bytes;
  size_t size;
  const char *words;
} mistakes[] = {
    {"config.json", BYTES(HTML), "config.json: is an HTML page, not JSON; a login or error page"},
    {"config.json", BYTES(LFS),
     "config.json: is a git-lfs pointer, not JSON; fetch it with git lfs"},
    {"config.json", BYTES("Entry not found"),
     "config.json: is plain text, not JSON; it begins \"Entry not found\": fetch the file again"},
    {"config.json", BYTES(GZIP), "is gzip-compressed data, not JSON; unpack it"},
    {"config.json", BYTES(ZIPPED), "is a zip archive, as PyTorch's torch.save writes, not JSON"},
    {"config.json", BYTES(""), "config.json: is an empty file; fetch the file again"},
    {"config.json", BYTES("\xFF\xFE{\0}\0"), "is text in UTF-16, not JSON; save it as UTF-8"},
    {"model.safetensors", BYTES(HTML),
     "model.safetensors: is an HTML page, not a safetensors file"},
    {"model.safetensors", BYTES(LFS),
     "model.safetensors: is a git-lfs pointer (500 bytes, sha256 aa"},
    {"model.safetensors", BYTES("Entry not found"),
     "is plain text, not a safetensors file; it begins \"Entry not found\""},
    {"model.safetensors", BYTES("{\"error\":\"Not found\"}"),
     "is JSON text, not a safetensors file; it begins \"{\"error\":\"Not found\"}\""},
    {"model.safetensors", BYTES(ZIPPED), "if PyTorch saved it, name it pytorch_model.bin"},
    {"model.safetensors", BYTES("\x80\x02}q\0."), "is a Python pickle, not a safetensors file; if"},
    {"model.safetensors", BYTES("GGUF\3\0\0\0"), "is a GGUF file, not a safetensors file; convert"},
    {"model.safetensors", BYTES(GZIP),
     "is gzip-compressed data, not a safetensors file; unpack it"},
    {"model.safetensors", BYTES(""), "model.safetensors: is an empty file; fetch the file again"},
    {"model.safetensors", BYTES("\0\0\0\0\0\0\0\0\0\0"), "or its download was not finished"},
    {INDEX, BYTES(HTML), INDEX ": is an HTML page, not JSON"},
    {INDEX, BYTES(LFS), INDEX ": is a git-lfs pointer, not JSON"},
    {INDEX, BYTES(ZIPPED), INDEX ": is a zip archive"},
    {INDEX, BYTES(""), INDEX ": is an empty file"},
    {"pytorch_model.bin", BYTES(HTML), "is an HTML page, not weights that torch.save wrote"},
    {"pytorch_model.bin", BYTES(LFS), "pytorch_model.bin: is a git-lfs pointer (500 bytes"},
    {"pytorch_model.bin", BYTES("\x02\0\0\0\0\0\0\0{}"),
     "is a safetensors file, not weights that torch.save wrote; name it model.safetensors"},
    {"pytorch_model.bin", BYTES(""), "pytorch_model.bin: is an empty file"},
};

/* In a model: what is there instead of each file that a model is read from. */
static void test_models(void **state)
{
  const char *model = workshop_path("model");
  char path[600];
  (void)state;
  for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
    const struct mistake *mistake = &mistakes[i];
    workshop_shell("rm -rf %s && cp -r " WORKSHOP_MODEL " %s", model, model);
    if (strcmp(mistake->name, "config.json") != 0)
      workshop_shell("rm %s/model.safetensors", model);
    snprintf(path, sizeof path, "%s/%s", model, mistake->name);
    support_write(path, mistake->bytes, mistake->size);
    free(workshop_refuse(EXIT_INPUT, mistake->words, "inspect %s --no-hash", model));
  }
}

/* Tables, manifests, lists of tensors and archives. */
static void test_other_readers(void **state)
{
  static const struct {
    const char *bytes;
    size_t size;
    const char *table, *list, *archive;
  } cases[] = {
      {BYTES(HTML), "is an HTML page, not ", "a login or error page", "is an HTML page"},
      {BYTES(LFS), "is a git-lfs pointer, not ", "fetch it with git lfs pull", "git-lfs pointer"},
      {BYTES(GZIP), "is gzip-compressed data, not ", "unpack it", "packed with gzip"},
      {BYTES(ZIPPED), "is a zip archive", "", "archive"},
      {BYTES(""), "is an empty file", "", "is an empty file"},
      {BYTES("\xFE\xFF\0{\0}"), "is text in UTF-16, not ", "save it as UTF-8", "text in UTF-16"},
  };
  static const enum reads readers[] = {READS_CSV, READS_TENSOR_LIST, READS_JSON};
  const char *path = workshop_path("file");
  struct error error;
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    support_write(path, cases[i].bytes, cases[i].size);
    free(workshop_refuse(EXIT_INPUT, cases[i].table, "compare %s %s", path, path));
    free(workshop_refuse(EXIT_INPUT, cases[i].table, "verify %s", path));
    free(workshop_refuse(EXIT_INPUT, cases[i].archive, "inspect %s", path));
    for (size_t r = 0; r < 3; r++) {
      assert_int_equal(mistaken_refuse("f", readers[r], cases[i].bytes, cases[i].size, &error),
                       EXIT_INPUT);
      support_assert_error(&error, EXIT_INPUT, cases[i].list);
    }
  }
  assert_int_equal(mistaken_refuse("f", READS_CSV, BYTES("PK\3\4"), &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "if it is a spreadsheet, save it as plain text (CSV)");
}

/* Nothing that a reader can read looks like another kind, whatever the size of its header. */
static void test_headers_of_every_size(void **state)
{
  struct error error;
  (void)state;
  for (uint32_t size = 2; size < 25u << 20; size += size < 0x20000 ? 1 : 65521) {
    uint8_t start[] = {(uint8_t)size,
                       (uint8_t)(size >> 8),
                       (uint8_t)(size >> 16),
                       (uint8_t)(size >> 24),
                       0,
                       0,
                       0,
                       0,
                       '{',
                       '"',
                       'a'};
    if (mistaken_refuse("f", READS_SAFETENSORS, start, sizeof start, &error))
      fail_msg("%u: %s", size, error.text);
  }
}

/* A byte order mark before config.json, an index, a manifest's table: read, to the same figures. */
static void test_byte_order_marks(void **state)
{
  const char *model = workshop_path("marked"), *plain = workshop_path("plain.csv"),
             *marked = workshop_path("marked.csv");
  (void)state;
  workshop_shell("rm -rf %s && cp -r tests/fixtures/conformance/olmo-f32/model-2shards %s", model,
                 model);
  workshop_shell("for f in config.json " INDEX "; do printf '\\357\\273\\277' > %s/new && "
                 "cat %s/$f >> %s/new && mv -f %s/new %s/$f; done",
                 model, model, model, model, model);
  free(workshop_run(0, "screen " WORKSHOP_MODEL " " WORKSHOP_PROTOCOL " --quiet --out %s", plain));
  free(workshop_run(0, "screen %s " WORKSHOP_PROTOCOL " --quiet --out %s", model, marked));
  workshop_same_files(plain, marked);
  workshop_shell("{ printf '\\357\\273\\277'; cat %s; } > %s", plain, marked);
  char *said = workshop_run(0, "compare %s %s", plain, marked);
  workshop_contains(said, "equal to the bit");
  free(said);
}

/* What spreadsheets do to a table is found and named. */
static void test_spreadsheets(void **state)
{
  static const struct {
    const char *change, *words;
  } cases[] = {
      {"s/,/;/g", "line 1: the columns are separated by semicolons, must be by commas"},
      {"s/,/\\t/g", "line 1: the columns are separated by tabs, must be by commas"},
      {"1s/,/\",\"/g; 1s/^/\"/; 1s/$/\"/", "line 1: the columns are in quotes; save it as CSV"},
      {"1s/,/\";\"/g; 1s/^/\"/; 1s/$/\"/", "separated by semicolons and quoted, must be by commas"},
      {"s/$/\\r/",
       "line 1: ends in a carriage return (Windows line ends); save the file with Unix"},
      {"$s/$/\\n/", "line 258: empty; remove the empty line"},
      {"3s/,/;/", "line 3: 10 columns, must be 11"},
      {"1s/^/# /", "line 1: the header is \"# layer,head"},
  };
  const char *good = "golden/published/olmo-1b-0724/step126000-tokens264B.csv";
  const char *bad = workshop_path("bad.csv");
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    workshop_shell("sed '%s' %s > %s", cases[i].change, good, bad);
    free(workshop_refuse(EXIT_INPUT, cases[i].words, "compare %s %s", bad, good));
  }
  workshop_shell("tr '\\n' '\\r' < %s > %s", good, bad);
  free(workshop_refuse(EXIT_INPUT, "line 1: ends in a lone carriage return, as on old Macs",
                       "compare %s %s", bad, good));
}

/* What is wrong with a header is shown with its byte, offset or key. */
static void test_safetensors_headers(void **state)
{
  static const struct {
    const char *bytes;
    size_t size;
    const char *words;
  } cases[] = {
      {BYTES("\x05\0\0\0\0\0\0\0{}\0\0\0"),
       "the header is padded with 3 bytes 0x00 from offset 10 on; the format pads with blanks"},
      {BYTES("\x03\0\0\0\0\0\0\0 {}"),
       "header must start with '{' at offset 8, but found byte 0x20"},
      {BYTES("\x05\0\0\0\0\0\0\0\xEF\xBB\xBF{}"), "at offset 8, but found byte 0xEF"},
      {BYTES("\x15\0\0\0\0\0\0\0{\"__metadata__\":null}"),
       "\"__metadata__\" must be an object, but is null; write the file again without it"},
      {BYTES("\x0F\0\0\0\0\0\0\0{\"a\":{},\"a\":{}}"), "column 9: duplicate key \"a\""},
      {BYTES("\x04\0\0\0\0\0\0\0{}\0x"), "expected the end of the file after the last '}', found "
                                         "byte 0x00 (offset 2)"},
  };
  const char *model = workshop_path("model");
  char path[600];
  (void)state;
  workshop_shell("rm -rf %s && cp -r " WORKSHOP_MODEL " %s", model, model);
  snprintf(path, sizeof path, "%s/model.safetensors", model);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    support_write(path, cases[i].bytes, cases[i].size);
    free(workshop_refuse(EXIT_INPUT, cases[i].words, "inspect %s --no-hash", model));
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_models),
      cmocka_unit_test(test_other_readers),
      cmocka_unit_test(test_headers_of_every_size),
      cmocka_unit_test(test_byte_order_marks),
      cmocka_unit_test(test_spreadsheets),
      cmocka_unit_test(test_safetensors_headers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

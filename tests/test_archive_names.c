/* Names beyond ASCII in archives, in every encoding that packers write and under every locale. */
#define _GNU_SOURCE
#include "packing.h"

#include "checkpoint/checkpoint.h"
#include "workshop.h"

#include <locale.h>

#define MODEL "tests/fixtures/conformance/gpt_neox-smooth-f32/model"
#define UTF8 "mod\xC3\xA8le"
#define LATIN1 "mod\xE8le"

enum format { GNU, PAX, ZIPPED };

/* The model under `folder`, one more file beside it, and one in another folder. As UTF-8, when the
 * locale says so while it is written; else as bytes of an unknown encoding. */
static const char *pack(enum format format, const char *folder, const char *extra, bool utf8)
{
  static const char *const files[] = {"config.json", "model.safetensors"};
  static char path[512];
  locale_t locale = newlocale(LC_CTYPE_MASK, utf8 ? "C.UTF-8" : "C", (locale_t)0);
  locale_t before = uselocale(locale);
  char from[200], name[200];
  snprintf(path, sizeof path, "%s/names.%s", support_directory(), format == ZIPPED ? "zip" : "tar");
  struct archive *archive = archive_write_new();
  assert_true(archive && locale);
  assert_int_equal(format == GNU   ? archive_write_set_format_gnutar(archive)
                   : format == PAX ? archive_write_set_format_pax(archive)
                                   : archive_write_set_format_zip(archive),
                   ARCHIVE_OK);
  if (format == ZIPPED) /* so that a test can change its bytes */
    assert_int_equal(archive_write_zip_set_compression_store(archive), ARCHIVE_OK);
  assert_int_equal(archive_write_open_filename(archive, path), ARCHIVE_OK);
  for (size_t i = 0; i < 2; i++) {
    size_t size;
    snprintf(from, sizeof from, MODEL "/%s", files[i]);
    snprintf(name, sizeof name, "%s/%s", folder, files[i]);
    char *data = support_read(from, &size);
    add(archive, name, AE_IFREG, NULL, data, size);
    free(data);
  }
  snprintf(name, sizeof name, "%s/%s", folder, extra);
  add(archive, name, AE_IFREG, NULL, "x", 1);
  snprintf(name, sizeof name, "\xE2\x82\xAC/%s", extra);
  add(archive, name, AE_IFREG, NULL, "y", 1);
  finish(archive);
  uselocale(before);
  freelocale(locale);
  return path;
}

/* The model in this folder of the archive is the fixture: name for name, byte for byte. */
static void assert_read(const char *archive, const char *folder)
{
  char path[600];
  struct error error = {0};
  struct checkpoint *model, *read;
  snprintf(path, sizeof path, "%s:%s", archive, folder);
  assert_int_equal(checkpoint_open(MODEL, &model, &error), 0);
  if (checkpoint_open(path, &read, &error))
    fail_msg("%s", error.text);
  assert_int_equal(checkpoint_count(read), checkpoint_count(model));
  for (size_t i = 0; i < checkpoint_count(read); i++) {
    const struct tensor *x = checkpoint_at(read, i), *y = checkpoint_at(model, i);
    assert_string_equal(x->name, y->name);
    assert_memory_equal(x->data, y->data, y->bytes);
  }
  checkpoint_close(model);
  checkpoint_close(read);
}

static void test_every_encoding(void **state)
{
  static const struct {
    const char *folder, *extra;
    bool utf8;
  } cases[] = {
      {"model", "Notes \xC3\xB1.md", true},
      {UTF8, "x", true},
      {UTF8, "x", false},
      {LATIN1, "\xF1", false},
      {"model", "\xF1\xFF", false},
      {"\xE6\xA8\xA1\xE5\x9E\x8B/a b", "\xF0\x9F\x98\x80", true},
  };
  (void)state;
  for (enum format format = GNU; format <= ZIPPED; format++)
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
      assert_read(pack(format, cases[i].folder, cases[i].extra, cases[i].utf8), cases[i].folder);
}

/* A name that says it is UTF-8 and is not: the entry is passed over, whatever its name would be. */
static void test_broken_encoding(void **state)
{
  size_t size;
  (void)state;
  for (enum format format = PAX; format <= ZIPPED; format++) {
    const char *path = pack(format, "model", "\xC3\xB1.md", true);
    char *bytes = support_read(path, &size), *at = bytes;
    int found = 0;
    while ((at = memmem(at, size - (size_t)(at - bytes), "\xC3\xB1.md", 5))) {
      /* In a .tar only in the extended header: the plain one has a checksum. */
      bool change = format == ZIPPED || memmem(at - 20, 20, " path=", 6);
      at += 1;
      *at = change ? '\xFF' : *at;
      found += change;
    }
    assert_true(found >= 2);
    support_write(path, bytes, size);
    free(bytes);
    assert_read(path, "model");
  }
}

#define PROTOCOL "--n 16 --seq-len 64 --vocab 10:128 --pr-n 16 --threads 1 --quiet"

/* The screen of the folder is that of the fixture, and what is said of it is printable UTF-8. */
static void check_program(const char *archive, const char *folder, const char *shown)
{
  const char *out = workshop_path("out.csv"), *json = workshop_path("out.json");
  free(workshop_run(0, "screen %s:%s " PROTOCOL " --out %s --json %s", archive, folder, out, json));
  workshop_same_files(workshop_path("want.csv"), out);
  json_t *read = workshop_json(json);
  workshop_contains(json_string_value(json_object_get(read, "model")), shown);
  json_decref(read);
  char *text = workshop_run(0, "inspect %s --no-hash", archive);
  workshop_contains(text, shown);
  free(text);
  free(workshop_run(0, "inspect %s --no-hash --quiet --json %s", archive, json));
  read = workshop_json(json);
  const json_t *first = json_array_get(json_object_get(read, "models"), 0);
  assert_string_equal(json_string_value(json_object_get(first, "directory")), shown);
  json_decref(read);
}

/* The program itself, under locales of 7 bits, of UTF-8, with a decimal comma and of none. */
static void test_program(void **state)
{
  static const char *const locales[] = {"C", "C.UTF-8", "de_DE.UTF-8", "tlh_XX.KOI8-R"};
  (void)state;
  if (support_emulated())
    skip();
  free(workshop_run(0, "screen " MODEL " " PROTOCOL " --out %s", workshop_path("want.csv")));
  for (size_t i = 0; i < sizeof locales / sizeof *locales; i++) {
    setenv("LC_ALL", locales[i], 1);
    check_program(pack(PAX, UTF8, "x", true), UTF8, UTF8);
    check_program(pack(GNU, UTF8, "x", true), UTF8, UTF8);
    check_program(pack(GNU, LATIN1, "x", false), LATIN1, "mod\\xE8le");
  }
  unsetenv("LC_ALL");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_encoding),
      cmocka_unit_test(test_broken_encoding),
      cmocka_unit_test(test_program),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

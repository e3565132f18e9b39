/* Copies of the conformance models whose tensors have other names, and what is said of them. */
#ifndef ATTEST_TESTS_RENAMING_H
#define ATTEST_TESTS_RENAMING_H

#include "weights_file.h"

#define NEOX "gpt_neox-smooth-f32"
#define OLMO "olmo-smooth-f32"
#define TIED "olmo-tied-bf16"
#define OLMOE "olmoe-smooth-f32"
#define FIXTURES "tests/fixtures/conformance/"
#define PROTOCOL "--n 16 --seq-len 64 --vocab 10:128 --pr-n 16 --threads 1"

static inline struct weights fixture(const char *model)
{
  char path[256];
  snprintf(path, sizeof path, FIXTURES "%s/model/model.safetensors", model);
  return weights_read(path);
}

/* The first `from` in a name becomes `to`; in the string that is returned, static. */
static inline const char *renamed(const char *name, const char *from, const char *to)
{
  static char text[300];
  const char *at = strstr(name, from);
  if (at)
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - name), name, to, at + strlen(from));
  return at ? text : name;
}

/* Tensors in the order of their file, renamed, without the one called `without`. */
static inline struct weights rename_all(const struct weights *w, const char *from, const char *to,
                                        const char *without)
{
  struct weights made = {json_object(), NULL, 0};
  const char *name;
  json_t *entry;
  json_object_foreach(w->header, name, entry)
  {
    size_t size;
    if (strcmp(name, "__metadata__") == 0 || strcmp(name, without) == 0)
      continue;
    const char *data = weights_data(w, entry, &size);
    weights_add(&made, renamed(name, from, to), entry,
                json_deep_copy(json_object_get(entry, "shape")), data, size);
  }
  return made;
}

/* A model directory of these weights with the fixture's config; static. Frees the weights. */
static inline const char *model_of(const char *model, struct weights *w)
{
  const char *directory = workshop_path("model");
  char path[600];
  workshop_shell("rm -rf %s && mkdir %s && cp " FIXTURES "%s/model/config.json %s", directory,
                 directory, model, directory);
  snprintf(path, sizeof path, "%s/model.safetensors", directory);
  weights_write(path, w);
  weights_free(w);
  return directory;
}

static inline const char *renamed_model(const char *model, const char *from, const char *to,
                                        const char *without)
{
  struct weights plain = fixture(model), made = rename_all(&plain, from, to, without);
  weights_free(&plain);
  return model_of(model, &made);
}

/* The trajectory of the directory is that of the fixture, and what was read is said. */
static inline void same(const char *directory, const char *model, const char *note)
{
  char line[900], *out, *err;
  snprintf(line, sizeof line, "screen %s " PROTOCOL " --out -", directory);
  if (workshop_start(line, &out, &err))
    fail_msg("%s", err);
  workshop_contains(err, note);
  free(err);
  char *want =
      workshop_run(EXIT_HELD, "screen " FIXTURES "%s/model " PROTOCOL " --quiet --out -", model);
  assert_string_equal(out, want);
  free(out);
  out = workshop_run(EXIT_HELD, "screen %s " PROTOCOL " --quiet --out -", directory);
  assert_string_equal(out, want);
  free(out);
  free(want);
  out = workshop_run(EXIT_HELD, "inspect %s --no-hash", directory);
  workshop_contains(out, note);
  free(out);
}

static inline void refuse(const char *directory, const char *words)
{
  free(workshop_refuse(EXIT_INPUT, words, "screen %s " PROTOCOL " --out %s/never.csv", directory,
                       support_directory()));
  workshop_shell("! test -e %s/never.csv", support_directory());
}

#endif

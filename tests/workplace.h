/* Copies of the project's manifests and goldens, to be tampered with. */
#ifndef ATTEST_TESTS_WORKPLACE_H
#define ATTEST_TESTS_WORKPLACE_H

#include "workshop.h"

#define MODEL "nursery-olmo"

/* A workplace with manifests/ and golden/ as in the project, the archive linked. */
static inline const char *workplace(const char *name)
{
  const char *place = workshop_path(name);
  workshop_shell("rm -rf %s && mkdir -p %s/manifests && cp -r golden %s/golden && "
                 "cp manifests/*.json %s/manifests && "
                 "ln -s \"$PWD\"/manifests/nursery.tar.zst %s/manifests",
                 place, place, place, place, place);
  return place;
}

/* The same with the model's manifest asking for fewer sequences and ablations, and a golden made of
 * that, on a machine of continuous integration, too. */
static inline const char *quick_workplace(const char *name)
{
  const char *place = workplace(name);
  char path[600];
  snprintf(path, sizeof path, "%s/manifests/" MODEL ".json", place);
  json_t *manifest = workshop_json(path);
  json_object_set_new(json_object_get(manifest, "protocol"), "n", json_integer(40));
  json_object_set_new(
      manifest, "ablation",
      json_pack("{s:[i], s:[i], s:s}", "induction", 10, "seeds", 7, "caveat", "a caveat"));
  workshop_json_write(path, manifest);
  json_decref(manifest);
  unsetenv("CI");
  free(workshop_run(EXIT_HELD, "reproduce %s --update-golden --work %s/golden-work", path, place));
  return place;
}

/* The same with three revisions of the model. */
static inline const char *three_revisions_workplace(const char *name)
{
  const char *place = workplace(name);
  char path[600];
  snprintf(path, sizeof path, "%s/manifests/" MODEL ".json", place);
  json_t *manifest = workshop_json(path), *revisions = json_object_get(manifest, "revisions");
  while (json_array_size(revisions) > 3)
    json_array_remove(revisions, 0);
  json_object_set_new(json_object_get(manifest, "protocol"), "n", json_integer(60));
  json_object_set_new(manifest, "ablation",
                      json_pack("{s:[i], s:[i], s:s}", "induction", 10, "seeds", 7, "caveat", "c"));
  workshop_json_write(path, manifest);
  json_decref(manifest);
  unsetenv("CI");
  free(workshop_run(EXIT_HELD, "reproduce %s --update-golden --work %s/golden-work", path, place));
  return place;
}

#endif

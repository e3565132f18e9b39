#include "report/run_folder.h"

#include "base/json.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#define FOLDER "run"
#define MOST_BYTES ((size_t)256 << 20)

static json_t *trajectory_json(const struct trajectory *t, struct error *error)
{
  struct digest *digests;
  if (report_digests(t, &digests, error))
    return NULL;
  json_t *revisions = json_array();
  for (size_t i = 0; i < t->count; i++)
    json_add(revisions, json_pack("{s:s, s:s}", "revision", t->revisions[i].name, "sha256",
                                  digests[i].sha256));
  free(digests);
  return json_pack("{s:s, s:s, s:o}", "model", t->model, "kind", trajectory_kind_name(t->kind),
                   "revisions", revisions);
}

json_t *run_trajectories_json(const struct journal *journal, struct error *error)
{
  json_t *all = json_array();
  for (size_t i = 0; i < journal->claims_count; i++)
    for (size_t t = 0; t < journal->claims[i].trajectory_count; t++) {
      json_t *one = trajectory_json(&journal->claims[i].trajectories[t], error);
      if (!one) {
        json_decref(all);
        return NULL;
      }
      json_add(all, one);
    }
  return all;
}

/* WORK/run/<kind>-<model>, free(). */
static char *folder_of(const char *work, const char *kind, const char *model, struct error *error)
{
  struct text name = {0};
  text_add(&name, FOLDER "/%s-%s", kind, model);
  char *path = name.failed ? NULL : file_join(work, name.data, error);
  text_free(&name);
  if (!path)
    error_set(error, EXIT_RUN, "%s: out of memory", work);
  return path;
}

static int save(const char *work, const struct trajectory *t, struct error *error)
{
  char *path = folder_of(work, trajectory_kind_name(t->kind), t->model, error);
  int status = path ? trajectory_save(path, t, error) : error->code;
  free(path);
  return status;
}

int run_folder_write(const char *work, const struct journal *journal, const json_t *run,
                     struct error *error)
{
  for (size_t i = 0; i < journal->claims_count; i++)
    for (size_t t = 0; t < journal->claims[i].trajectory_count; t++)
      if (save(work, &journal->claims[i].trajectories[t], error))
        return error->code;
  char *path = file_join(work, RUN_FILE, error);
  int status = path ? json_write(path, run, error) : error->code;
  free(path);
  return status;
}

/* Whether a trajectory is that of the run. */
static bool has_digests(const struct report_trajectory *t, const json_t *revisions)
{
  bool same = json_array_size(revisions) == t->trajectory.count;
  for (size_t i = 0; same && i < t->trajectory.count; i++) {
    const json_t *pinned = json_object_get(json_array_get(revisions, i), "sha256");
    same = json_is_string(pinned) && strcmp(json_string_value(pinned), t->digests[i].sha256) == 0;
  }
  return same;
}

static int check(const char *path, const struct report_trajectory *t, const json_t *revisions,
                 struct error *error)
{
  if (has_digests(t, revisions))
    return 0;
  return error_set(error, EXIT_INPUT,
                   "%s: not the trajectory of the run in " RUN_FILE
                   " beside it; run attest reproduce again",
                   path);
}

static int load_one(struct report *report, const char *work, const json_t *entry,
                    struct error *error)
{
  const char *kind, *model;
  json_t *revisions;
  struct trajectory trajectory;
  enum trajectory_kind parsed;
  if (json_get_label(entry, work, "model", &model, error) ||
      json_get_label(entry, work, "kind", &kind, error) ||
      json_get_array(entry, work, "revisions", &revisions, error))
    return error->code;
  if (trajectory_kind_parse(kind, &parsed))
    return error_set(error, EXIT_INPUT, "%s: kind \"%s\" is unknown", work, kind);
  size_t before = report->trajectory_count;
  char *path = folder_of(work, kind, model, error);
  int status = path ? trajectory_load(path, &trajectory, error) : error->code;
  if (!status)
    status = report_add_trajectory(report, &trajectory, error);
  if (!status && report->trajectory_count > before)
    status = check(path, &report->trajectories[before], revisions, error);
  free(path);
  return status;
}

static int load_trajectories(struct report *report, const char *work, const json_t *run,
                             struct error *error)
{
  json_t *all;
  if (json_get_array(run, work, "trajectories", &all, error))
    return error->code;
  for (size_t i = 0; i < json_array_size(all); i++)
    if (load_one(report, work, json_array_get(all, i), error))
      return error->code;
  return 0;
}

int run_folder_read(struct report *report, const char *path, struct error *error)
{
  bool folder = file_is_directory(path);
  char *file = folder ? file_join(path, RUN_FILE, error) : strdup(path);
  json_t *run;
  if (!file)
    return error_set(error, EXIT_RUN, "%s: out of memory", path);
  int status = json_read_object(file, MOST_BYTES, &run, error);
  if (!status && !json_object_get(run, "manifests")) {
    json_decref(run);
    status = error_set(error, EXIT_INPUT,
                       "%s: not the JSON of a run; attest reproduce --json FILE writes one", file);
  } else if (!status) {
    status = report_add_run(report, file, run, error);
    if (!status && folder)
      status = load_trajectories(report, path, run, error);
  }
  free(file);
  return status;
}

/* A trajectory of the model and kind of an entry must have the entry's digests. */
static int check_given(const struct report_trajectory *t, const json_t *entry, struct error *error)
{
  const char *model = json_string_value(json_object_get(entry, "model"));
  const char *kind = json_string_value(json_object_get(entry, "kind"));
  const char *own = trajectory_kind_name(t->trajectory.kind);
  if (!model || !kind || strcmp(model, t->trajectory.model) != 0 || strcmp(kind, own) != 0 ||
      has_digests(t, json_object_get(entry, "revisions")))
    return 0;
  return error_set(error, EXIT_INPUT,
                   "%s (%s): the trajectory is not the one of the run whose JSON is given; take it "
                   "from the work folder of that run, or leave one of the two out",
                   model, kind);
}

int run_folder_check(const struct report *report, struct error *error)
{
  for (size_t d = 0; d < report->document_count; d++) {
    const json_t *all = json_object_get(report->documents[d], "trajectories");
    for (size_t i = 0; i < json_array_size(all); i++)
      for (size_t t = 0; t < report->trajectory_count; t++)
        if (check_given(&report->trajectories[t], json_array_get(all, i), error))
          return error->code;
  }
  return 0;
}

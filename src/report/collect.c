#include "report/report.h"

#include "base/json.h"
#include "base/memory.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* A string of an object, and where it goes. */
struct field {
  const char *key;
  size_t offset;
  bool needed; /* else absent or null is "" */
};

static int get_texts(const json_t *object, const char *where, const struct field *fields,
                     size_t count, void *into, struct error *error)
{
  for (size_t i = 0; i < count; i++) {
    const char **out = (const char **)(void *)((char *)into + fields[i].offset);
    *out = "";
    if (!fields[i].needed && json_is_absent(object, fields[i].key))
      continue;
    if (json_get_string(object, where, fields[i].key, out, error))
      return error->code;
  }
  return 0;
}

/* A number of things; -1 where it is not said. */
static int get_count(const json_t *object, const char *where, const char *key, json_int_t *count,
                     struct error *error)
{
  int64_t value = -1;
  if (!json_is_absent(object, key) &&
      json_get_integer(object, where, key, 0, INT64_MAX, &value, error))
    return error->code;
  *count = value;
  return 0;
}

/* An array by key: empty where it is absent. Each element is an object, or a string. */
static int get_list(const json_t *object, const char *where, const char *key, bool of_objects,
                    json_t **array, struct error *error)
{
  json_t *element;
  size_t i;
  *array = NULL;
  if (json_is_absent(object, key))
    return 0;
  if (json_get_array(object, where, key, array, error))
    return error->code;
  json_array_foreach(
      *array, i,
      element) if (of_objects
                       ? !json_is_object(element)
                       : !json_is_string(
                             element)) return error_set(error, EXIT_INPUT,
                                                        "%s: %s: element %zu must be %s", where,
                                                        key, i + 1,
                                                        of_objects ? "an object" : "a string");
  return 0;
}

static int get_lines(const json_t *object, const char *where, const char *key,
                     struct report_texts *texts, struct error *error)
{
  json_t *array;
  if (get_list(object, where, key, false, &array, error))
    return error->code;
  size_t count = json_array_size(array);
  texts->lines = memory_zeroed(count, sizeof *texts->lines, where, error);
  if (!texts->lines)
    return error->code;
  for (; texts->count < count; texts->count++)
    texts->lines[texts->count] = json_string_value(json_array_get(array, texts->count));
  return 0;
}

static const struct field file_fields[] = {
    {"file", offsetof(struct report_file, path), true},
    {"sha256", offsetof(struct report_file, sha256), false},
    {"xxh3_128", offsetof(struct report_file, xxh3_128), false},
};

static const struct field revision_fields[] = {
    {"revision", offsetof(struct report_revision, name), true},
    {"xxh3_128", offsetof(struct report_revision, xxh3_128), true},
};

#define FIELDS(fields) fields, sizeof fields / sizeof *fields

static int get_read(const json_t *object, const char *where, struct report_manifest *m,
                    struct error *error)
{
  json_t *array;
  if (get_list(object, where, "read", true, &array, error))
    return error->code;
  size_t count = json_array_size(array);
  m->read = memory_zeroed(count, sizeof *m->read, where, error);
  if (!m->read)
    return error->code;
  for (; m->read_count < count; m->read_count++) {
    const json_t *element = json_array_get(array, m->read_count);
    struct report_file *file = &m->read[m->read_count];
    if (get_texts(element, where, FIELDS(file_fields), file, error) ||
        get_count(element, where, "bytes", &file->bytes, error))
      return error->code;
  }
  return 0;
}

static int get_revisions(const json_t *object, const char *where, struct report_manifest *m,
                         struct error *error)
{
  json_t *array;
  if (get_list(object, where, "revisions", true, &array, error))
    return error->code;
  size_t count = json_array_size(array);
  m->revisions = memory_zeroed(count, sizeof *m->revisions, where, error);
  if (!m->revisions)
    return error->code;
  for (; m->revision_count < count; m->revision_count++)
    if (get_texts(json_array_get(array, m->revision_count), where, FIELDS(revision_fields),
                  &m->revisions[m->revision_count], error))
      return error->code;
  return 0;
}

static const struct field manifest_fields[] = {
    {"manifest", offsetof(struct report_manifest, path), true},
    {"xxh3_128", offsetof(struct report_manifest, xxh3_128), true},
    {"sha256", offsetof(struct report_manifest, sha256), false},
    {"model", offsetof(struct report_manifest, model), true},
    {"kind", offsetof(struct report_manifest, kind), true},
    {"source", offsetof(struct report_manifest, source), true},
    {"caveat", offsetof(struct report_manifest, caveat), false},
};

static int get_manifest(const json_t *object, const char *where, struct report_manifest *m,
                        struct error *error)
{
  const struct {
    const char *key;
    struct report_texts *texts;
  } lists[] = {{"found", &m->found},       {"failures", &m->failures},
               {"notes", &m->notes},       {"compared", &m->compared},
               {"left_out", &m->left_out}, {"not_compared", &m->not_compared}};
  json_t *results;
  if (get_texts(object, where, FIELDS(manifest_fields), m, error) ||
      get_count(object, where, "unpinned", &m->unpinned, error))
    return error->code;
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
    if (get_lines(object, where, lists[i].key, lists[i].texts, error))
      return error->code;
  if (get_read(object, where, m, error) || get_revisions(object, where, m, error) ||
      get_list(object, where, "results", true, &results, error))
    return error->code;
  m->results = results;
  return 0;
}

static const struct field claim_fields[] = {
    {"paper", offsetof(struct report_claim, paper), true},
    {"id", offsetof(struct report_claim, id), true},
    {"source_id", offsetof(struct report_claim, source_id), false},
    {"model", offsetof(struct report_claim, model), true},
    {"figure", offsetof(struct report_claim, figure), true},
    {"revision", offsetof(struct report_claim, revision), false},
    {"definition", offsetof(struct report_claim, definition), true},
    {"statement", offsetof(struct report_claim, statement), false},
    {"where", offsetof(struct report_claim, where), false},
    {"published_text", offsetof(struct report_claim, published), false},
    {"recomputed_text", offsetof(struct report_claim, recomputed), false},
    {"also_holds_under", offsetof(struct report_claim, under), false},
    {"missing", offsetof(struct report_claim, missing), false},
    {"why", offsetof(struct report_claim, why), false},
    {"no_interval", offsetof(struct report_claim, no_interval), false},
};

static int parse_verdict(const char *where, const char *name, enum claim_verdict *verdict,
                         struct error *error)
{
  for (int v = 0; v < CLAIM_VERDICT_COUNT; v++)
    if (strcmp(claim_verdict_name((enum claim_verdict)v), name) == 0) {
      *verdict = (enum claim_verdict)v;
      return 0;
    }
  return error_set(error, EXIT_INPUT, "%s: verdict \"%s\" is unknown", where,
                   text_shown(name).text);
}

static int parse_kind(const char *where, const char *name, enum trajectory_kind *kind,
                      struct error *error)
{
  if (!trajectory_kind_parse(name, kind))
    return 0;
  return error_set(error, EXIT_INPUT, "%s: kind \"%s\" is unknown", where, text_shown(name).text);
}

static int get_object(const json_t *object, const char *where, const char *key,
                      const json_t **found, struct error *error)
{
  json_t *value = NULL;
  if (!json_is_absent(object, key) && json_get_object(object, where, key, &value, error))
    return error->code;
  *found = value;
  return 0;
}

static int get_claim(const json_t *object, const char *where, struct report_claim *claim,
                     struct error *error)
{
  const char *verdict = "", *kind = "";
  claim->margin = NAN;
  if (get_texts(object, where, FIELDS(claim_fields), claim, error) ||
      json_get_boolean(object, where, "stated", &claim->stated, error) ||
      json_get_string(object, where, "verdict", &verdict, error) ||
      json_get_string(object, where, "kind", &kind, error) ||
      parse_verdict(where, verdict, &claim->verdict, error) ||
      parse_kind(where, kind, &claim->kind, error) ||
      get_object(object, where, "interval", &claim->interval, error) ||
      get_object(object, where, "evidence", &claim->evidence, error))
    return error->code;
  if (!json_is_absent(object, "margin"))
    return json_get_number(object, where, "margin", -HUGE_VAL, HUGE_VAL, &claim->margin, error);
  return 0;
}

static const struct field run_fields[] = {
    {"cpu", offsetof(struct report_run, cpu), false},
    {"binary_sha256", offsetof(struct report_run, binary_sha256), false},
    {"command", offsetof(struct report_run, command), false},
    {"date", offsetof(struct report_run, date), false},
};

static const struct field head_fields[] = {
    {"attest", offsetof(struct report_run, version), false},
    {"isa", offsetof(struct report_run, isa), false},
};

static int get_run(const json_t *object, const char *where, struct report_run *run,
                   struct error *error)
{
  const json_t *machine = NULL;
  if (get_texts(object, where, FIELDS(head_fields), run, error) ||
      get_count(object, where, "failures", &run->failures, error) ||
      get_count(object, where, "unpinned", &run->unpinned, error) ||
      get_count(object, where, "uncompared", &run->uncompared, error) ||
      get_object(object, where, "run", &machine, error) ||
      get_texts(machine, where, FIELDS(run_fields), run, error) ||
      get_count(machine, where, "threads", &run->threads, error))
    return error->code;
  return get_object(machine, where, "libraries", &run->libraries, error);
}

/* The array with room for `more` elements behind `count`, which are zero; NULL without memory. */
static void *grow(void *array, size_t count, size_t more, size_t size, const char *name,
                  struct error *error)
{
  char *grown = reallocarray(array, count + more + 1, size);
  if (grown)
    memset(grown + count * size, 0, (more + 1) * size);
  else
    error_set(error, EXIT_RUN, "%s: out of memory", name);
  return grown;
}

static int grow_manifests(struct report *report, size_t more, const char *name, struct error *error)
{
  struct report_manifest *grown =
      grow(report->manifests, report->manifest_count, more, sizeof *grown, name, error);
  if (grown)
    report->manifests = grown;
  return grown ? 0 : error->code;
}

static int grow_claims(struct report *report, size_t more, const char *name, struct error *error)
{
  struct report_claim *grown =
      grow(report->claims, report->claim_count, more, sizeof *grown, name, error);
  if (grown)
    report->claims = grown;
  return grown ? 0 : error->code;
}

static int grow_runs(struct report *report, const char *name, struct error *error)
{
  size_t n = report->document_count;
  json_t **documents = grow(report->documents, n, 1, sizeof *documents, name, error);
  if (!documents)
    return error->code;
  report->documents = documents;
  struct report_run *runs = grow(report->runs, n, 1, sizeof *runs, name, error);
  if (runs)
    report->runs = runs;
  return runs ? 0 : error->code;
}

/* Manifests and claims, which are counted one by one so that report_free finds what there is. */
static int add_lists(struct report *report, const char *name, const json_t *run,
                     struct error *error)
{
  json_t *manifests, *claims, *element;
  size_t i;
  if (get_list(run, name, "manifests", true, &manifests, error) ||
      get_list(run, name, "claims", true, &claims, error) ||
      grow_manifests(report, json_array_size(manifests), name, error) ||
      grow_claims(report, json_array_size(claims), name, error))
    return error->code;
  json_array_foreach(manifests, i,
                     element) if (get_manifest(element, name,
                                               &report->manifests[report->manifest_count++],
                                               error)) return error->code;
  json_array_foreach(claims, i,
                     element) if (get_claim(element, name, &report->claims[report->claim_count++],
                                            error)) return error->code;
  return 0;
}

int report_add_run(struct report *report, const char *name, json_t *run, struct error *error)
{
  if (grow_runs(report, name, error)) {
    json_decref(run);
    return error->code;
  }
  report->documents[report->document_count] = run;
  if (get_run(run, name, &report->runs[report->document_count++], error))
    return error->code;
  return add_lists(report, name, run, error);
}

int report_digests(const struct trajectory *trajectory, struct digest **digests,
                   struct error *error)
{
  struct digest *made = memory_zeroed(trajectory->count, sizeof *made, trajectory->model, error);
  int status = made ? 0 : error->code;
  for (size_t i = 0; !status && i < trajectory->count; i++) {
    size_t length;
    char *csv = trajectory_format_csv(&trajectory->revisions[i], &length, error);
    status = csv ? digest_of(csv, length, &made[i], error) : error->code;
    free(csv);
  }
  if (status)
    free(made);
  else
    *digests = made;
  return status;
}

int report_add_trajectory(struct report *report, struct trajectory *trajectory, struct error *error)
{
  struct trajectory_difference difference = {0};
  for (size_t i = 0; i < report->trajectory_count; i++) {
    const struct trajectory *other = &report->trajectories[i].trajectory;
    if (other->kind != trajectory->kind || strcmp(other->model, trajectory->model) != 0)
      continue;
    trajectory_compare(other, trajectory, &difference);
    if (difference.found)
      error_set(error, EXIT_INPUT, "%s (%s) is given twice with different figures: %s",
                trajectory->model, trajectory_kind_name(trajectory->kind), difference.where);
    trajectory_free(trajectory);
    return difference.found ? error->code : 0;
  }
  struct report_trajectory *grown = grow(report->trajectories, report->trajectory_count, 1,
                                         sizeof *grown, trajectory->model, error);
  if (!grown) {
    trajectory_free(trajectory);
    return error->code;
  }
  report->trajectories = grown;
  struct report_trajectory *added = &grown[report->trajectory_count++];
  added->trajectory = *trajectory;
  *trajectory = (struct trajectory){0};
  return report_digests(&added->trajectory, &added->digests, error);
}

static void free_manifest(struct report_manifest *m)
{
  free(m->found.lines);
  free(m->failures.lines);
  free(m->notes.lines);
  free(m->compared.lines);
  free(m->not_compared.lines);
  free(m->left_out.lines);
  free(m->read);
  free(m->revisions);
}

void report_free(struct report *report)
{
  for (size_t i = 0; i < report->manifest_count; i++)
    free_manifest(&report->manifests[i]);
  for (size_t i = 0; i < report->trajectory_count; i++) {
    trajectory_free(&report->trajectories[i].trajectory);
    free(report->trajectories[i].digests);
  }
  for (size_t i = 0; i < report->document_count; i++)
    json_decref(report->documents[i]);
  json_decref(report->results);
  head_set_free(&report->chosen);
  rows_free(&report->rows);
  free(report->manifests);
  free(report->trajectories);
  free(report->documents);
  free(report->claims);
  free(report->runs);
  *report = (struct report){0};
}

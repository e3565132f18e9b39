/* Formats of provenance: an in-toto Statement, the metadata of an RO-Crate. */
#include "base/json.h"
#include "report/cases.h"
#include "report/machine.h"

#include <ctype.h>
#include <string.h>

/* {"name", "digest": {"sha256"}}; what has no SHA-256, or was added before, is left out. */
static void add_subject(json_t *list, json_t *seen, const char *name, const char *sha256)
{
  struct text key = {0};
  text_add(&key, "%s %s", sha256, name);
  if (!key.failed && *sha256 && !json_object_get(seen, key.data)) {
    json_put(seen, key.data, json_true());
    json_add(list, json_pack("{s:s, s:{s:s}}", "name", name, "digest", "sha256", sha256));
  }
  text_free(&key);
}

/* "run/<kind>-<model>/<revision>.csv", as the work folder has it. */
static void add_table_name(const struct report_trajectory *t, size_t revision, struct text *name)
{
  name->length = 0;
  text_add(name, "run/%s-%s/%s.csv", trajectory_kind_name(t->trajectory.kind), t->trajectory.model,
           t->trajectory.revisions[revision].name);
}

static json_t *subjects(const struct report *report, struct text *name)
{
  json_t *list = json_array(), *seen = json_object();
  for (size_t i = 0; i < report->document_count; i++)
    add_subject(list, seen, "attest", report->runs[i].binary_sha256);
  for (size_t i = 0; i < report->manifest_count; i++)
    add_subject(list, seen, report->manifests[i].path, report->manifests[i].sha256);
  for (size_t i = 0; i < report->trajectory_count; i++)
    for (size_t r = 0; r < report->trajectories[i].trajectory.count; r++) {
      add_table_name(&report->trajectories[i], r, name);
      if (!name->failed)
        add_subject(list, seen, name->data, report->trajectories[i].digests[r].sha256);
    }
  json_decref(seen);
  return list;
}

/* The manifests say what was tested against what. */
static json_t *configuration(const struct report *report)
{
  json_t *list = json_array(), *seen = json_object();
  for (size_t i = 0; i < report->manifest_count; i++)
    add_subject(list, seen, report->manifests[i].path, report->manifests[i].sha256);
  json_decref(seen);
  return list;
}

static json_t *tests(const struct cases *cases, enum case_outcome outcome, struct text *name)
{
  json_t *list = json_array();
  for (size_t i = 0; i < cases->count; i++) {
    const struct report_case *c = &cases->list[i];
    if (c->outcome != outcome)
      continue;
    name->length = 0;
    text_add(name, "%s: %s", c->suite, c->name);
    json_add(list, name->failed ? NULL : json_string(name->data));
  }
  return list;
}

/* A finding is a warning, as is what was compared with nothing. */
static const char *result(const struct report *report, const struct cases *cases)
{
  if (report_failures(report))
    return "FAILED";
  return cases_count(cases, CASE_FINDING) || strcmp(report_verdict(report), "ALL CHECKS HELD") != 0
             ? "WARNED"
             : "PASSED";
}

static int write(json_t *json, const struct text *name, struct text *out, struct error *error)
{
  int status = name->failed ? error_set(error, EXIT_RUN, "report: out of memory")
                            : json_format("report", json, out, error);
  json_decref(json);
  return status;
}

int machine_in_toto(const struct report *report, struct text *out, struct error *error)
{
  struct cases cases;
  struct text name = {0};
  if (cases_make(report, &cases, error))
    return error->code;
  json_t *predicate = json_pack(
      "{s:s, s:o, s:o, s:o, s:o}", "result", result(report, &cases), "configuration",
      configuration(report), "passedTests", tests(&cases, CASE_PASSED, &name), "warnedTests",
      tests(&cases, CASE_FINDING, &name), "failedTests", tests(&cases, CASE_FAILED, &name));
  json_t *statement =
      json_pack("{s:s, s:o, s:s, s:o}", "_type", "https://in-toto.io/Statement/v1", "subject",
                subjects(report, &name), "predicateType",
                "https://in-toto.io/attestation/test-result/v0.1", "predicate", predicate);
  cases_free(&cases);
  int status = write(statement, &name, out, error);
  text_free(&name);
  return status;
}

/* A path as a relative reference: RFC 3986, section 2.3. */
static void encode(const char *path, struct text *out)
{
  out->length = 0;
  text_add(out, "%s", "");
  for (const unsigned char *p = (const unsigned char *)path; *p; p++)
    text_add(out, isalnum(*p) || strchr("-._~/", *p) ? "%c" : "%%%02X", *p);
}

static json_t *reference(const char *id)
{
  return json_pack("{s:s}", "@id", id);
}

/* What is being built of a crate. */
struct crate {
  json_t *graph, *parts, *inputs;
  struct text name, id;
};

/* A file of the crate. */
static void add_file(struct crate *crate, const char *path, const char *format, const char *sha256)
{
  encode(path, &crate->id);
  if (crate->id.failed)
    return;
  json_t *file = json_pack("{s:s, s:s, s:s, s:s}", "@id", crate->id.data, "@type", "File", "name",
                           path, "encodingFormat", format);
  if (*sha256)
    json_put(file, "sha256", json_string(sha256));
  json_add(crate->graph, file);
  json_add(crate->parts, reference(crate->id.data));
}

/* What was read and is no part of it. */
static void add_input(struct crate *crate, const char *path, const char *sha256,
                      const char *xxh3_128)
{
  crate->id.length = 0;
  text_add(&crate->id, "#input-%zu", json_array_size(crate->inputs) + 1);
  if (crate->id.failed)
    return;
  json_t *input =
      json_pack("{s:s, s:s, s:s}", "@id", crate->id.data, "@type", "CreativeWork", "name", path);
  if (*sha256)
    json_put(input, "sha256", json_string(sha256));
  if (*xxh3_128)
    json_put(input, "identifier", json_sprintf("xxh3-128:%s", xxh3_128));
  json_add(crate->graph, input);
  json_add(crate->inputs, reference(crate->id.data));
}

static void add_all(struct crate *crate, const struct report *report)
{
  add_file(crate, "run.json", "application/json", "");
  for (size_t i = 0; i < report->trajectory_count; i++)
    for (size_t r = 0; r < report->trajectories[i].trajectory.count; r++) {
      add_table_name(&report->trajectories[i], r, &crate->name);
      if (!crate->name.failed)
        add_file(crate, crate->name.data, "text/csv", report->trajectories[i].digests[r].sha256);
    }
  for (size_t i = 0; i < report->manifest_count; i++) {
    const struct report_manifest *m = &report->manifests[i];
    add_input(crate, m->path, m->sha256, m->xxh3_128);
    for (size_t f = 0; f < m->read_count; f++)
      add_input(crate, m->read[f].path, m->read[f].sha256, m->read[f].xxh3_128);
  }
}

static void add_run(struct crate *crate, const struct report *report)
{
  const struct report_run *run = &report->runs[0];
  json_t *program =
      json_pack("{s:s, s:s, s:s, s:s}", "@id", "#attest", "@type", "SoftwareApplication", "name",
                "attest", "softwareVersion", run->version);
  if (*run->binary_sha256)
    json_put(program, "sha256", json_string(run->binary_sha256));
  json_add(crate->graph, program);
  json_add(
      crate->graph,
      json_pack("{s:s, s:s, s:s, s:s, s:o, s:O, s:O, s:o}", "@id", "#run", "@type", "CreateAction",
                "name", *run->command ? run->command : "attest", "description",
                report_verdict(report), "instrument", reference("#attest"), "object", crate->inputs,
                "result", crate->parts, "actionStatus",
                reference(report_failures(report) ? "http://schema.org/FailedActionStatus"
                                                  : "http://schema.org/CompletedActionStatus")));
}

/* The entities that every crate has. */
static void add_root(struct crate *crate, const struct report *report, const char *date)
{
  json_add(crate->graph,
           json_pack("{s:s, s:s, s:o, s:o}", "@id", "ro-crate-metadata.json", "@type",
                     "CreativeWork", "conformsTo", reference("https://w3id.org/ro/crate/1.1"),
                     "about", reference("./")));
  json_add(crate->graph,
           json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:O, s:o}", "@id", "./", "@type", "Dataset",
                     "name", "A run of attest", "description", report_verdict(report),
                     "datePublished", date, "license",
                     "The program is under Apache-2.0; attest says nothing of its results.",
                     "hasPart", crate->parts, "mentions", reference("#run")));
}

/* What a crate cannot do without. */
static int check_crate(const struct report *report, const char *date, struct error *error)
{
  if (!report->manifest_count)
    return error_set(error, EXIT_INPUT,
                     "ro-crate: describes a run, and here is none; name the work folder of attest "
                     "reproduce");
  if (strlen(date) != 10 || strspn(date, "0123456789-") != 10)
    return error_set(
        error, EXIT_INPUT,
        "ro-crate: the run does not say its date as YYYY-MM-DD, which every crate has; "
        "set SOURCE_DATE_EPOCH to it, in seconds since 1970, or run again");
  return 0;
}

int machine_ro_crate(const struct report *report, const char *date, struct text *out,
                     struct error *error)
{
  struct crate crate = {.graph = json_array(), .parts = json_array(), .inputs = json_array()};
  if (!*date && report->document_count)
    date = report->runs[0].date;
  int status = check_crate(report, date, error);
  if (!status) {
    add_root(&crate, report, date);
    add_all(&crate, report);
    add_run(&crate, report);
  }
  json_t *all =
      json_pack("{s:[s,{s:s}], s:O}", "@context", "https://w3id.org/ro/crate/1.1/context", "sha256",
                "https://w3id.org/ro/terms/workflow-run#sha256", "@graph", crate.graph);
  crate.name.failed |= crate.id.failed;
  if (status)
    json_decref(all);
  else
    status = write(all, &crate.name, out, error);
  json_decref(crate.graph);
  json_decref(crate.parts);
  json_decref(crate.inputs);
  text_free(&crate.name);
  text_free(&crate.id);
  return status;
}

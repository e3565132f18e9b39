#include "command/journal_json.h"

#include "base/json.h"
#include "base/text.h"
#include "base/version.h"
#include "study/result_json.h"

#include <string.h>

static json_t *digest_json(const char *digest)
{
  return *digest ? json_string(digest) : json_null();
}

static json_t *read_json(const struct journal_entry *entry)
{
  const struct digest *digest = &entry->file.digest;
  return json_pack("{s:s, s:I, s:o, s:o}", "file", entry->text, "bytes",
                   (json_int_t)entry->file.bytes, "sha256", digest_json(digest->sha256), "xxh3_128",
                   digest_json(digest->xxh3_128));
}

static json_t *revision_json(const struct journal_entry *entry)
{
  return json_pack("{s:s, s:b, s:s}", "revision", entry->text, "resumed", entry->revision.resumed,
                   "xxh3_128", entry->revision.xxh3_128);
}

static json_t *agreement_json(const struct journal_entry *entry)
{
  const struct agreement *a = &entry->agreement;
  return json_pack("{s:s, s:f, s:f, s:f, s:b}", "revision", entry->text, "class_agreement",
                   a->classes, "selectivity_share", a->selectivities, "pr_share", a->prs, "held",
                   a->held);
}

static json_t *verdicts_json(const struct journal_entry *entry)
{
  return json_pack("{s:I, s:I}", "verdicts", (json_int_t)entry->verdicts.count, "different",
                   (json_int_t)entry->verdicts.different);
}

static json_t *text_json(const struct journal_entry *entry)
{
  return json_string(entry->text);
}

/* The arrays of a manifest's object. */
static const struct {
  enum journal_event event;
  const char *key;
  json_t *(*json)(const struct journal_entry *entry);
  bool always; /* also when it is empty */
} lists[] = {
    {JOURNAL_REVISION, "revisions", revision_json, true},
    {JOURNAL_SKIPPED, "left_out", text_json, true},
    {JOURNAL_FOUND, "found", text_json, true},
    {JOURNAL_NOTE, "notes", text_json, true},
    {JOURNAL_FAILURE, "failures", text_json, true},
    {JOURNAL_COMPARED, "compared", text_json, true},
    {JOURNAL_NOT_COMPARED, "not_compared", text_json, true},
    {JOURNAL_READ, "read", read_json, true},
    {JOURNAL_RESULT, "results", result_json, true},
    {JOURNAL_AGREEMENT, "published", agreement_json, false},
    {JOURNAL_VERDICTS, "published", verdicts_json, false},
};

#define LISTS (sizeof lists / sizeof *lists)

/* The array of a key, new if there is none. */
static json_t *array_of(json_t *object, const char *key)
{
  if (!json_object_get(object, key))
    json_put(object, key, json_array());
  return json_object_get(object, key);
}

static void add_entry(json_t *object, const struct journal_entry *entry)
{
  for (size_t i = 0; i < LISTS; i++)
    if (lists[i].event == entry->event)
      json_add(array_of(object, lists[i].key), lists[i].json(entry));
  if (entry->event == JOURNAL_TABLES)
    json_put(object, "tables", json_integer((json_int_t)entry->tables.tables));
  if (entry->event == JOURNAL_FIRST_RUN)
    json_put(object, "first_run", json_boolean(entry->first_run));
}

static json_t *manifest_json(const struct journal *journal, size_t index)
{
  const struct journal_manifest *entry = journal->manifests[index];
  const struct manifest *m = &entry->manifest;
  json_t *object =
      json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "manifest", text_shown(m->path).text,
                "xxh3_128", m->digest, "sha256", m->sha256, "model", m->model, "kind", m->kind,
                "source", m->source, "caveat", m->caveat);
  for (size_t i = 0; i < LISTS; i++)
    if (lists[i].always)
      json_put(object, lists[i].key, json_array());
  for (size_t i = 0; i < journal->count; i++)
    if (journal->entries[i].manifest == index)
      add_entry(object, &journal->entries[i]);
  json_put(object, "unpinned", json_integer((json_int_t)entry->unpinned));
  return object;
}

static int add_claims(const struct claim_list *list, json_t *claims, struct error *error)
{
  json_t *object = claims_json(list, error);
  if (!object)
    return error->code;
  int failed = json_array_extend(claims, json_object_get(object, "claims"));
  json_decref(object);
  return failed ? error_set(error, EXIT_RUN, "claims: out of memory") : 0;
}

json_t *journal_json(const struct journal *journal, const char *isa, struct error *error)
{
  json_t *manifests = json_array(), *claims = json_array();
  size_t unpinned = 0, uncompared = 0;
  int status = 0;
  for (size_t i = 0; i < journal->manifest_count; i++) {
    json_add(manifests, manifest_json(journal, i));
    unpinned += journal->manifests[i]->unpinned;
    uncompared += journal->manifests[i]->uncompared;
  }
  for (size_t i = 0; i < journal->claims_count && !status; i++)
    status = add_claims(&journal->claims[i], claims, error);
  json_t *all = json_pack("{s:s, s:s, s:I, s:I, s:I, s:o, s:o}", "attest", ATTEST_VERSION, "isa",
                          isa, "failures", (json_int_t)journal_count(journal, JOURNAL_FAILURE),
                          "unpinned", (json_int_t)unpinned, "uncompared", (json_int_t)uncompared,
                          "manifests", manifests, "claims", claims);
  if (status) {
    json_decref(all);
    return NULL;
  }
  if (!all)
    error_set(error, EXIT_RUN, "out of memory for the JSON of a run");
  return all;
}

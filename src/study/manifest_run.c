#include "study/manifest_run.h"

#include "base/file.h"
#include "base/text.h"
#include "study/verified.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int run_open_work(struct manifest_run *run, const char *checkpoints, struct error *error)
{
  const struct reproduction *all = run->all;
  if (workdir_open(all->work, run->manifest, checkpoints, all->lock, &run->work, error))
    return error->code;
  if (run->work.replaced)
    journal_say(run->journal, JOURNAL_NOTICE,
                "%s: held an interrupted run of other settings, another version or other "
                "checkpoints; starting over",
                text_shown(run->work.current).text);
  return 0;
}

void run_fail(struct manifest_run *run, const char *line)
{
  journal_say(run->journal, JOURNAL_FAILURE, "%s", line);
}

void run_finding(void *run, const char *line)
{
  run_fail(run, line);
}

void run_note(void *context, const char *line)
{
  struct manifest_run *run = context;
  journal_say(run->journal, JOURNAL_NOTE, "%s", line);
}

void run_compared(struct manifest_run *run, const char *format, ...)
{
  char line[2048];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  run->comparisons++;
  journal_say(run->journal, JOURNAL_COMPARED, "%s", line);
}

void run_check_compared(struct manifest_run *run)
{
  if (run->comparisons || run->all->update_golden)
    return;
  run->entry->uncompared = true;
  if (run->all->allow_uncompared)
    journal_say(run->journal, JOURNAL_FOUND, "NOT COMPARED: nothing was there to compare with");
  else if (run->manifest->content == MANIFEST_CHECKPOINTS)
    run_fail(run, "NOT COMPARED: nothing was there to compare with; name a golden or published "
                  "tables in the manifest, run again to compare with a first run that was kept, "
                  "or use --allow-uncompared");
  else /* of these no first run is kept */
    run_fail(run, "NOT COMPARED: nothing was there to compare with; name a golden in the manifest "
                  "and write it with attest reproduce --update-golden, or use --allow-uncompared");
}

void run_add_findings(struct manifest_run *run, size_t findings, size_t unpinned)
{
  run->contradicted += findings;
  run->unpinned += unpinned;
  run->entry->unpinned += unpinned;
}

static void add_digest(struct manifest_run *run, const char *path, const struct pinned_file *found)
{
  if (found->has_bytes)
    journal_add(run->journal, (struct journal_entry){.event = JOURNAL_READ,
                                                     .text = text_shown(path).text,
                                                     .file = {found->bytes, found->digest}});
}

/* Without memory for a path the journal cannot be complete. */
void run_add_digests(struct manifest_run *run, const char *checkpoints,
                     const struct manifest_revision *revision, const struct pinned_file *found)
{
  struct error error;
  char *directory = manifest_revision_path(run->manifest, revision, checkpoints, &error);
  for (size_t i = 0; i < revision->file_count; i++) {
    char *path = directory ? file_join(directory, revision->files[i].path, &error) : NULL;
    if (path)
      add_digest(run, path, &found[i]);
    run->journal->failed |= !path;
    free(path);
  }
  free(directory);
}

/* Whether the journal has it as read for this manifest. */
static bool was_read(const struct manifest_run *run, const char *file)
{
  for (size_t i = 0; i < run->journal->count; i++) {
    const struct journal_entry *entry = &run->journal->entries[i];
    if (entry->event == JOURNAL_READ && run->journal->manifests[entry->manifest] == run->entry &&
        strcmp(entry->text, file) == 0)
      return true;
  }
  return false;
}

void run_add_read(struct manifest_run *run, const struct parts_manifest *parts)
{
  for (size_t i = 0; i < parts->read_count; i++) {
    const struct parts_read *read = &parts->read[i];
    const struct shown file = text_shown(read->file);
    if (!was_read(run, file.text))
      journal_add(run->journal, (struct journal_entry){.event = JOURNAL_READ,
                                                       .text = file.text,
                                                       .file = {read->bytes, read->digest}});
  }
}

static void add_reference(struct manifest_run *run, const char *path, uint64_t bytes,
                          const char hash[33])
{
  struct journal_entry entry = {.event = JOURNAL_READ, .text = path, .file.bytes = bytes};
  memcpy(entry.file.digest.xxh3_128, hash, sizeof entry.file.digest.xxh3_128);
  journal_add(run->journal, entry);
}

static void add_file(struct manifest_run *run, const struct trajectory_file *file)
{
  char hash[33];
  digest_xxh3(file->bytes.data, file->bytes.size, hash);
  add_reference(run, file->path, file->bytes.size, hash);
}

static void add_files(struct manifest_run *run, const struct trajectory_files *files)
{
  if (files->directory)
    add_file(run, &files->index);
  for (size_t i = 0; i < files->table_count; i++)
    add_file(run, &files->tables[i]);
}

void run_add_references(struct manifest_run *run)
{
  const struct tensor_list *tensors = references_list(&run->references);
  if (tensors)
    add_reference(run, tensors->path, tensors->bytes, tensors->digest);
  add_files(run, &run->references.golden);
  add_files(run, &run->references.published);
  if (run->references.ablations.path)
    add_file(run, &run->references.ablations);
}

static void add_result(struct manifest_run *run, const struct manifest_result *result)
{
  const struct manifest *m = run->manifest;
  run_add_findings(run, result->findings, result->unpinned);
  if (m->has_container)
    add_digest(run, m->checkpoints, &result->container);
  for (size_t i = 0; i < result->revision_count; i++)
    if (result->found[i])
      run_add_digests(run, run->all->checkpoints, &m->revisions[i], result->found[i]);
}

int run_verify(struct manifest_run *run,
               void (*files)(void *run, size_t revision, struct fileset *files),
               struct error *error)
{
  struct manifest_result result;
  struct text tensors = {0};
  const struct manifest_check check = {.manifest = run->manifest,
                                       .checkpoints = run->all->checkpoints,
                                       .tensors = references_list(&run->references),
                                       .allow_unpinned = true,
                                       .quiet = run->all->runtime->quiet,
                                       .finding = run_finding,
                                       .note = run_note,
                                       .files = files,
                                       .context = run};
  int status = manifest_verify(&check, &result, error);
  add_result(run, &result);
  if (!status)
    verified_add_tensors(&tensors, &check, &result);
  if (tensors.length) /* "; " stands between it and what it follows elsewhere */
    journal_say(run->journal, JOURNAL_FOUND, "%s", tensors.data + 2);
  text_free(&tensors);
  manifest_result_free(&result);
  return status;
}

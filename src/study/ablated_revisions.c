#include "study/ablated_revisions.h"

#include "base/file.h"
#include "base/text.h"
#include "study/ablating.h"
#include "study/ablations_told.h"
#include "study/obtain.h"

#include <stdlib.h>
#include <string.h>

/* One revision on its way to its rows of the table. */
struct work_of {
  const struct manifest_run *run;
  const struct manifest_revision *revision;
  struct text rows; /* CSV without a header */
};

static int out_of_memory(const struct work_of *work, struct error *error)
{
  return error_set(error, EXIT_RUN, "%s: out of memory", work->revision->name);
}

/* The rows of a table without the line of its columns. */
static int format(struct work_of *work, const struct ablations *ablations, struct error *error)
{
  struct text all = {0};
  struct table table = {.columns = ablations_columns, .column_count = ABLATIONS_COLUMNS};
  ablations_rows(ablations, work->revision->name, &table);
  table_separated(&table, ',', "", &all);
  if (!all.failed && !table.failed)
    text_add(&work->rows, "%s", strchr(all.data, '\n') + 1);
  bool failed = all.failed || table.failed || work->rows.failed;
  table_free(&table);
  text_free(&all);
  return failed ? out_of_memory(work, error) : 0;
}

static int make(void *context, const char *checkpoint, const struct work_watch *watch,
                struct error *error)
{
  struct work_of *work = context;
  const struct manifest *m = work->run->manifest;
  const struct trajectory *screened = work->run->trajectories;
  const struct selection selection = {.circuits = m->ablation.circuits,
                                      .circuit_count = m->ablation.circuit_count,
                                      .screened = &screened->revisions[screened->count - 1],
                                      .controls = {.wanted = {[CONTROL_MATCHED_RANDOM] = true,
                                                              [CONTROL_ANY_LAYER] = true,
                                                              [CONTROL_UPPER_BOUND] = true},
                                                   .seeds = m->ablation.seeds,
                                                   .seed_count = m->ablation.seed_count}};
  const struct ablating ablating = {.protocol = m->protocol,
                                    .selection = &selection,
                                    .partial = watch->partial,
                                    .may_save = watch->may_save,
                                    .go_on = watch->go_on,
                                    .context = watch->context};
  struct ablations ablations;
  if (ablating_run(checkpoint, &ablating, work->run->all->runtime, &ablations, error))
    return error->code;
  int status = format(work, &ablations, error);
  ablations_free(&ablations);
  return status;
}

#define MOST_BYTES ((size_t)64 << 20) /* of the rows of a revision */

static int load(void *context, const char *path, struct error *error)
{
  struct work_of *work = context;
  struct blob blob;
  if (file_read(path, MOST_BYTES, &blob, error))
    return error->code;
  text_add(&work->rows, "%.*s", (int)blob.size, (const char *)blob.data);
  blob_free(&blob);
  return work->rows.failed ? out_of_memory(work, error) : 0;
}

static int store(void *context, const char *path, struct error *error)
{
  const struct work_of *work = context;
  return file_write(path, work->rows.data, work->rows.length, error);
}

static void discard(void *context)
{
  struct work_of *work = context;
  text_free(&work->rows);
}

/* The screen has put them into the journal. */
static void ignore_digests(void *run, const char *checkpoints,
                           const struct manifest_revision *revision,
                           const struct pinned_file *found)
{
  (void)run;
  (void)checkpoints;
  (void)revision;
  (void)found;
}

/* As it has the files that are unpinned. */
static void ignore_note(void *run, const char *line)
{
  (void)run;
  (void)line;
}

/* Adds the rows of a revision to the table; the last ones are told. */
static int add_revision(struct manifest_run *run, size_t index, struct text *table,
                        struct error *error)
{
  const struct manifest *m = run->manifest;
  struct work_of context = {.run = run, .revision = &m->revisions[index]};
  const struct work work = {".ablations.csv", make, load, store, discard, &context};
  const struct obtaining obtaining = {.manifest = m,
                                      .tensors = references_list(&run->references),
                                      .checkpoints = run->all->checkpoints,
                                      .runtime = run->all->runtime,
                                      .dir = &run->work,
                                      .work = &work,
                                      .verified = m->has_container,
                                      .keep = !run->contradicted && !run->unpinned,
                                      .finding = run_finding,
                                      .note = ignore_note,
                                      .digests = ignore_digests,
                                      .context = run};
  struct obtained obtained;
  int status = obtain_revision(&obtaining, context.revision, &obtained, error);
  if (!status && obtained.skipped)
    status = error_set(error, EXIT_INPUT, "%s: revision %s has changed since it was screened",
                       m->path, context.revision->name);
  if (!status && index + 1 == m->revision_count)
    status = ablations_tell(run->journal, context.rows.data, error);
  if (context.rows.data)
    text_add(table, "%s", context.rows.data);
  text_free(&context.rows);
  return status;
}

static void add_columns(struct text *table)
{
  for (size_t i = 0; i < ABLATIONS_COLUMNS; i++)
    text_add(table, "%s%s", i ? "," : "", ablations_columns[i].key);
  text_add(table, "\n");
}

static int write_golden(struct manifest_run *run, const struct text *table, struct error *error)
{
  char *path = file_join(run->manifest->golden, ABLATIONS_FILE, error);
  if (!path)
    return error->code;
  journal_say(run->journal, JOURNAL_NOT_COMPARED, "ablations: the golden %s was written", path);
  int status = file_write(path, table->data, table->length, error);
  free(path);
  return status;
}

static void compare(struct manifest_run *run, const struct text *table)
{
  const struct trajectory_file *golden = &run->references.ablations;
  char where[512];
  struct error line;
  bool differ = text_differs(where, sizeof where, golden->bytes.data, golden->bytes.size,
                             table->data, table->length);
  if (differ) {
    error_set(&line, EXIT_CHECK, "golden %.300s: %s; " TRAJECTORY_REMEDY, golden->path, where);
    run_fail(run, line.text);
  } else {
    journal_say(run->journal, JOURNAL_FOUND, "ablations equal to the golden %s to the bit",
                golden->path);
  }
  run_compared(run, "ablations of %zu revisions with the golden %s, bytes%s",
               run->manifest->revision_count, golden->path, differ ? ": they differ" : "");
}

static int finish(struct manifest_run *run, const struct text *table, struct error *error)
{
  const struct journal_result result = {.name = "ablations", .title = "Ablated circuits"};
  if (table->failed)
    return error_set(error, EXIT_RUN, "%s: out of memory", run->manifest->path);
  journal_add(run->journal, (struct journal_entry){
                                .event = JOURNAL_RESULT, .text = table->data, .result = result});
  if (run->all->update_golden && run->manifest->golden)
    return write_golden(run, table, error);
  if (run->manifest->golden)
    compare(run, table);
  else
    journal_say(run->journal, JOURNAL_NOT_COMPARED, "ablations: the manifest names no golden");
  return 0;
}

int ablated_revisions(struct manifest_run *run, struct error *error)
{
  const struct manifest *m = run->manifest;
  struct text table = {0};
  if (!m->ablation.circuit_count)
    return 0;
  if (run->all->stream) {
    journal_say(run->journal, JOURNAL_NOT_COMPARED,
                "ablations: a revision is deleted before the last one has chosen the circuits");
    return 0;
  }
  add_columns(&table);
  int status = 0;
  for (size_t i = 0; i < m->revision_count && !status; i++)
    status = add_revision(run, i, &table, error);
  if (!status)
    status = finish(run, &table, error);
  if (!status && *m->ablation.caveat)
    journal_say(run->journal, JOURNAL_FOUND, "of ablations: %s", m->ablation.caveat);
  text_free(&table);
  return status;
}

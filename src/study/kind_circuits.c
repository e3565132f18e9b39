/* Circuits: every revision of a manifest is a checkpoint, whose circuits are found on the same
 * tasks; together they are a course. */
#include "base/digest.h"
#include "base/memory.h"
#include "base/progress.h"
#include "claims/verdicts.h"
#include "study/circuits.h"
#include "study/course_files.h"
#include "study/course_results.h"
#include "study/course_tasks.h"
#include "study/kind.h"
#include "study/outputs.h"
#include "study/run_obtain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Hours of work must not end at a golden that leads nowhere, or lacks what an older attest did not
 * write. */
static int check_golden(const struct manifest_run *run, struct error *error)
{
  static const char *const names[] = {CIRCUIT_COURSE_INDEX, CIRCUIT_COURSE_COMPONENTS,
                                      VERDICTS_COMPONENTS_FILE};
  const struct manifest *m = run->manifest;
  if (run->all->update_golden || !m->golden)
    return 0;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char *path = file_join(m->golden, names[i], error);
    if (path && !file_exists(path))
      error_set(error, EXIT_INPUT,
                "%s: missing, though %s names its folder as golden; write it with attest "
                "reproduce --update-golden",
                path, m->path);
    free(path);
    if (error->code)
      return error->code;
  }
  return references_check_verdicts(m, error);
}

/* Nor may a file of the course take the place of what it is found on or compared with, or of
 * another output. `golden`: it is what --update-golden writes. */
static int spare_file(const struct manifest_run *run, const char *path, bool golden,
                      struct error *error)
{
  const struct manifest *m = run->manifest;
  const struct reproduction *all = run->all;
  const struct output file = {.option = golden ? "--update-golden" : "--out", .path = path};
  const struct output others[] = {{.option = "--json", .path = all->json},
                                  {.option = "--report", .path = all->report}};
  if (outputs_spare_read(&file, 1, error) || outputs_spare(others, 2, path, error))
    return error->code;
  return golden ? 0 : outputs_spare_manifest(&file, 1, m, all->checkpoints, error);
}

static int spare_name(const struct manifest_run *run, const char *name, struct error *error)
{
  const char *out = run->all->course_out, *golden = run->manifest->golden;
  char *ours = out ? file_join(out, name, error) : NULL;
  char *theirs = golden ? file_join(golden, name, error) : NULL;
  int status = (out && !ours) || (golden && !theirs) ? error->code : 0;
  if (!status && theirs)
    status = spare_file(run, theirs, true, error);
  if (!status && ours)
    status = spare_file(run, ours, false, error);
  if (!status && ours && theirs) {
    const struct output file = {.option = "--out", .path = ours};
    status = outputs_spare(&file, 1, theirs, error);
  }
  free(ours);
  free(theirs);
  return status;
}

static int check_outputs(const struct manifest_run *run, struct error *error)
{
  const char *out = run->all->course_out;
  char name[300];
  if ((out && file_check_directory(out, error)) ||
      spare_name(run, CIRCUIT_COURSE_COMPONENTS, error))
    return error->code;
  for (size_t t = 0; t < run->tasks.count; t++) {
    snprintf(name, sizeof name, "%s.csv", run->tasks.list[t].name);
    if (spare_name(run, name, error))
      return error->code;
  }
  return spare_name(run, CIRCUIT_COURSE_INDEX, error);
}

static int check(struct manifest_run *run, struct error *error)
{
  const struct manifest *m = run->manifest;
  struct circuit_request request;
  if (course_request(m, &request, error) || course_tasks_read(m, &run->tasks, error) ||
      course_tasks_check_pairs(m, &run->tasks, error) || check_outputs(run, error) ||
      check_golden(run, error))
    return error->code;
  if (!run->tasks.unpinned || run->all->allow_unpinned) {
    run_add_findings(run, 0, run->tasks.unpinned);
    return 0;
  }
  return error_set(error, EXIT_INPUT,
                   "%s: UNPINNED: %s; put the SHA-256 into the manifest, or use "
                   "--allow-unpinned",
                   m->path, text_counted(run->tasks.unpinned, "task file").text);
}

static int make_tasks(struct manifest_run *run, struct error *error)
{
  struct circuit_course *course = &run->course;
  size_t count = run->tasks.count;
  course->tasks = memory_zeroed(count, sizeof *course->tasks, run->manifest->path, error);
  for (size_t t = 0; course->tasks && t < count; t++) {
    const struct task *task = &run->tasks.list[t];
    course->tasks[t] = (struct course_task){.name = strdup(task->name), .metric = task->metric};
    memcpy(course->tasks[t].sha256, task->sha256, sizeof task->sha256);
    course->task_count = t + 1;
    if (!course->tasks[t].name)
      return error_set(error, EXIT_RUN, "%s: out of memory", run->manifest->path);
  }
  return course->tasks ? 0 : error->code;
}

static int make_course(struct manifest_run *run, struct error *error)
{
  const struct manifest *m = run->manifest;
  run->course = (struct circuit_course){.model = m->model,
                                        .source = m->source,
                                        .caveat = m->caveat,
                                        .method = m->circuits.method,
                                        .choose = m->circuits.choose,
                                        .threshold = m->circuits.threshold};
  if (trajectory_kind_parse(m->kind, &run->course.kind))
    return error_set(error, EXIT_INPUT, "%s: kind \"%s\" is unknown", m->path, m->kind);
  run->course.revisions =
      memory_zeroed(m->revision_count, sizeof *run->course.revisions, m->path, error);
  return run->course.revisions ? make_tasks(run, error) : error->code;
}

static int begin(struct manifest_run *run, struct error *error)
{
  const struct manifest *m = run->manifest;
  const struct reproduction *all = run->all;
  if ((m->has_container && run_verify(run, NULL, error)) || make_course(run, error))
    return error->code;
  return run_open_work(run, all->checkpoints, error);
}

/* A revision on its way to its circuits. */
struct circuit_work {
  struct manifest_run *run;
  struct found *found; /* [task_count] */
};

/* While it is worked on. */
struct making {
  const struct manifest_run *run;
  const struct work_watch *watch;
};

static bool go_on(void *context)
{
  const struct making *making = context;
  return making->watch->go_on(making->watch->context);
}

/* The manifest's "n" is a circuit of this model. */
static int check_size(void *context, const struct circuits_begun *begun, struct error *error)
{
  const struct making *making = context;
  const struct manifest *m = making->run->manifest;
  if (m->circuits.n <= begun->graph->edges)
    return 0;
  return error_set(error, EXIT_INPUT,
                   "%s: circuits: \"n\" is %llu, but the graph of %s has %s; give at most as "
                   "many",
                   m->path, (unsigned long long)m->circuits.n, m->model,
                   text_counted(begun->graph->edges, "edge").text);
}

static int make(void *context, const char *checkpoint, const struct work_watch *watch,
                struct error *error)
{
  const struct circuit_work *work = context;
  const struct manifest_run *run = work->run;
  struct circuits_task tasks[100]; /* as many as a manifest can have */
  const char *slash = watch->partial ? strrchr(watch->partial, '/') : NULL;
  struct making making = {run, watch};
  struct circuits_study study = {.tasks = tasks,
                                 .task_count = run->tasks.count,
                                 .directory = slash ? run->work.current : NULL,
                                 .name = slash ? slash + 1 : NULL,
                                 .begin = check_size,
                                 .go_on = watch->go_on ? go_on : NULL,
                                 .context = &making};
  for (size_t t = 0; t < run->tasks.count; t++)
    tasks[t] = (struct circuits_task){run->manifest->circuits.tasks[t].path, &run->tasks.list[t],
                                      (size_t)run->manifest->circuits.pairs};
  if (course_request(run->manifest, &study.request, error))
    return error->code;
  return circuits_run(checkpoint, &study, run->all->runtime, work->found, error);
}

static void discard(void *context)
{
  const struct circuit_work *work = context;
  for (size_t t = 0; t < work->run->tasks.count; t++)
    found_free(&work->found[t]);
}

static int load(void *context, const char *path, struct error *error)
{
  const struct circuit_work *work = context;
  struct blob blob;
  size_t at = 0;
  if (file_map(path, &blob, error))
    return error->code;
  for (size_t t = 0; t < work->run->tasks.count && !error->code; t++)
    (void)found_read(path, &blob, &at, &work->found[t], error);
  blob_free(&blob);
  if (error->code)
    discard(context);
  return error->code;
}

static int store(void *context, const char *path, struct error *error)
{
  const struct circuit_work *work = context;
  struct file_writer writer;
  if (file_writer_open(path, &writer, error))
    return error->code;
  for (size_t t = 0; t < work->run->tasks.count && !error->code; t++)
    (void)found_write(&work->found[t], &writer, error);
  if (!error->code && !file_writer_finish(&writer, error))
    file_writer_publish(&writer, error);
  file_writer_close(&writer);
  return error->code;
}

static int find(struct manifest_run *run, const struct manifest_revision *m, struct found *found,
                struct obtained *obtained, struct error *error)
{
  struct circuit_work context = {run, found};
  char suffix[64];
  snprintf(suffix, sizeof suffix, ".%s.found", run->tasks.digest);
  const struct work work = {suffix, make, load, store, discard, &context};
  return run_obtain(run, m, &work, false, obtained, error);
}

/* Circuits of another graph cannot be compared. */
static int check_graph(struct manifest_run *run, const struct manifest_revision *m,
                       const struct found *found, struct error *error)
{
  const struct graph *first = &run->course.graph, *here = &found->graph;
  if (!run->course.revision_count)
    run->course.graph = *here;
  else if (first->layers != here->layers || first->heads != here->heads ||
           first->edges != here->edges)
    return error_set(error, EXIT_INPUT,
                     "%s: revision %s has a graph of %zu edges, the first one of %zu; a manifest "
                     "describes one model",
                     run->manifest->path, m->name, here->edges, first->edges);
  return 0;
}

/* The XXH3-128 of the digests of its scores, one task after the other. */
static void digest_revision(const struct manifest_run *run, const struct found *found, char hex[33])
{
  struct text all = {0};
  for (size_t t = 0; t < run->tasks.count; t++) {
    char one[33];
    found_digest(&found[t], one);
    text_add(&all, "%s\n", one);
  }
  if (all.data)
    digest_xxh3(all.data, all.length, hex);
  text_free(&all);
}

static int add_revision(struct manifest_run *run, const struct manifest_revision *m,
                        struct found *found, char hex[33], struct error *error)
{
  struct course_revision *revision = &run->course.revisions[run->course.revision_count];
  if (check_graph(run, m, found, error))
    return error->code;
  run->course.revision_count++;
  *revision = (struct course_revision){m->name, m->step, m->tokens, found};
  digest_revision(run, found, hex);
  return 0;
}

static int obtain(struct manifest_run *run, size_t index, struct error *error)
{
  const struct manifest_revision *m = &run->manifest->revisions[index];
  struct journal_entry entry = {.event = JOURNAL_REVISION, .text = m->name};
  struct obtained obtained;
  double start = progress_clock();
  struct found *found = memory_zeroed(run->tasks.count, sizeof *found, m->name, error);
  if (!found || find(run, m, found, &obtained, error) || obtained.skipped ||
      add_revision(run, m, found, entry.revision.xxh3_128, error)) {
    for (size_t t = 0; found && t < run->tasks.count; t++)
      found_free(&found[t]);
    free(found);
  }
  if (error->code)
    return error->code;
  if (obtained.skipped)
    entry.event = JOURNAL_SKIPPED;
  run->skipped += obtained.skipped;
  entry.revision.resumed = obtained.resumed;
  entry.revision.seconds = progress_clock() - start;
  journal_add(run->journal, entry);
  return 0;
}

/* What adds up in every run, said once: the worst of all. */
static void say_completeness(struct manifest_run *run)
{
  double worst = 0, change = 0;
  bool holds = true;
  for (size_t r = 0; r < run->course.revision_count; r++)
    for (size_t t = 0; t < run->tasks.count; t++) {
      const struct completeness *c = &run->course.revisions[r].found[t].completeness;
      double off =
          c->input_edges > c->change ? c->input_edges - c->change : c->change - c->input_edges;
      holds = holds && c->holds;
      if (off >= worst) {
        worst = off;
        change = c->change;
      }
    }
  journal_say(run->journal, JOURNAL_FOUND,
              holds ? "completeness: scores of the edges that leave the input add up to the change "
                      "of the metric but for %.3g of %.3g at most, the error of %s"
                    : "completeness does not hold for experts, whose choice is a jump that "
                      "gradients do not see: off by %.3g of %.3g at most, %s",
              worst, change, run->manifest->circuits.method);
}

static int compare_files(struct manifest_run *run, const struct course_files *files,
                         struct error *error)
{
  const char *golden = run->manifest->golden;
  char difference[1024];
  bool differ;
  if (course_files_compare(golden, files, &differ, difference, error))
    return error->code;
  if (differ) {
    struct error line;
    error_set(&line, EXIT_CHECK, "golden %.800s; " TRAJECTORY_REMEDY, difference);
    run_fail(run, line.text);
  } else {
    journal_say(run->journal, JOURNAL_FOUND, "equal to the golden circuits %s to the bit", golden);
  }
  run_compared(run, "circuits of %s on %s with the golden %s, bytes%s",
               text_counted(run->course.revision_count, "revision").text,
               text_counted(run->tasks.count, "task").text, golden, differ ? ": they differ" : "");
  return 0;
}

/* For a report to draw. */
static int add_results(struct manifest_run *run, const struct course_files *files,
                       struct error *error)
{
  size_t count = run->tasks.count;
  struct course_table *tables = memory_zeroed(count, sizeof *tables, run->manifest->path, error);
  for (size_t t = 0; tables && t < count; t++) {
    const char *path = run->manifest->circuits.tasks[t].path, *slash = strrchr(path, '/');
    tables[t] = (struct course_table){run->tasks.list[t].name, slash ? slash + 1 : path,
                                      files->list[t].text.data};
  }
  if (tables)
    course_results(run->journal, tables, count);
  free(tables);
  return error->code;
}

static int compare_complete(struct manifest_run *run, struct error *error)
{
  const struct manifest *m = run->manifest;
  struct course_files files;
  int status = course_files_make(&run->course, &files, error);
  if (!status)
    status = add_results(run, &files, error);
  if (!status && run->all->course_out)
    status = course_files_write(run->all->course_out, &files, error);
  if (!status && m->golden && run->all->update_golden) {
    journal_say(run->journal, JOURNAL_NOT_COMPARED, "circuits: the golden %s was written",
                m->golden);
    status = course_files_write(m->golden, &files, error);
  } else if (!status && m->golden) {
    status = compare_files(run, &files, error);
  } else if (!status) {
    journal_say(run->journal, JOURNAL_NOT_COMPARED, "circuits: the manifest names no golden");
  }
  course_files_free(&files);
  return status ? status : workdir_finish(&run->work, error);
}

static int compare(struct manifest_run *run, struct error *error)
{
  const struct manifest *m = run->manifest;
  if (!m->has_container)
    journal_say(run->journal, JOURNAL_NOT_COMPARED,
                "tensors of different revisions: attest verify does that");
  if (run->skipped) {
    journal_say(run->journal, JOURNAL_NOT_COMPARED,
                "%zu of %zu revisions, whose files failed verification; circuits, claims",
                run->skipped, m->revision_count);
    return 0;
  }
  say_completeness(run);
  return compare_complete(run, error);
}

const struct study_kind kind_circuits = {
    .name = "circuits",
    .content = MANIFEST_CIRCUITS,
    .streams = true,
    .check = check,
    .begin = begin,
    .obtain = obtain,
    .compare = compare,
};

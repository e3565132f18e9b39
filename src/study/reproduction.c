#include "study/reproduction.h"

#include "base/digest.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/progress.h"
#include "manifest/manifest_verify.h"
#include "study/forecast.h"
#include "study/obtain.h"
#include "study/pass.h"
#include "study/prerequisites.h"
#include "study/verified.h"

#include <stdlib.h>
#include <string.h>

static void fail_line(void *context, const char *line)
{
  pass_fail(context, line);
}

static void note_line(void *context, const char *line)
{
  struct pass *pass = context;
  pass_say(pass, "  %s\n", line);
  json_add(json_object_get(pass->json, "notes"), json_string(line));
}

static void add_findings(struct pass *pass, size_t findings, size_t unpinned)
{
  pass->contradicted += findings;
  pass->unpinned += unpinned;
  pass->all->unpinned += unpinned;
}

static int verify(struct pass *pass, struct error *error)
{
  struct manifest_result result;
  struct text tensors = {0};
  const struct manifest_check check = {.manifest = &pass->manifest,
                                       .checkpoints = pass->all->checkpoints,
                                       .allow_unpinned = true,
                                       .quiet = pass->all->runtime->quiet,
                                       .finding = fail_line,
                                       .note = note_line,
                                       .context = pass};
  int status = manifest_verify(&check, &result, error);
  add_findings(pass, result.findings, result.unpinned);
  verified_add_tensors(&tensors, &check, &result);
  if (tensors.length) /* "; " stands between it and what it follows elsewhere */
    pass_say(pass, "  %s\n", tensors.data + 2);
  text_free(&tensors);
  manifest_result_free(&result);
  return status;
}

static int load_tables(struct pass *pass, struct error *error)
{
  const struct manifest *m = &pass->manifest;
  size_t tables = 0;
  for (size_t i = 0; i < m->revision_count; i++) {
    char *path = manifest_revision_path(m, &m->revisions[i], pass->all->checkpoints, error);
    int status = path ? trajectory_load(path, &pass->trajectories[i], error) : error->code;
    free(path);
    if (status)
      return status;
    pass->count++;
    tables += pass->trajectories[i].count;
  }
  pass_say(pass, "  %zu published tables of %zu models loaded\n", tables, pass->count);
  json_put(pass->json, "tables", json_integer((json_int_t)tables));
  return 0;
}

/* A finished revision of an interrupted run, or a fresh screen. */
static int obtain(struct pass *pass, const struct manifest_revision *m, struct revision *revision,
                  struct obtained *obtained, struct error *error)
{
  const struct manifest *manifest = &pass->manifest;
  const struct obtaining obtaining = {.manifest = manifest,
                                      .checkpoints = pass->all->checkpoints,
                                      .runtime = pass->all->runtime,
                                      .work = &pass->work,
                                      .stream = pass->all->stream,
                                      .verified = manifest->has_container,
                                      .keep = !manifest->has_container ||
                                              (!pass->contradicted && !pass->unpinned),
                                      .finding = fail_line,
                                      .note = note_line,
                                      .context = pass};
  int status = obtain_revision(&obtaining, m, revision, obtained, error);
  add_findings(pass, obtained->findings, obtained->unpinned);
  return status;
}

static void leave_out(struct pass *pass, const struct manifest_revision *m, double seconds)
{
  pass->left_out++;
  pass_say(pass,
           "  %-12s left out after %.1f s: its files do not hold; correct them and run again\n",
           m->name, seconds);
  json_add(json_object_get(pass->json, "left_out"), json_string(m->name));
}

/* Claims look at the same head in several revisions. */
static int check_shape(const struct pass *pass, const struct revision *revision,
                       struct error *error)
{
  const struct revision *first = &pass->trajectories->revisions[0];
  if (revision->n_layers == first->n_layers && revision->n_heads == first->n_heads)
    return 0;
  return error_set(
      error, EXIT_INPUT,
      "%s: revision %s has %d layers of %d heads, revision %s has %d of %d; a manifest "
      "describes one model",
      pass->manifest.path, revision->name, revision->n_layers, revision->n_heads, first->name,
      first->n_layers, first->n_heads);
}

static int screen_revision(struct pass *pass, size_t index, struct error *error)
{
  const struct manifest_revision *m = &pass->manifest.revisions[index];
  struct trajectory *trajectory = pass->trajectories;
  struct revision *revision = &trajectory->revisions[trajectory->count];
  struct obtained obtained;
  size_t length;
  char hash[33];
  double start = progress_clock();
  if (obtain(pass, m, revision, &obtained, error))
    return error->code;
  if (obtained.left_out) {
    leave_out(pass, m, progress_clock() - start);
    return 0;
  }
  trajectory->count++;
  free(revision->name);
  revision->name = strdup(m->name);
  revision->step = m->step;
  revision->tokens = m->tokens;
  char *csv = revision->name ? trajectory_format_csv(revision, &length, error) : NULL;
  if (!csv)
    return error_set(error, EXIT_RUN, "%s: out of memory", m->name);
  if (check_shape(pass, revision, error)) {
    free(csv);
    return error->code;
  }
  digest_xxh3(csv, length, hash);
  free(csv);
  pass_say(pass, "  %-12s %s in %.1f s, trajectory hash %s\n", m->name,
           obtained.resumed ? "resumed " : "screened", progress_clock() - start, hash);
  json_add(json_object_get(pass->json, "revisions"),
           json_pack("{s:s, s:b, s:s}", "revision", m->name, "resumed", obtained.resumed,
                     "xxh3_128", hash));
  return 0;
}

static int screen(struct pass *pass, struct error *error)
{
  const struct manifest *m = &pass->manifest;
  struct trajectory *trajectory = pass->trajectories;
  pass->count = 1;
  trajectory->model = strdup(m->model);
  trajectory->source = strdup(m->source);
  trajectory->caveat = strdup(m->caveat);
  trajectory->revisions = calloc(m->revision_count, sizeof *trajectory->revisions);
  if (!trajectory->model || !trajectory->source || !trajectory->caveat || !trajectory->revisions)
    return error_set(error, EXIT_RUN, "%s: out of memory", m->path);
  if (trajectory_kind_parse(m->kind, &trajectory->kind))
    return error_set(error, EXIT_INPUT, "%s: kind \"%s\" is unknown", m->path, m->kind);
  if (workdir_open(pass->all->work, m, pass->all->checkpoints, &pass->all->lock, &pass->work,
                   error))
    return error->code;
  forecast_screens(m, pass->all->checkpoints, pass->all->runtime);
  for (size_t i = 0; i < m->revision_count; i++) {
    if (screen_revision(pass, i, error))
      return error->code;
    if (interrupt_requested() && i + 1 < m->revision_count)
      return error_set(error, EXIT_RUN, "interrupted after %s; run the same command again to go on",
                       m->revisions[i].name);
  }
  return 0;
}

static int check_update(const struct pass *pass, struct error *error)
{
  if (!pass->all->update_golden || (!pass->contradicted && !pass->unpinned))
    return 0;
  return error_set(error, EXIT_INPUT,
                   "%s: golden files not written: %zu checks of its files failed, %zu files are "
                   "unpinned; see them with attest verify",
                   pass->manifest.path, pass->contradicted, pass->unpinned);
}

/* Hours of work must not end in figures that count for nothing. */
static bool refuse_unpinned(struct pass *pass)
{
  const struct manifest *m = &pass->manifest;
  bool refused = false;
  if (pass->all->allow_unpinned)
    return false;
  if (m->has_container && !pinned_file_pinned(&m->container)) {
    pass_fail(pass, "the archive is UNPINNED; pin it with attest pin, or use --allow-unpinned");
    add_findings(pass, 0, 1);
    refused = true;
  }
  for (size_t i = 0; i < m->revision_count; i++) {
    struct error line;
    size_t unpinned = manifest_unpinned(&m->revisions[i]);
    if (!unpinned)
      continue;
    error_set(&line, EXIT_CHECK,
              "revision \"%s\" is UNPINNED: %zu of %zu files; pin them with attest pin, or use "
              "--allow-unpinned",
              m->revisions[i].name, unpinned, m->revisions[i].file_count);
    pass_fail(pass, line.text);
    add_findings(pass, 0, unpinned);
    refused = true;
  }
  return refused;
}

static void say_verified(struct pass *pass)
{
  const struct manifest *m = &pass->manifest;
  size_t by_sha256 =
      m->has_container && pinned_file_pinned(&m->container) && !pinned_file_complete(&m->container);
  for (size_t i = 0; i < m->revision_count; i++)
    by_sha256 += manifest_by_sha256(&m->revisions[i]);
  if (pass->unpinned)
    pass_say(pass, "  UNPINNED: %zu files; nobody vouches for what was read\n", pass->unpinned);
  else if (!pass->contradicted && by_sha256)
    pass_say(pass,
             "  all files have their pinned SHA-256; %zu are not pinned by size or XXH3-128\n",
             by_sha256);
  else if (!pass->contradicted)
    pass_say(pass, "  all files have their pinned size, SHA-256 and XXH3-128\n");
}

static int start(struct pass *pass, struct error *error)
{
  const struct manifest *m = &pass->manifest;
  pass->trajectories = calloc(m->revision_count, sizeof *pass->trajectories);
  pass->json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:[], s:[], s:[], s:[], s:[], s:[]}",
                         "manifest", text_shown(m->path).text, "model", m->model, "kind", m->kind,
                         "source", m->source, "caveat", m->caveat, "revisions", "left_out", "notes",
                         "failures", "compared", "not_compared");
  if (!pass->trajectories || !pass->json)
    return error_set(error, EXIT_RUN, "%s: out of memory", m->path);
  pass_say(pass, "\n== %s (%s): %s\n   %s\n", m->model, m->kind, m->source,
           *m->caveat ? m->caveat : "(no caveat is stated)");
  return 0;
}

static int run(struct pass *pass, struct error *error)
{
  const struct manifest *m = &pass->manifest;
  if (start(pass, error))
    return error->code;
  if (refuse_unpinned(pass))
    return 0;
  if (prerequisites_check(m, !pass->all->update_golden, pass->all->checkpoints, pass->all->json,
                          error))
    return error->code;
  /* Checkpoints in a directory are verified one revision at a time, beside each screen. */
  if ((pass_is_tables(pass) || m->has_container) && verify(pass, error))
    return error->code;
  if ((pass_is_tables(pass) ? load_tables(pass, error) : screen(pass, error)) ||
      check_update(pass, error))
    return error->code;
  say_verified(pass);
  if (!pass_is_tables(pass) && !m->has_container)
    pass_not_compared(pass, "tensors of different revisions: attest verify does that");
  if (pass_compare(pass, error) || (!pass->left_out && pass_evaluate(pass, error)))
    return error->code;
  if (!pass->left_out)
    pass_check_compared(pass);
  return 0;
}

static int check_options(const struct reproduction *all, const struct manifest *manifest,
                         struct error *error)
{
  if (all->update_golden && !manifest->golden)
    return error_set(error, EXIT_INPUT, "--update-golden: %s names no golden", manifest->path);
  if (all->stream && (!manifest->repository || manifest->has_container ||
                      strcmp(manifest->kind, "published") == 0))
    return error_set(error, EXIT_INPUT, "--stream: %s names no repository to fetch from",
                     manifest->path);
  return 0;
}

int reproduction_run(struct reproduction *reproduction, const char *manifest_path,
                     struct error *error)
{
  struct pass pass = {.all = reproduction};
  if (manifest_load(manifest_path, &pass.manifest, error))
    return error->code;
  int status = check_options(reproduction, &pass.manifest, error) ? error->code : run(&pass, error);
  if (pass.json) {
    json_put(pass.json, "unpinned", json_integer((json_int_t)pass.unpinned));
    json_add(reproduction->manifests, pass.json);
  }
  if (!status)
    pass_summarise(&pass);
  for (size_t i = 0; pass.trajectories && i < pass.manifest.revision_count; i++)
    trajectory_free(&pass.trajectories[i]);
  free(pass.trajectories);
  text_free(&pass.compared);
  text_free(&pass.not_compared);
  workdir_close(&pass.work);
  manifest_free(&pass.manifest);
  return status;
}

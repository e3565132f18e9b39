#include "study/obtain.h"

#include "base/file.h"
#include "base/file_use.h"
#include "base/text.h"
#include "fetch/part.h"
#include "study/screening.h"
#include "study/verification.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One revision, step by step. */
struct way {
  const struct obtaining *o;
  const struct manifest_revision *which;
  char *stream;                      /* where it is fetched to; NULL = it is not */
  struct text key;                   /* names what is kept of it */
  struct verification *verification; /* beside the screen; NULL = none */
};

static const char *checkpoints(const struct way *way)
{
  return way->stream ? way->stream : way->o->checkpoints;
}

static struct manifest_check check_of(const struct way *way)
{
  return (struct manifest_check){.manifest = way->o->manifest,
                                 .checkpoints = checkpoints(way),
                                 .only = way->which,
                                 .allow_unpinned = true,
                                 .quiet = way->o->runtime->quiet,
                                 .finding = way->o->finding,
                                 .note = way->o->note,
                                 .context = way->o->context};
}

/* What is wrong in the stream's own folder is nobody's: it is fetched anew. */
static int fetch(struct way *way, struct error *error)
{
  if (!way->stream)
    return 0;
  struct fetch_options options = *way->o->stream;
  options.replace = true;
  options.notices = way->o->runtime->notices;
  return fetch_revision(way->o->manifest, way->which, way->stream, &options, error);
}

/* Nothing but their digests ties figures to files without pins. */
static int identify_unpinned(struct way *way, struct obtained *obtained, struct error *error)
{
  const struct manifest_check check = check_of(way);
  struct manifest_result result;
  struct text digests = {0};
  char hash[33] = "";
  size_t index = (size_t)(way->which - way->o->manifest->revisions);
  int status = manifest_verify(&check, &result, error);
  obtained->findings = result.findings;
  obtained->unpinned = result.unpinned;
  for (size_t i = 0; !status && i < way->which->file_count; i++)
    text_add(&digests, "%s\n", result.found[index][i].digest.sha256);
  if (digests.data)
    digest_xxh3(digests.data, digests.length, hash);
  text_add(&way->key, "%s.%s", way->which->name, hash);
  if (!status && (digests.failed || way->key.failed))
    status = error_set(error, EXIT_RUN, "%s: out of memory", way->which->name);
  text_free(&digests);
  manifest_result_free(&result);
  return status;
}

/* Everything that has to be known before it can be looked for among what is kept. */
static int identify(struct way *way, struct obtained *obtained, struct error *error)
{
  if (manifest_unpinned(way->which) && !way->o->verified)
    return fetch(way, error) ? error->code : identify_unpinned(way, obtained, error);
  text_add(&way->key, "%s", way->which->name);
  return way->key.failed ? error_set(error, EXIT_RUN, "%s: out of memory", way->which->name) : 0;
}

/* Chunks of files that may yet turn out wrong are not kept. */
static bool may_keep(void *context, bool wait)
{
  struct way *way = context;
  return !way->verification || verification_look(way->verification, wait) == VERIFICATION_HELD;
}

/* Nobody needs the figures of wrong files. */
static bool go_on(void *context)
{
  struct way *way = context;
  return !way->verification || verification_look(way->verification, false) != VERIFICATION_FAILED;
}

static int begin_verification(struct way *way, struct error *error)
{
  const struct manifest_check check = check_of(way);
  if (manifest_unpinned(way->which) || way->o->verified)
    return 0;
  return fetch(way, error) ? error->code : verification_start(&check, &way->verification, error);
}

static int end_verification(struct way *way, struct obtained *obtained, struct error *error)
{
  struct verification *verification = way->verification;
  way->verification = NULL;
  return verification
             ? verification_finish(verification, &obtained->findings, &obtained->unpinned, error)
             : 0;
}

static int screen(struct way *way, struct revision *revision, struct error *error)
{
  char *partial = workdir_partial(way->o->work, way->key.data, error);
  char *path = partial
                   ? manifest_revision_path(way->o->manifest, way->which, checkpoints(way), error)
                   : NULL;
  const struct screening screening = {.protocol = way->o->manifest->protocol,
                                      .partial = way->o->keep ? partial : NULL,
                                      .may_save = may_keep,
                                      .go_on = go_on,
                                      .context = way};
  int status =
      path ? screening_run(path, &screening, way->o->runtime, revision, error) : error->code;
  free(path);
  free(partial);
  return status;
}

/* Wrong files explain whatever else went wrong, but for what has nothing to do with files. */
static int screen_and_verify(struct way *way, struct revision *revision, struct obtained *obtained,
                             struct error *error)
{
  struct error verifying = {0}, changed;
  if (begin_verification(way, error))
    return error->code;
  int status = screen(way, revision, error);
  bool failed = end_verification(way, obtained, &verifying) != 0;
  if (file_use_check(&changed)) {
    failed = true;
    verifying = changed;
  }
  if (!failed && !obtained->findings)
    return status;
  if (!status)
    trajectory_revision_free(revision);
  if (failed)
    *error = verifying;
  else if (status != EXIT_RUN)
    *error = (struct error){0};
  return error->code;
}

/* Its chunks are needed no longer once the whole is safe. */
static int keep(const struct way *way, struct revision *revision, struct error *error)
{
  if (!way->o->keep)
    return 0;
  char *partial = workdir_partial(way->o->work, way->key.data, error);
  int status = partial ? workdir_store(way->o->work, way->key.data, revision, error) : error->code;
  if (!status)
    unlink(partial);
  else
    trajectory_revision_free(revision);
  free(partial);
  return status;
}

static int remove_files(const struct way *way, const char *directory, struct error *error)
{
  int status = 0;
  for (size_t i = 0; i < way->which->file_count && !status; i++) {
    char *path = file_join(directory, way->which->files[i].path, error);
    if (!path)
      return error->code;
    part_remove(path);
    status = file_use_replace(path, error);
    if (!status && unlink(path) != 0 && errno != ENOENT && errno != ENOTDIR)
      status = error_set(error, EXIT_RUN, "%s: cannot be removed: %s", path, error_reason(errno));
    free(path);
  }
  return status;
}

/* Shortens the path, at most to this length, as long as what it leads to is empty or not there. */
static int remove_empty(char *directory, size_t shortest, struct error *error)
{
  for (size_t length = strlen(directory); length >= shortest; length = strlen(directory)) {
    if (rmdir(directory) != 0 && errno != ENOENT && errno != ENOTDIR)
      return errno == ENOTEMPTY || errno == EEXIST
                 ? 0
                 : error_set(error, EXIT_RUN, "%s: cannot be removed: %s", directory,
                             error_reason(errno));
    while (length && directory[length - 1] != '/')
      length--;
    directory[length ? length - 1 : 0] = 0;
  }
  return 0;
}

/* The files of the revision go, and then every directory up to the stream's that is empty: another
 * revision may lie beside or below, half fetched by a run that failed. */
static int clear(const struct way *way, struct error *error)
{
  if (!way->stream)
    return 0;
  char *directory = manifest_revision_path(way->o->manifest, way->which, way->stream, error);
  int status = directory ? remove_files(way, directory, error) : error->code;
  if (!status)
    status = remove_empty(directory, strlen(way->stream), error);
  free(directory);
  return status;
}

/* What is not as pinned gets no figures and so cannot come back, unseen, as a resumed revision. */
static int compute(struct way *way, struct revision *revision, struct obtained *obtained,
                   struct error *error)
{
  if (!obtained->findings && screen_and_verify(way, revision, obtained, error))
    return error->code;
  obtained->left_out = obtained->findings > 0;
  return obtained->left_out ? 0 : keep(way, revision, error);
}

static int go(struct way *way, struct revision *revision, struct obtained *obtained,
              struct error *error)
{
  if (identify(way, obtained, error) ||
      (!obtained->findings &&
       workdir_load(way->o->work, way->key.data, revision, &obtained->resumed, error)))
    return error->code;
  if (!obtained->resumed && compute(way, revision, obtained, error))
    return error->code;
  if (clear(way, error) && !obtained->left_out)
    trajectory_revision_free(revision);
  return error->code;
}

int obtain_revision(const struct obtaining *obtaining, const struct manifest_revision *which,
                    struct revision *revision, struct obtained *obtained, struct error *error)
{
  struct way way = {.o = obtaining, .which = which};
  *obtained = (struct obtained){0};
  if (obtaining->stream) {
    way.stream = file_join(obtaining->work->root, "stream", error);
    if (!way.stream)
      return error->code;
  }
  int status = go(&way, revision, obtained, error);
  free(way.stream);
  text_free(&way.key);
  return status;
}

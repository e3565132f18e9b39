#include "study/obtain.h"

#include "base/file.h"
#include "base/file_use.h"
#include "base/text.h"
#include "fetch/part.h"
#include "study/verification.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One revision, on its way through the steps below. */
struct steps {
  const struct obtaining *o;
  const struct manifest_revision *which;
  char *stream;                      /* where it is fetched to; NULL = it is not */
  struct text key;                   /* names what is kept of it */
  struct verification *verification; /* beside the work; NULL = none */
};

static const char *checkpoints(const struct steps *s)
{
  return s->stream ? s->stream : s->o->checkpoints;
}

static struct manifest_check check_of(const struct steps *s)
{
  return (struct manifest_check){.manifest = s->o->manifest,
                                 .checkpoints = checkpoints(s),
                                 .tensors = s->o->tensors,
                                 .only = s->which,
                                 .allow_unpinned = true,
                                 .quiet = s->o->runtime->quiet,
                                 .finding = s->o->finding,
                                 .note = s->o->note,
                                 .context = s->o->context};
}

/* Faults in the stream's own folder are not findings: what is wrong there is fetched again. */
static int fetch(struct steps *s, struct error *error)
{
  if (!s->stream)
    return 0;
  struct fetch_options options = *s->o->stream;
  options.replace = true;
  options.notices = s->o->runtime->notices;
  return fetch_revision(s->o->manifest, s->which, s->stream, &options, error);
}

/* Nothing but their digests ties figures to files without pins. */
static int identify_unpinned(struct steps *s, struct obtained *obtained, struct error *error)
{
  const struct manifest_check check = check_of(s);
  struct manifest_result result;
  struct text digests = {0};
  char hash[33] = "";
  size_t index = (size_t)(s->which - s->o->manifest->revisions);
  int status = manifest_verify(&check, &result, error);
  obtained->findings = result.findings;
  obtained->unpinned = result.unpinned;
  if (!status)
    s->o->digests(s->o->context, checkpoints(s), s->which, result.found[index]);
  for (size_t i = 0; !status && i < s->which->file_count; i++)
    text_add(&digests, "%s\n", result.found[index][i].digest.sha256);
  if (digests.data)
    digest_xxh3(digests.data, digests.length, hash);
  text_add(&s->key, "%s.%s", s->which->name, hash);
  if (!status && (digests.failed || s->key.failed))
    status = error_set(error, EXIT_RUN, "%s: out of memory", s->which->name);
  text_free(&digests);
  manifest_result_free(&result);
  return status;
}

/* Everything that has to be known before it can be looked for among what is kept. */
static int identify(struct steps *s, struct obtained *obtained, struct error *error)
{
  if (manifest_unpinned(s->which) && !s->o->verified)
    return fetch(s, error) ? error->code : identify_unpinned(s, obtained, error);
  text_add(&s->key, "%s", s->which->name);
  return s->key.failed ? error_set(error, EXIT_RUN, "%s: out of memory", s->which->name) : 0;
}

/* Chunks of files that may yet turn out wrong are not kept. */
static bool may_keep(void *context, bool wait)
{
  struct steps *s = context;
  return !s->verification || verification_look(s->verification, wait) == VERIFICATION_HELD;
}

/* Nobody needs the figures of wrong files. */
static bool go_on(void *context)
{
  struct steps *s = context;
  return !s->verification || verification_look(s->verification, false) != VERIFICATION_FAILED;
}

static int begin_verification(struct steps *s, struct error *error)
{
  const struct manifest_check check = check_of(s);
  if (manifest_unpinned(s->which) || s->o->verified)
    return 0;
  return fetch(s, error) ? error->code : verification_start(&check, &s->verification, error);
}

static int end_verification(struct steps *s, struct obtained *obtained, struct error *error)
{
  struct verification *verification = s->verification;
  struct manifest_result result;
  s->verification = NULL;
  if (!verification)
    return 0;
  int status = verification_finish(verification, &result, error);
  obtained->findings = result.findings;
  obtained->unpinned = result.unpinned;
  if (!status)
    s->o->digests(s->o->context, checkpoints(s), s->which,
                  result.found[s->which - s->o->manifest->revisions]);
  manifest_result_free(&result);
  return status;
}

static char *partial_path(const struct steps *s, struct error *error)
{
  return workdir_path(s->o->dir, s->key.data, ".partial", error);
}

static char *result_path(const struct steps *s, struct error *error)
{
  return workdir_path(s->o->dir, s->key.data, s->o->work->suffix, error);
}

static int make(struct steps *s, struct error *error)
{
  const struct work *work = s->o->work;
  char *partial = partial_path(s, error);
  char *path =
      partial ? manifest_revision_path(s->o->manifest, s->which, checkpoints(s), error) : NULL;
  const struct work_watch watch = {s->o->keep ? partial : NULL, may_keep, go_on, s};
  int status = path ? work->make(work->context, path, &watch, error) : error->code;
  free(path);
  free(partial);
  return status;
}

static void discard(const struct steps *s)
{
  s->o->work->discard(s->o->work->context);
}

/* Wrong files explain whatever else went wrong, but for what has nothing to do with files. */
static int make_and_verify(struct steps *s, struct obtained *obtained, struct error *error)
{
  struct error verifying = {0}, changed;
  if (begin_verification(s, error))
    return error->code;
  int status = make(s, error);
  bool failed = end_verification(s, obtained, &verifying) != 0;
  if (file_use_check(&changed)) {
    failed = true;
    verifying = changed;
  }
  if (!failed && !obtained->findings)
    return status;
  if (!status)
    discard(s);
  if (failed)
    *error = verifying;
  else if (status != EXIT_RUN)
    *error = (struct error){0};
  return error->code;
}

/* Its pieces are needed no longer once the whole is safe. */
static int keep(const struct steps *s, struct error *error)
{
  const struct work *work = s->o->work;
  if (!s->o->keep)
    return 0;
  char *partial = partial_path(s, error), *path = partial ? result_path(s, error) : NULL;
  int status = path ? work->store(work->context, path, error) : error->code;
  if (!status)
    unlink(partial);
  else
    discard(s);
  free(partial);
  free(path);
  return status;
}

/* A finished revision of an earlier run, if there is one. */
static int resume(const struct steps *s, bool *found, struct error *error)
{
  const struct work *work = s->o->work;
  char *path = result_path(s, error);
  if (!path)
    return error->code;
  *found = file_exists(path);
  int status = *found ? work->load(work->context, path, error) : 0;
  free(path);
  return status;
}

static int remove_files(const struct steps *s, const char *directory, struct error *error)
{
  int status = 0;
  for (size_t i = 0; i < s->which->file_count && !status; i++) {
    char *path = file_join(directory, s->which->files[i].path, error);
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
static int clear(const struct steps *s, struct error *error)
{
  if (!s->stream)
    return 0;
  char *directory = manifest_revision_path(s->o->manifest, s->which, s->stream, error);
  int status = directory ? remove_files(s, directory, error) : error->code;
  if (!status)
    status = remove_empty(directory, strlen(s->stream), error);
  free(directory);
  return status;
}

/* What is not as pinned gets no result and so cannot come back, unseen, as a resumed revision. */
static int compute(struct steps *s, struct obtained *obtained, struct error *error)
{
  if (!obtained->findings && make_and_verify(s, obtained, error))
    return error->code;
  obtained->skipped = obtained->findings > 0;
  return obtained->skipped ? 0 : keep(s, error);
}

static int go(struct steps *s, struct obtained *obtained, struct error *error)
{
  if (identify(s, obtained, error) || (!obtained->findings && resume(s, &obtained->resumed, error)))
    return error->code;
  if (!obtained->resumed && compute(s, obtained, error))
    return error->code;
  if (clear(s, error) && !obtained->skipped)
    discard(s);
  return error->code;
}

int obtain_revision(const struct obtaining *obtaining, const struct manifest_revision *which,
                    struct obtained *obtained, struct error *error)
{
  struct steps s = {.o = obtaining, .which = which};
  *obtained = (struct obtained){0};
  if (obtaining->stream) {
    s.stream = file_join(obtaining->dir->root, "stream", error);
    if (!s.stream)
      return error->code;
  }
  int status = go(&s, obtained, error);
  free(s.stream);
  text_free(&s.key);
  return status;
}

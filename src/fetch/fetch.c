#define _GNU_SOURCE
#include "fetch/fetch.h"

#include "base/file.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "base/progress.h"
#include "base/text.h"
#include "base/threads.h"
#include "fetch/download.h"
#include "fetch/http.h"
#include "fetch/part.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MOST_PARALLEL 8

/* What the threads share. */
struct fetching {
  const struct manifest *manifest;
  const struct fetch_options *options;
  const char *to; /* NULL = sizes only */
  struct fetch_result *results;
  size_t count, next;
  bool dead; /* the network failed one file for good: the others are not tried */
  int64_t bytes;
  struct progress progress;
  pthread_mutex_t mutex; /* over next, dead, bytes, progress, options->notice */
};

static int by_place(const void *a, const void *b)
{
  const struct fetch_result *x = a, *y = b;
  int order = strcmp(x->revision->directory, y->revision->directory);
  return order ? order : strcmp(x->file->path, y->file->path);
}

/* Two files of one place would replace each other for ever. Sorts the list. */
static int check_places(const struct manifest *manifest, struct fetch_result *all, size_t count,
                        struct error *error)
{
  qsort(all, count, sizeof *all, by_place);
  for (size_t i = 1; i < count; i++)
    if (by_place(&all[i - 1], &all[i]) == 0)
      return error_set(error, EXIT_INPUT,
                       "%s: revisions %s and %s have the same directory \"%s\" for file %s; give "
                       "each its own",
                       manifest->path, all[i - 1].revision->name, all[i].revision->name,
                       all[i].revision->directory, all[i].file->path);
  return 0;
}

static size_t list_files(const struct manifest *manifest, const struct manifest_revision *only,
                         struct fetch_result *results)
{
  size_t count = 0;
  for (size_t i = 0; i < manifest->revision_count; i++) {
    const struct manifest_revision *revision = &manifest->revisions[i];
    for (size_t j = 0; j < revision->file_count && (!only || only == revision); j++) {
      const struct pinned_file *file = &revision->files[j];
      results[count++] = (struct fetch_result){
          .revision = revision, .file = file, .has_bytes = file->has_bytes, .bytes = file->bytes};
    }
  }
  return count;
}

static int check_names(const struct manifest *manifest, const struct fetch_result *results,
                       size_t count, struct error *error)
{
  for (size_t i = 0; i < count; i++)
    if (part_is_reserved(results[i].file->path))
      return error_set(error, EXIT_INPUT,
                       "%s: revision %s: file %s: names ending in .part or .part.json are reserved "
                       "for unfinished downloads",
                       manifest->path, results[i].revision->name, results[i].file->path);
  return 0;
}

int fetch_list(const struct manifest *manifest, const struct manifest_revision *only,
               struct fetch_result **results, size_t *count, struct error *error)
{
  size_t total = 0;
  if (!manifest->repository)
    return error_set(error, EXIT_INPUT,
                     "%s: there is nothing to fetch, the manifest names no \"repository\"",
                     manifest->path);
  for (size_t i = 0; i < manifest->revision_count; i++)
    total += manifest->revisions[i].file_count;
  *results = memory_zeroed(total, sizeof **results, manifest->path, error);
  if (!*results)
    return error->code;
  total = list_files(manifest, NULL, *results);
  if (check_names(manifest, *results, total, error) ||
      check_places(manifest, *results, total, error)) {
    free(*results);
    return error->code;
  }
  *count = list_files(manifest, only, *results);
  return 0;
}

/* Where a file of a revision goes; free(). */
static char *place(const char *to, const struct manifest_revision *revision, const char *name,
                   struct error *error)
{
  char *directory = file_join(to, revision->directory, error);
  char *path = directory && *name ? file_join(directory, name, error) : NULL;
  if (!*name)
    return directory;
  free(directory);
  return path;
}

static void count_bytes(void *context, int64_t change)
{
  struct fetching *fetching = context;
  pthread_mutex_lock(&fetching->mutex);
  fetching->bytes += change;
  if ((double)fetching->bytes > fetching->progress.total) /* sizes that are not pinned */
    fetching->progress.total = (double)fetching->bytes;
  progress_update(&fetching->progress, (double)fetching->bytes);
  pthread_mutex_unlock(&fetching->mutex);
}

/* The bar is cleared away first; the next progress draws it again. */
static void pass_notice(void *context, const char *line)
{
  struct fetching *fetching = context;
  const struct notices *notices = &fetching->options->notices;
  if (!notices->line || fetching->options->quiet)
    return;
  pthread_mutex_lock(&fetching->mutex);
  progress_end(&fetching->progress);
  notices->line(notices->context, line);
  pthread_mutex_unlock(&fetching->mutex);
}

static struct fetch_result *take_next(struct fetching *fetching)
{
  struct fetch_result *result = NULL;
  pthread_mutex_lock(&fetching->mutex);
  if (fetching->next < fetching->count && !fetching->dead && !interrupt_requested())
    result = &fetching->results[fetching->next++];
  pthread_mutex_unlock(&fetching->mutex);
  return result;
}

static void fetch_one(struct fetching *fetching, struct http *http, struct fetch_result *result)
{
  const struct manifest_revision *revision = result->revision;
  struct error *error = &result->error;
  char *url = http_address(fetching->options->base, fetching->manifest->repository, revision->name,
                           result->file->path, error);
  char *final = fetching->to ? place(fetching->to, revision, result->file->path, error) : NULL;
  const struct download download = {.options = fetching->options,
                                    .http = http,
                                    .url = url,
                                    .final = final,
                                    .progress = count_bytes,
                                    .notice = pass_notice,
                                    .context = fetching};
  if (!url || (fetching->to && !final))
    result->state = FETCH_FAILED;
  else if (fetching->to)
    download_file(&download, result);
  else if (!result->has_bytes)
    download_size(&download, result);
  free(url);
  free(final);
}

static void *work(void *context)
{
  struct fetching *fetching = context;
  struct http *http;
  struct error error = {0};
  struct fetch_result *result;
  bool opened = http_open(fetching->options->stall_seconds, &http, &error) == 0;
  while ((result = take_next(fetching))) {
    if (opened) {
      fetch_one(fetching, http, result);
    } else {
      result->state = FETCH_FAILED;
      result->error = error;
    }
    if (result->state == FETCH_FAILED && result->error.code == EXIT_RUN) {
      pthread_mutex_lock(&fetching->mutex);
      fetching->dead = true;
      pthread_mutex_unlock(&fetching->mutex);
    }
  }
  if (opened)
    http_close(http);
  return NULL;
}

/* The caller's thread works too, so that a system without more threads still fetches. */
static void work_in_parallel(struct fetching *fetching)
{
  pthread_t threads[MOST_PARALLEL];
  size_t started = 0, wanted = (size_t)fetching->options->parallel;
  while (started + 1 < wanted && started + 1 < fetching->count && started + 1 < MOST_PARALLEL &&
         threads_begin(&threads[started], work, fetching) == 0)
    started++;
  work(fetching);
  for (size_t i = 0; i < started; i++)
    pthread_join(threads[i], NULL);
}

static int run(struct fetching *fetching, double total, struct error *error)
{
  if (http_check_base(fetching->options->base, error) || http_initialise(error))
    return error->code;
  pthread_mutex_init(&fetching->mutex, NULL);
  progress_start(&fetching->progress, "fetch", total, fetching->options->quiet);
  work_in_parallel(fetching);
  progress_end(&fetching->progress);
  pthread_mutex_destroy(&fetching->mutex);
  return 0;
}

int fetch_sizes(const struct manifest *manifest, const struct fetch_options *options,
                struct fetch_result *results, size_t count, struct error *error)
{
  struct fetching fetching = {
      .manifest = manifest, .options = options, .results = results, .count = count};
  bool known = true;
  for (size_t i = 0; i < count; i++)
    known = known && results[i].has_bytes;
  return known ? http_check_base(options->base, error) : run(&fetching, 0, error);
}

/* Pinned bytes that are on the disk neither under their name nor in a part. */
static uint64_t missing_bytes(const char *final, const struct pinned_file *file)
{
  struct stat info;
  uint64_t part = part_size(final);
  if (!file->has_bytes || lstat(final, &info) == 0)
    return 0;
  return file->bytes > part ? file->bytes - part : 0;
}

static int check_room(const char *to, uint64_t need, struct error *error)
{
  char needed[32], room[32];
  uint64_t free_bytes;
  if (!file_free_bytes(to, &free_bytes) || need <= free_bytes)
    return 0;
  return error_set(error, EXIT_RUN, "%s: needs %s more, but only %s are free on this disk", to,
                   text_bytes(needed, sizeof needed, need),
                   text_bytes(room, sizeof room, free_bytes));
}

/* Makes the directories; *total: pinned bytes. */
static int prepare(const char *to, const struct fetch_result *results, size_t count, double *total,
                   struct error *error)
{
  uint64_t need = 0;
  *total = 0;
  for (size_t i = 0; i < count; i++) {
    const struct fetch_result *result = &results[i];
    bool first = i == 0 || results[i - 1].revision != result->revision;
    char *directory = first ? place(to, result->revision, "", error) : NULL;
    int status = !first ? 0 : directory ? file_make_directory(directory, error) : error->code;
    free(directory);
    char *final = status ? NULL : place(to, result->revision, result->file->path, error);
    if (!final)
      return error->code;
    if (__builtin_add_overflow(need, missing_bytes(final, result->file), &need))
      need = UINT64_MAX;
    free(final);
    *total += result->file->has_bytes ? (double)result->file->bytes : 0;
  }
  return check_room(to, need, error);
}

int fetch_files(const struct manifest *manifest, const char *to,
                const struct fetch_options *options, struct fetch_result *results, size_t count,
                struct error *error)
{
  struct fetching fetching = {
      .manifest = manifest, .options = options, .to = to, .results = results, .count = count};
  double total;
  if (http_check_base(options->base, error) || prepare(to, results, count, &total, error))
    return error->code;
  return run(&fetching, total, error);
}

int fetch_revision(const struct manifest *manifest, const struct manifest_revision *revision,
                   const char *to, const struct fetch_options *options, struct error *error)
{
  struct fetch_result *results;
  size_t count;
  if (fetch_list(manifest, revision, &results, &count, error))
    return error->code;
  int status = fetch_files(manifest, to, options, results, count, error);
  for (size_t i = 0; i < count && !status; i++)
    if (results[i].state == FETCH_FAILED) {
      *error = results[i].error;
      status = error->code;
    }
  for (size_t i = 0; i < count && !status; i++)
    if (results[i].state == FETCH_LEFT)
      status = error_set(error, EXIT_RUN,
                         "%s: fetching %s stopped; run the same command again to resume",
                         manifest->path, revision->name);
  free(results);
  return status;
}

/* Fetching the files that a manifest pins from a hub: each is written beside its place, checked
 * against its pins, and only then gets its name. */
#ifndef ATTEST_FETCH_FETCH_H
#define ATTEST_FETCH_FETCH_H

#include "base/error.h"
#include "base/notice.h"
#include "manifest/manifest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FETCH_BASE "https://huggingface.co"

struct fetch_options {
  const char *base;       /* address of the hub */
  uint64_t retries;       /* in a row, of one file, that bring nothing */
  uint64_t retry_wait;    /* milliseconds before the first; doubles up to a minute */
  uint64_t stall_seconds; /* without 1 KiB/s: the connection is broken */
  uint64_t parallel;      /* files at a time, 1 .. 8 */
  bool replace;           /* wrong files under final names are fetched again */
  bool quiet;             /* no progress and no notices */

  /* Of what failed and is tried again. Called by one thread at a time, never while a progress bar
   * is on the line. */
  struct notices notices;
};

#define FETCH_DEFAULTS                                                                             \
  ((struct fetch_options){                                                                         \
      .base = FETCH_BASE, .retries = 5, .retry_wait = 1000, .stall_seconds = 60, .parallel = 2})

enum fetch_state {
  FETCH_LEFT,    /* not tried, or not finished: an interrupt, or another file met a dead network */
  FETCH_THERE,   /* was there and is right */
  FETCH_FETCHED, /* came now and is right */
  FETCH_FAILED   /* error */
};

struct fetch_result {
  const struct manifest_revision *revision;
  const struct pinned_file *file;
  enum fetch_state state;
  bool has_bytes;
  uint64_t bytes;       /* THERE, FETCHED; of fetch_sizes: if has_bytes */
  struct digest digest; /* THERE, FETCHED */
  struct error error;   /* FAILED: EXIT_CHECK, EXIT_INPUT (not on the server) or EXIT_RUN */
};

/* A list of all files of one revision (or of all: NULL), all LEFT. Owner: the caller, free().
 * Errors: EXIT_INPUT (no repository, a name that parts of files use, two files of one place; all
 * revisions are looked at), EXIT_RUN. */
int fetch_list(const struct manifest *manifest, const struct manifest_revision *only,
               struct fetch_result **results, size_t *count, struct error *error);

/* Sizes by the pins, otherwise asked of the server. Errors are in the results. */
int fetch_sizes(const struct manifest *manifest, const struct fetch_options *options,
                struct fetch_result *results, size_t count, struct error *error);

/* Fetches into `to`/<directory of the revision>/<path>. Returns 0 also when files failed: see the
 * results. Errors (EXIT_INPUT, EXIT_RUN) mean that nothing was begun: no room, no directory. */
int fetch_files(const struct manifest *manifest, const char *to,
                const struct fetch_options *options, struct fetch_result *results, size_t count,
                struct error *error);

/* One revision, whole and right, or an error: EXIT_CHECK, EXIT_INPUT, EXIT_RUN. */
int fetch_revision(const struct manifest *manifest, const struct manifest_revision *revision,
                   const char *to, const struct fetch_options *options, struct error *error);

#endif

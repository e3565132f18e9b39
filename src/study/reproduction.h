/* Reproduction of one manifest: verify, screen or load, compare, evaluate the claims. */
#ifndef ATTEST_STUDY_REPRODUCTION_H
#define ATTEST_STUDY_REPRODUCTION_H

#include "base/lock.h"
#include "base/text.h"
#include "claims/claims.h"
#include "fetch/fetch.h"
#include "pass/runtime.h"

#include <jansson.h>

struct reproduction {
  const struct runtime *runtime;
  const char *checkpoints; /* given on the command line; NULL = where the manifest says */
  const char *json;        /* is written at the end; NULL = none */
  const char *work;        /* for finished revisions */
  struct lock lock;        /* on it, from the first model on; lock_release */
  const struct fetch_options *stream; /* fetch each revision, screen it, delete it; NULL = no */
  bool update_golden, allow_unpinned, allow_uncompared;
  json_t *manifests, *claims;   /* arrays that grow, manifest by manifest */
  size_t failures;              /* checks that failed so far */
  size_t unpinned;              /* files without a pin so far */
  size_t uncompared;            /* manifests that nothing was compared with so far */
  struct text summary;          /* what was compared, and what was not; owned by the caller */
  bool every;                   /* print every reading of every figure */
  struct claim_list *evaluated; /* a list a manifest whose claims were evaluated; owned with the
                                   trajectories they are about: reproduction_free */
  size_t evaluated_count;
};

/* Errors: EXIT_INPUT, EXIT_RUN. Failed checks are counted, not errors. */
int reproduction_run(struct reproduction *reproduction, const char *manifest_path,
                     struct error *error);

/* Releases what the runs left for the summary. */
void reproduction_free(struct reproduction *reproduction);

#endif

/* A file while it is transferred: what an answer of the server means for it. */
#ifndef ATTEST_FETCH_TRANSFER_H
#define ATTEST_FETCH_TRANSFER_H

#include "fetch/download.h"
#include "fetch/part.h"

/* How an attempt ended. */
enum attempt { DONE, AGAIN, AGAIN_FROM_SCRATCH, GIVEN_UP, INTERRUPTED };

struct transfer {
  const struct download *download;
  const struct pinned_file *file;
  struct part part;
  bool accepted;          /* the answer at hand is the file we want */
  enum attempt verdict;   /* of an answer that was stopped */
  uint64_t limit;         /* bytes the whole file has */
  uint64_t longest, wait; /* most bytes so far; seconds the server asked for */
  struct error *error;
};

/* Whether a digest is pinned. */
bool transfer_has_pin(const struct pinned_file *file);

/* Without a pinned digest: whether the first bytes that are on the disk can be the file's. Errors:
 * EXIT_CHECK, EXIT_RUN. */
int transfer_check_kind(const struct transfer *transfer, struct error *error);

/* Tells the progress that bytes came or went. */
void transfer_move(const struct transfer *transfer, int64_t change);

/* Decides, before the first byte of the body of an answer 200 or 206, whether it is the file's; a
 * 200 starts the part over. DONE = it is; otherwise `verdict` and `error` are set. */
enum attempt transfer_accept(struct transfer *transfer, const struct http_answer *answer);

/* An http_body, with a struct transfer as context: writes what is accepted, never more than the
 * file has. */
int transfer_take(void *context, const struct http_answer *answer, const void *data, size_t size);

#endif

/* A file on its way: `<path>.part` holds the bytes so far, `<path>.part.json` what they are part
 * of. Both survive an interruption and kill -9. On opening, the bytes that are there are hashed
 * again; a lock keeps a second process away. */
#ifndef ATTEST_FETCH_PART_H
#define ATTEST_FETCH_PART_H

#include "base/digest.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The version of the file, as the server names it. */
struct part_version {
  bool has_bytes;
  uint64_t bytes;
  char etag[256];  /* strong, with quotes; "" = none */
  char sha256[65]; /* "" = none */
};

struct part {
  char *final, *path, *about; /* owned */
  int fd;
  uint64_t size; /* bytes in the file, all of them hashed */
  struct digester *digester;
  struct part_version version;
};

/* Whether a file of this name would be mistaken for a part. */
bool part_is_reserved(const char *path);

/* Size of the part of `final`, 0 when there is none. */
uint64_t part_size(const char *final);

/* Removes what a kill between the last rename and the last unlink left. */
void part_remove(const char *final);

/* Makes or opens the part of `final`. Owner: the caller, part_close, also after an error. Errors:
 * EXIT_RUN. An interrupt leaves error->code EXIT_RUN as well. */
int part_open(const char *final, struct part *part, struct error *error);

/* Starts over, from a file of this version. Errors: EXIT_RUN. */
int part_restart(struct part *part, const struct part_version *version, struct error *error);

int part_add(struct part *part, const void *data, size_t size, struct error *error);

/* The digests of all bytes; nothing can be added afterwards. */
int part_finish(struct part *part, struct digest *digest, struct error *error);

/* On the disk and under its final name. Errors: EXIT_RUN. */
int part_publish(struct part *part, struct error *error);

void part_close(struct part *part); /* what is on the disk stays */

/* Digests of a file on disk, read piece by piece: stops at an interrupt. Errors: EXIT_RUN. */
int part_digest_file(const char *path, uint64_t *size, struct digest *digest, struct error *error);

#endif

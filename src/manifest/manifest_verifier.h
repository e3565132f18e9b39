/* The inside of manifest_verify, shared by its files. */
#ifndef ATTEST_MANIFEST_MANIFEST_VERIFIER_H
#define ATTEST_MANIFEST_MANIFEST_VERIFIER_H

#include "checkpoint/values.h"
#include "manifest/manifest_verify.h"
#include "manifest/tensor_list.h"

struct revision_pair {
  size_t before, after;
};

struct verifier {
  const struct manifest_check *check;
  struct manifest_result *result;
  const struct tensor_list *tensors; /* the manifest's inventory; NULL = none */
  size_t unpinned;                   /* findings that say only that something is not pinned */
  size_t counterparts;               /* of files of the revision at hand, in `pointers` */
  size_t without;                    /* files of it that have none there */
  struct values *values;             /* of the revisions whose files hold; NULL = none */
  struct revision_pair *said;        /* pairs that are known to have files in common; owned */
  size_t said_count;
};

void verifier_finding(struct verifier *verifier, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void verifier_note(struct verifier *verifier, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Bad input is a finding; when memory or I/O fails, nothing can be said. */
int verifier_finding_or_error(struct verifier *verifier, struct error *error);

/* Each returns 0 also with findings. Errors: EXIT_RUN. */
int verifier_container(struct verifier *verifier, struct error *error);
int verifier_revision(struct verifier *verifier, size_t index, struct error *error);
int verifier_duplicates(struct verifier *verifier, struct error *error);
int verifier_moves(struct verifier *verifier, struct error *error);

/* Takes the digests of a revision's tensors, unless it is looked at alone. */
int verifier_values(struct verifier *verifier, size_t index, const struct checkpoint *checkpoint,
                    struct error *error);

/* What revisions have in common, but for pairs of which more was said. */
int verifier_shared(struct verifier *verifier, struct error *error);
int verifier_said(struct verifier *verifier, size_t before, size_t after, struct error *error);

#endif

/* What a run compares with, read before its beginning and once: hours of work must not end at a
 * path that leads nowhere. */
#ifndef ATTEST_STUDY_REFERENCES_H
#define ATTEST_STUDY_REFERENCES_H

#include "manifest/tensor_list.h"
#include "study/outputs.h"
#include "trajectory/trajectory.h"

struct references {
  struct tensor_list tensors;        /* no rows = the manifest names none */
  struct trajectory_files golden;    /* no directory = none */
  struct trajectory_files published; /* tables; no directory = none */
  struct trajectory_file ablations;  /* of the golden directory; no path = none */
};

/* The outputs of the command must not be files that the manifest names; a
 * golden that is to be written (`golden` false) must not take the place of the published tables.
 * Errors: EXIT_INPUT, EXIT_RUN. */
int references_check_outputs(const struct manifest *manifest, bool golden, const char *checkpoints,
                             const struct output *outputs, size_t count, struct error *error);

/* Each reads what the manifest names, nothing if it names none. Owner: the caller, references_free,
 * also on failure. Errors: EXIT_INPUT, EXIT_RUN. */
int references_tensors(const struct manifest *manifest, struct references *references,
                       struct error *error);
int references_golden(const struct manifest *manifest, struct references *references,
                      struct error *error);
/* ABLATIONS_FILE of the golden directory, if the manifest asks for ablations. */
#define ABLATIONS_FILE "ablations.csv"
int references_ablations(const struct manifest *manifest, struct references *references,
                         struct error *error);
/* The tables must have every revision. */
int references_published(const struct manifest *manifest, struct references *references,
                         struct error *error);

/* Whether the golden directory has verdicts, if the manifest names one. Errors: EXIT_INPUT,
 * EXIT_RUN. */
int references_check_verdicts(const struct manifest *manifest, struct error *error);

/* The tensor list for a manifest_check; NULL = none. */
const struct tensor_list *references_list(const struct references *references);

void references_free(struct references *references);

#endif

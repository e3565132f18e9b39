/* What a report says: collected once from the JSON of runs (attest reproduce --json) and from
 * trajectories, and borrowed by everything that writes it: HTML, Markdown, formats for machines.
 *
 * Nothing in it depends on the clock. What depends on the machine (CPU, threads, command line) is
 * what the run's JSON says of the machine that it ran on, so the same inputs give the same bytes
 * wherever the report is made. Strings are borrowed from the JSON: they are UTF-8, may be hostile,
 * and are never NULL ("" = there is none). */
#ifndef ATTEST_REPORT_REPORT_H
#define ATTEST_REPORT_REPORT_H

#include "base/digest.h"
#include "circuit/head_set.h"
#include "claims/claims.h"
#include "claims/published.h"
#include "report/rows.h"
#include "trajectory/circuit_course.h"
#include "trajectory/trajectory.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* One figure under one reading: a row of "claims". */
struct report_claim {
  const char *paper; /* "2606.02378" */
  const char *id;    /* of the claim: "F1" */
  const char *source_id, *model, *figure, *revision, *definition, *statement, *where;
  const char *published, *recomputed; /* as words: "7.4 %" */
  const char *under, *missing, *why, *no_interval;
  enum trajectory_kind kind; /* what the recomputed figure rests on */
  enum claim_verdict verdict;
  bool stated;            /* whether the paper's text states this reading */
  double margin;          /* NAN: none */
  const json_t *evidence; /* object */
  const json_t *interval; /* object with "survives", "low", "high"; NULL: no_interval says why */
};

/* One file that was read, or the manifest itself. */
struct report_file {
  const char *path, *sha256, *xxh3_128;
  json_int_t bytes; /* -1: not known */
};

/* A revision that was screened. */
struct report_revision {
  const char *name, *xxh3_128; /* of its CSV */
};

struct report_texts {
  const char **lines;
  size_t count;
};

/* What a manifest pins and what came of it. */
struct report_manifest {
  const char *path, *xxh3_128, *sha256, *model, *kind, *source, *caveat;
  json_int_t unpinned; /* files of it without a pin */
  struct report_texts found, failures, notes, compared, not_compared, left_out;
  struct report_file *read;
  size_t read_count;
  struct report_revision *revisions;
  size_t revision_count;
  const json_t *results; /* array of {"name", "title", "plot", "rows"} */
};

/* Where a run took place: "run" of its JSON. */
struct report_run {
  const char *version, *isa, *cpu, *binary_sha256, *command; /* one line */
  const char *date;                                          /* YYYY-MM-DD */
  json_int_t threads, failures, unpinned, uncompared;        /* -1: not known */
  const json_t *libraries;                                   /* object: name -> version; or NULL */
};

/* A trajectory and the SHA-256 of the CSV of each of its revisions. */
struct report_trajectory {
  struct trajectory trajectory;
  struct digest *digests; /* [trajectory.count] */
};

/* All zero: nothing yet. Release with report_free. */
struct report {
  json_t **documents; /* owned; everything borrows from them */
  size_t document_count;
  struct report_run *runs; /* [document_count] */
  struct report_manifest *manifests;
  size_t manifest_count;
  struct report_claim *claims; /* in the order of the runs */
  size_t claim_count;
  struct report_trajectory *trajectories;
  size_t trajectory_count;
  json_t *results; /* array of {"model", "result"}: tables of folders that are drawn; owned */
  struct head_set chosen; /* heads that the reader asked for, beside those that stand out */
  struct rows rows;       /* of the chosen heads */
};

/* Adds what the JSON of a run says; `name` appears in messages. Takes the JSON over, also on
 * errors. Errors: EXIT_INPUT (naming the key), EXIT_RUN. */
int report_add_run(struct report *report, const char *name, json_t *run, struct error *error);

/* SHA-256 and XXH3-128 of the CSV of each revision: new array, free(). Errors: EXIT_RUN. */
int report_digests(const struct trajectory *trajectory, struct digest **digests,
                   struct error *error);

/* Adds a trajectory, which it takes over, also on errors; one of a model and kind that is there
 * already is refused unless its figures are the same, and is then not added. Errors: EXIT_INPUT,
 * EXIT_RUN. */
int report_add_trajectory(struct report *report, struct trajectory *trajectory,
                          struct error *error);

/* Evaluates the claims about trajectories that no run has evaluated, and those of folders of
 * published tables and of circuits, as if a run had. Errors: EXIT_INPUT, EXIT_RUN. */
struct report_folders {
  const struct published_tables *tables; /* [table_count] */
  const struct course_folder *courses;   /* [course_count] */
  size_t table_count, course_count;
};
int report_evaluate(struct report *report, const struct report_folders *folders,
                    struct error *error);

/* Draws these heads, too ("L4H4,L7H0"), and, with a folder of attest screen --dump, their attention
 * position by position. After all trajectories were added. Errors: EXIT_INPUT (also: a head that
 * no trajectory has, or that is not in the folder), EXIT_RUN. */
int report_choose(struct report *report, const char *heads, const char *rows, struct error *error);

void report_free(struct report *report);

/* How many stated figures have this verdict. */
size_t report_count(const struct report *report, enum claim_verdict verdict);

/* Checks that failed, over all runs: 0 = all held. */
size_t report_failures(const struct report *report);

/* "ALL CHECKS HELD", "NO CHECK FAILED" (something was compared with nothing), "FAILED", or "NOT
 * CHECKED" where there is no run. */
const char *report_verdict(const struct report *report);

/* "published tables", "small models trained for this project", ... */
const char *report_kind(enum trajectory_kind kind);

#endif

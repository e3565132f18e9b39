/* Trajectories: what the screen observed of every head, at every revision of a model.
 *
 * A revision is one CSV file, one row a head in (layer, head) order, header exactly
 *   layer,head,class,induction,previous_token,duplicate_token,first_token,self,local,baseline,pr
 * doubles with 17 significant digits. An empty baseline or pr means "not available" (published
 * tables have no baseline). A directory with trajectory.json holds a whole trajectory. */
#ifndef ATTEST_TRAJECTORY_TRAJECTORY_H
#define ATTEST_TRAJECTORY_TRAJECTORY_H

#include "base/error.h"
#include "base/file.h"
#include "base/table.h"
#include "probe/head.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One revision. heads[layer * n_heads + head]; owned, trajectory_revision_free. */
struct revision {
  char *name;    /* owned; "" for a lone CSV file */
  uint64_t step; /* optimizer steps; 0 when unknown */
  double tokens; /* training tokens seen, in units of 1e9; 0 when unknown */
  int n_layers, n_heads;
  struct head_row *heads;
};

/* Where the figures come from; stated wherever results show. */
enum trajectory_kind {
  TRAJECTORY_PUBLISHED, /* tables published by a paper's author */
  TRAJECTORY_TRAINED,   /* our screen of small models trained for this project */
  TRAJECTORY_REAL,      /* our screen of the real checkpoints of a paper */
  TRAJECTORY_SYNTHETIC  /* our screen of stand-in or random weights */
};
const char *trajectory_kind_name(enum trajectory_kind kind); /* "published", "trained", ... */
int trajectory_kind_parse(const char *name, enum trajectory_kind *kind); /* 0, or EXIT_INPUT */

struct trajectory {
  char *model;  /* key such as "olmo-1b-0724"; owned */
  char *source; /* one sentence: who made the figures, from what; owned */
  char *caveat; /* one sentence that must be shown with the results; owned, may be "" */
  enum trajectory_kind kind;
  size_t count;
  struct revision *revisions; /* ascending in tokens, all of one shape */
};

/* Reads one CSV: every head exactly once, finite numbers, class equal to head_class_best. `name`
 * appears in messages. Errors: EXIT_INPUT with line and column name. */
int trajectory_parse_csv(const char *name, const void *data, size_t size, struct revision *revision,
                         struct error *error);
int trajectory_read_csv(const char *path, struct revision *revision, struct error *error);

/* The heads as rows, with the columns of the CSV. Owner: the caller, table_free. */
struct table trajectory_table(const struct revision *revision);

/* The CSV text of a revision, free(); its length to *length. NULL and EXIT_RUN without memory. */
char *trajectory_format_csv(const struct revision *revision, size_t *length, struct error *error);
int trajectory_write_csv(const char *path, const struct revision *revision, struct error *error);

/* Reads DIR/trajectory.json
 *   {"format": 1, "model": "...", "kind": "published", "source": "...", "caveat": "...",
 *    "revisions": [{"name": "step1000", "step": 1000, "tokens": 2.097, "file": "step1000.csv"}]}
 * and the files it names (plain names inside DIR). Errors: EXIT_INPUT. */
int trajectory_load(const char *directory, struct trajectory *trajectory, struct error *error);

/* The same from a set of files that is open, whose bytes were perhaps looked at before. */
struct fileset;
int trajectory_load_set(struct fileset *set, struct trajectory *trajectory, struct error *error);

/* A trajectory, and the bytes of the files that it was read from. All owned. */
struct trajectory_file {
  char *path;
  struct blob bytes;
};
struct trajectory_files {
  char *directory; /* NULL = there is none */
  struct trajectory trajectory;
  struct trajectory_file index;   /* trajectory.json */
  struct trajectory_file *tables; /* [table_count]: as many as revisions, in their order */
  size_t table_count;
};

/* Reads every file once. Owner: the caller, trajectory_files_free. Errors: EXIT_INPUT, EXIT_RUN. */
int trajectory_files_load(const char *directory, struct trajectory_files *files,
                          struct error *error);
void trajectory_files_free(struct trajectory_files *files); /* all zero is allowed */

/* Writes trajectory.json and a CSV a revision (file name = revision name + ".csv") into an existing
 * or new directory, the JSON last. Errors: EXIT_RUN. */
int trajectory_save(const char *directory, const struct trajectory *trajectory,
                    struct error *error);

/* Index of a revision by name; trajectory->count: not there. */
size_t trajectory_find(const struct trajectory *trajectory, const char *name);

void trajectory_revision_free(struct revision *revision);
void trajectory_free(struct trajectory *trajectory);

/* A difference between two revisions or trajectories. */
struct trajectory_difference {
  bool found;
  char where[512]; /* "revision step562, layer 2, head 1, induction: 51.25
                      against 51.250000000000007, 1 ULP" */
};

/* Compares all figures bit for bit; describes the first difference in (layer, head, column) order.
 * The names of the two sides appear in messages only where shapes differ. */
void trajectory_compare_revisions(const struct revision *a, const struct revision *b,
                                  struct trajectory_difference *difference);
void trajectory_compare(const struct trajectory *a, const struct trajectory *b,
                        struct trajectory_difference *difference);

/* Whether kind, source and caveat are the same; describes the first that is not. */
void trajectory_compare_provenance(const struct trajectory *a, const struct trajectory *b,
                                   struct trajectory_difference *difference);

/* Compares the bytes of files with those that trajectory_save would write: a digit below the last
 * bit, a blank or the order of keys change no value that is read, and yet nobody wrote them but by
 * hand. Describes the first difference (trajectory.json, then the revisions), with line and column.
 * Errors: EXIT_INPUT (a revision's name cannot be that of a file), EXIT_RUN. */
int trajectory_compare_files(const struct trajectory_files *files,
                             const struct trajectory *trajectory,
                             struct trajectory_difference *difference, struct error *error);

/* What to do about golden files that were changed. */
#define TRAJECTORY_REMEDY                                                                          \
  "restore the file (git checkout), or write it again with attest reproduce --update-golden"

/* Distance of two doubles in units in the last place: 0 when the bits are equal, UINT64_MAX when
 * one is NaN. +0 and -0 are 1 apart. */
uint64_t trajectory_ulp_distance(double a, double b);

#endif

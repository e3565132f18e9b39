/* Manifests: what is run. One JSON file a model:
 *
 *   {"format": 1, "model": "nursery-olmo", "family": "olmo",
 *    "kind": "trained",                       published | trained | real | synthetic
 *    "source": "...", "caveat": "...",
 *    "checkpoints": "nursery.tar.zst",        archive or directory, relative to the manifest
 *    "container": {"bytes": N, "sha256": "...", "xxh3_128": "..."},      pin of the archive itself;
 *                                             absent or null for a directory
 *    "repository": "allenai/OLMo-1B-0724-hf", of a hub, for fetching: OWNER/NAME; null or absent =
 *                                             there is nothing to fetch
 *    "tensors": "olmo-1b.tensors.tsv",        inventory that every revision must have, a file
 *                                             relative to the manifest; null or absent = none
 *    "protocol": {"n": 500, "seq_len": 64, "vocab": [1, 97], "seed": 42, "pr_n": 500,
 *                 "baseline_n": 50, "bos": null},
 *    "golden": "../golden/nursery-olmo",      our own bit-exact trajectory; null = none
 *    "published": {"directory": "../golden/published/olmo-1b-0724",   null or absent = none
 *                  "class_agreement": 0.95,   least share of heads of equal class, a revision
 *                  "selectivity_error": 0.05, largest allowed relative error of
 *                  "selectivity_share": 0.99, this share of the selectivities that are >= 1
 *                  "pr_error": 0.05,          the same for participation ratios
 *                  "pr_share": 0.99,
 *                  "claims": true},           claim verdicts must equal those of the tables
 *    "ablation": {"induction": [10, 30],      thresholds: the circuits that the last revision's
 *                 "previous_token": [100],    screen chooses are ablated at every revision, with
 *                 "seeds": [0, 1, 123],       random controls of these seeds; what comes out must
 *                 "caveat": "..."},           equal the golden. null or absent = none
 *    "circuits": {"tasks": [{"path": "../tasks/nursery-copy.jsonl", "sha256": "..."}], in place of
 * a "pairs": 8,              protocol: circuits of edges for every task (docs/CIRCUITS.md),
 *                 "method": "ig5_first1",  from its first pairs, null = all; scores
 * (attribution.h), "choose": "greedy",      or "topn"; edges are chosen until this ratio is met,
 *                 "threshold": 0.8, "bound": null,   at most so many, null = all; a circuit of a
 *                 "n": 50, "scan": false,  fixed size beside it; the least size is scanned for, too
 *                 "shape": "gpt_neox:layers=..."},   for attest plan (model/recipe.h); absent =
 * none "revisions": [{"name": "step0", "step": 0, "tokens": 0.0, "directory": "nursery-olmo/step0",
 *                   "files": [{"path": "config.json", "bytes": 525, "sha256": "...",
 *                              "xxh3_128": "..."}]}]}
 *
 * A manifest of training runs (arXiv 2404.07129; docs/FORMATION.md) has, beside format, model, kind
 * "trained", source, caveat and golden, only
 *    "formation": {"items": "F",              or "gaussian", or "file" with
 *                  "file": "x.npy",           [classes][exemplars][width], relative to the manifest
 *                  "item_seed": 1,            of the first two; absent = 1
 *                  "seeds": [5, 6],           of the models
 *                  "figures": ["3", "5b"],    which runs (manifest_formation.h)
 *                  "shorten": 1,              every run has so many times fewer sequences; absent =
 *                                             1, all else stands for no figure of the paper
 *                  "stride": 1}               every so many of the training sequences are examined
 *
 * A revision's name is also its branch in the repository. bytes, sha256 and xxh3_128 of its files
 * may be null as long as nobody has seen the file; without sha256 it is unpinned. tokens are in
 * units of 1e9. A manifest of kind "published" describes a directory of tables (trajectory.json and
 * CSV files) instead of checkpoints: it has no protocol and no family. */
#ifndef ATTEST_MANIFEST_MANIFEST_H
#define ATTEST_MANIFEST_MANIFEST_H

#include "base/digest.h"
#include "base/error.h"
#include "circuit/control.h"
#include "few_shot/items.h"
#include "probe/protocol.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pinned_file {
  char *path; /* plain name inside the revision's directory */
  bool has_bytes;
  uint64_t bytes;
  struct digest digest; /* a digest that is not pinned is "" */
};

/* Whether size and both digests are known. */
bool pinned_file_complete(const struct pinned_file *file);

/* Whether SHA-256 is known, which alone tells a file from every other: without it a file is
 * UNPINNED, whatever else is known of it. */
bool pinned_file_pinned(const struct pinned_file *file);

struct manifest_revision {
  char *name; /* plain name, unique */
  uint64_t step;
  double tokens;   /* units of 1e9 */
  char *directory; /* inside the checkpoints: components are plain names; "" = the root */
  size_t file_count;
  struct pinned_file *files;
};

struct published_bands {
  char *directory; /* resolved against the manifest's folder; NULL = no comparison */
  double class_agreement, selectivity_error, selectivity_share, pr_error, pr_share;
  bool claims;
};

struct manifest_ablation {
  size_t circuit_count; /* 0 = nothing is ablated */
  struct threshold_circuit *circuits;
  size_t seed_count;
  uint32_t *seeds;
  char *caveat; /* one line, must be shown with the figures */
};

struct manifest_task {
  char *path;      /* resolved */
  char sha256[65]; /* "" = unpinned */
};

struct manifest_circuits {
  size_t task_count; /* 0 = a manifest without circuits */
  struct manifest_task *tasks;
  uint64_t pairs; /* the first so many of each task; 0 = all */
  char method[64], choose[64];
  double threshold;
  uint64_t bound; /* edges at most; 0 = all */
  uint64_t n;     /* edges of the circuit of a fixed size */
  bool scan;
  char *shape; /* of the model, for attest plan (model/recipe.h); NULL */
};

/* Figures of arXiv 2404.07129, as bits, and their names in a manifest. */
enum formation_figure {
  FORMATION_UNCLAMPED, /* "3": nothing clamped, examined at the end (3, 4a, 12, 14, 17) */
  FORMATION_HEADS,     /* "4b": heads trained alone */
  FORMATION_TOY,       /* "5a" */
  FORMATION_CLAMPS,    /* "5b" */
  FORMATION_SWEEPS,    /* "6": more classes, more labels */
  FORMATION_GRAFTS,    /* "7": layer 0 of seeds 5, 6, 7 */
  FORMATION_PREVIOUS,  /* "8": other previous-token clamps */
  FORMATION_WIRING,    /* "11": of the models of "3" */
  FORMATION_MATCH,     /* "15": strengths of the match */
  FORMATION_FIGURES
};
extern const char *const formation_figure_names[FORMATION_FIGURES];

struct manifest_formation {
  enum few_items_kind items;
  char *file; /* resolved; NULL unless FEW_FILE */
  uint32_t item_seed;
  size_t seed_count;
  uint32_t *seeds;
  bool figures[FORMATION_FIGURES];
  uint64_t shorten, stride;
};

/* What is made of a manifest, which its kind and its keys tell. */
enum manifest_content {
  MANIFEST_CHECKPOINTS, /* screened */
  MANIFEST_CIRCUITS,    /* checkpoints, too, whose circuits are found */
  MANIFEST_FORMATION,   /* training runs: no files, no revisions */
  MANIFEST_TABLES       /* kind "published": no family, no protocol, nothing to fetch */
};

struct manifest {
  char *path;      /* of the manifest itself */
  char digest[33]; /* XXH3-128 of its bytes: ties a resumed run to it */
  char sha256[65]; /* of its file; "" where it was parsed from memory */
  char *model, *family, *kind, *source, *caveat;
  enum manifest_content content;
  char *checkpoints; /* resolved against the manifest's folder */
  bool has_container;
  struct pinned_file container; /* path = checkpoints */
  char *repository;             /* OWNER/NAME; NULL = none */
  char *tensors;                /* resolved; NULL = no inventory */
  struct protocol protocol;
  char *golden; /* resolved; NULL = none */
  struct published_bands published;
  struct manifest_ablation ablation;
  struct manifest_circuits circuits;
  struct manifest_formation formation; /* of MANIFEST_FORMATION */
  size_t revision_count;
  struct manifest_revision *revisions; /* ascending in step */
};

/* Reads and checks a manifest; unknown keys are refused by name. Owner: the caller, manifest_free.
 * Errors: EXIT_INPUT. */
int manifest_load(const char *path, struct manifest *manifest, struct error *error);
int manifest_parse(const char *path, const void *data, size_t size, struct manifest *manifest,
                   struct error *error);
void manifest_free(struct manifest *manifest);

/* The revision of this name; NULL for the name NULL. Errors: EXIT_INPUT (listing the names). */
int manifest_find(const struct manifest *manifest, const char *name,
                  const struct manifest_revision **found, struct error *error);

/* How many files of a revision are unpinned, and how many are pinned but not completely. */
size_t manifest_unpinned(const struct manifest_revision *revision);
size_t manifest_by_sha256(const struct manifest_revision *revision);

/* The checkpoint_open path of a revision: checkpoints (or `override` when not NULL: a directory or
 * archive given on the command line) + the revision's directory. New string, free(). */
char *manifest_revision_path(const struct manifest *manifest,
                             const struct manifest_revision *revision, const char *override,
                             struct error *error);

/* Gets one line of text at a time. */
typedef void manifest_report(void *context, const char *line);

#endif

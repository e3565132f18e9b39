/* Tensors under other names than transformers' own: wrappers of training libraries leave their
 * names in a state dict (module., _orig_mod.), a model saved from inside another doubles a prefix,
 * one saved without its LM head has none, and newer writers fuse the experts of a layer.
 *
 * Where that is unambiguous, tensors get the names of a plain checkpoint when it is opened:
 *   - the names of wrappers go, wherever they are between dots;
 *   - the embedding tells the prefix: what comes before embed_in.weight, embed_tokens.weight or
 *     wte.weight becomes gpt_neox., model. or transformer., for it and for all beside it;
 *   - EXPERTS.gate_up_proj [E][2 I][H] becomes gate_proj (the first I rows) and up_proj of every
 *     expert, EXPERTS.down_proj [E][H][I] becomes down_proj, all read in place.
 * What is ambiguous keeps its name, and checkpoint_check_names names both readings. */
#ifndef ATTEST_CHECKPOINT_NAMES_H
#define ATTEST_CHECKPOINT_NAMES_H

#include "checkpoint/checkpoint.h"

#define NAMING_TEXT 400

struct naming {
  char note[NAMING_TEXT]; /* see checkpoint_naming */
  struct error doubt;     /* see checkpoint_check_names; code 0 = none */
  bool headless;          /* see checkpoint_headless */
  char *names;            /* of renamed tensors */
  char *expert_names;
  size_t fused_count;
  struct tensor *fused; /* by name, as they were before they were taken apart */
};

/* Renames tensors[*count] of the checkpoint at `path`, and puts an array with the experts taken
 * apart in its place; the order of names is the caller's business. Owner: the caller, names_free.
 * Errors: EXIT_RUN. */
int names_apply(const char *path, struct tensor **tensors, size_t *count, struct naming *naming,
                struct error *error);
void names_free(struct naming *naming);

/* The second half: only the experts. */
int names_split_experts(const char *path, struct tensor **tensors, size_t *count,
                        struct naming *naming, struct error *error);

/* Adds what was done to the note, escaped; the first words follow "names are read ". */
void naming_add(struct naming *naming, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif

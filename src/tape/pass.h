/* A model's forward pass on a tape: the operations of pass/, with a value at every site
 * (pass/site.h) that has the same bits as there. */
#ifndef ATTEST_TAPE_PASS_H
#define ATTEST_TAPE_PASS_H

#include "model/parameters.h"
#include "pass/hook.h"
#include "pass/rope.h"
#include "tape/operations.h"

/* Something else in the place of what the pass computes at a site, before anything else reads it:
 * `given`, a value with the shape of the site's own (tape_pass_site); or what `write` makes of the
 * value, which is called as a hook (hook.h) on the caller's thread and makes it a constant; or,
 * with neither, zeros. A gradient flows to `given`, and none to what was replaced. */
struct tape_replacement {
  struct site site;
  struct positions positions; /* of logits, too */
  size_t first, end;          /* sequences [first, end); end 0 = to the last */
  size_t given;               /* TAPE_NONE: none. Not with SITE_ALL */
  void (*write)(void *context, const struct hook_value *value, float *data);
  void *context;
};

/* What the caller sets; borrowed for the time of recording, `tokens` as long as the tape runs. */
struct tape_pass_input {
  const struct parameters *parameters;
  bool gradients; /* whether the parameters' gradients are wanted */
  size_t sequences, seq_len;
  const int32_t *tokens; /* [sequences * seq_len], < vocab; read at every run */
  size_t embedding;      /* a value [sequences * seq_len][hidden] instead of the tokens' rows;
                            TAPE_NONE */
  const struct tape_replacement *replacements; /* applied in the order of the list */
  size_t replacement_count;
  const struct tape_part *head; /* logits of the last positions alone, [sequences][count], by these
                                   rows instead of the LM head; NULL */

  /* What gradients reach each head's query, key and value, each MLP and the logits, before their
   * norms (operations.h: struct tape_collect), NULL = nowhere: a backward pass adds to
   * sums[sequences / repeats][destinations][seq_len][hidden], destinations being for each layer the
   * queries of all heads, the keys, the values, the MLP, and last the logits. Keys and values are
   * those of query heads then (SITE_KEY, SITE_VALUE). `embedding`, which must want a gradient and
   * be no leaf, is where gradients come to in the end. */
  float *sums;
  size_t repeats;
};

/* Values of a layer: the last of each after replacements. */
struct tape_layer {
  size_t query, key, value; /* [tokens][heads * head_dim], of keys and values kv_heads */
  size_t scores, pattern;   /* [sequences * heads * seq_len][seq_len] */
  size_t heads;             /* [tokens][hidden] head outputs side by side */
  size_t attention, mlp;    /* [tokens][hidden] */
  size_t residual;          /* [tokens][hidden] after the layer */
  size_t router, route;     /* logits [tokens][experts] and tape_route; TAPE_NONE */
};

struct tape_pass {
  size_t embedding, final_norm, logits;
  size_t count;
  struct tape_layer *layers; /* [count]; owned */
  size_t *leaves;            /* of the parameters, by their index; owned */
  struct rope rope;          /* owned; the tape reads it */
  void *replacing;           /* owned; the tape reads it */
};

/* Records it. Several passes may stand on one tape; those of the same parameters share the leaves
 * of the first (`shared`, or NULL). Owner: the caller, tape_pass_free after tape_free, also after
 * an error. Errors: EXIT_INPUT (a site or position that the model does not have, a base model),
 * EXIT_RUN.
 */
int tape_pass_record(struct tape *tape, const struct tape_pass_input *input,
                     const struct tape_pass *shared, struct tape_pass *pass, struct error *error);
void tape_pass_free(struct tape_pass *pass);

/* The value of a site, and where it lies: rows (sequence * seq_len + position), of scores and
 * patterns ((sequence * heads + head) * seq_len + position); columns [first, first + count). */
struct tape_site {
  size_t value, first, count;
};
struct tape_site tape_pass_site(const struct tape_pass *pass, const struct model_config *config,
                                size_t seq_len, const struct site *site);

#endif

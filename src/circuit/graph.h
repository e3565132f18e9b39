/* The graph of a model's residual stream, in which circuits are sets of edges (arXiv 2407.10827).
 *
 * L layers, H heads. Sources, by number: `input` (the embedding), then for each layer its heads
 * `a0.h1` and its MLP `m0`. A source's value is what it adds to the residual stream: a head's part
 * of the output projection without the bias, which belongs to no source; the MLP's output with it.
 * Destinations: for each layer `a0.h1<q>` of all heads, `<k>` of all, `<v>` of all, `m0`; `logits`.
 * Its value is the residual stream that it reads, before its norm. With fewer key-value heads than
 * heads, every query head still has a k and a v of its own.
 *
 * A destination's sources are all that come before it, so they are always the first few: of layer l
 * those of layers < l, of its MLP the heads of layer l, too, unless the model adds attention and
 * MLP in parallel. Edges are numbered by destination, then source. */
#ifndef ATTEST_CIRCUIT_GRAPH_H
#define ATTEST_CIRCUIT_GRAPH_H

#include "model/config.h"

struct graph {
  size_t layers, heads;
  bool sequential;     /* MLPs see the heads of their own layer */
  size_t sources;      /* 1 + L (H + 1) */
  size_t destinations; /* L (3 H + 1) + 1 */
  size_t edges;
};

/* Errors: EXIT_INPUT for a family whose heads have no contributions of their own, as norms stand
 * behind their sum (branch_norms), and for sizes that nothing could hold. */
int graph_create(const struct model_config *config, struct graph *graph, struct error *error);

enum graph_kind {
  GRAPH_INPUT,
  GRAPH_QUERY,
  GRAPH_KEY,
  GRAPH_VALUE,
  GRAPH_HEAD,
  GRAPH_MLP,
  GRAPH_LOGITS
};

/* What a source (INPUT, HEAD, MLP) or destination (QUERY, KEY, VALUE, MLP, LOGITS) is; layer and
 * head are 0 where it has none. */
struct graph_place {
  enum graph_kind kind;
  size_t layer, head;
};
struct graph_place graph_source(const struct graph *graph, size_t source);
struct graph_place graph_destination(const struct graph *graph, size_t destination);

/* Their numbers. */
size_t graph_head(const struct graph *graph, size_t layer, size_t head);
size_t graph_mlp(const struct graph *graph, size_t layer);
size_t graph_reads(const struct graph *graph, enum graph_kind kind, size_t layer, size_t head);

/* How many sources a destination has: numbers [0, that). The first of its edges. */
size_t graph_sources_of(const struct graph *graph, size_t destination);
size_t graph_first_edge(const struct graph *graph, size_t destination);

struct graph_edge {
  size_t source, destination;
};
struct graph_edge graph_edge(const struct graph *graph, size_t edge);
size_t graph_edge_number(const struct graph *graph, const struct graph_edge *edge);

/* Nodes: a source's number, or `sources` for logits. Of a destination: the head, the MLP, logits.
 */
size_t graph_node(const struct graph *graph, size_t destination);

/* "input", "a0.h1", "m0"; "a0.h1<q>", "m0", "logits"; "input->a0.h1<q>". Return `name`. */
#define GRAPH_NAME_SIZE 56
#define GRAPH_EDGE_NAME_SIZE (2 * GRAPH_NAME_SIZE)
const char *graph_source_name(const struct graph *graph, size_t source, char name[GRAPH_NAME_SIZE]);
const char *graph_destination_name(const struct graph *graph, size_t destination,
                                   char name[GRAPH_NAME_SIZE]);
const char *graph_edge_name(const struct graph *graph, size_t edge,
                            char name[GRAPH_EDGE_NAME_SIZE]);

/* The edge of this name; SIZE_MAX for what is none. */
size_t graph_edge_of_name(const struct graph *graph, const char *name);

#endif

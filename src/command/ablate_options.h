/* The options of attest ablate that say what is ablated. */
#ifndef ATTEST_COMMAND_ABLATE_OPTIONS_H
#define ATTEST_COMMAND_ABLATE_OPTIONS_H

#include "base/options.h"
#include "study/selection.h"

#define MOST_SEEDS 1000
#define MOST_THRESHOLDS 100

/* As given, and what was read of it. */
struct ablate_options {
  const char *heads_text, *circuit, *circuit_from, *threshold, *controls, *seeds_text, *trajectory,
      *floor;
  uint64_t top; /* 0 = not given */
  bool published, as_published;
  struct head_set heads;
  struct trajectory screened; /* --circuit-from, --trajectory */
  char *folder;               /* that it was read from; owned */
  struct revision single;     /* --circuit-from with a CSV file */
  struct threshold_circuit circuits[MOST_THRESHOLDS];
  size_t circuit_count;
  uint32_t seeds[MOST_SEEDS];
  char name[48];
};

/* Table rows for options_parse, for a `struct ablate_options *a`. */
#define ABLATE_OPTIONS(a)                                                                          \
  {"heads", OPTION_STRING, &(a)->heads_text, 0, 0, "LIST", "these heads, such as L4H4,L7H0"},      \
      {"circuit",                                                                                  \
       OPTION_STRING,                                                                              \
       &(a)->circuit,                                                                              \
       0,                                                                                          \
       0,                                                                                          \
       "induction|previous_token",                                                                 \
       "induction: heads of that selectivity, whatever their best class; previous_token: of that " \
       "best class, too"},                                                                         \
      {"threshold",                                                                                \
       OPTION_STRING,                                                                              \
       &(a)->threshold,                                                                            \
       0,                                                                                          \
       0,                                                                                          \
       "LIST",                                                                                     \
       "least selectivities of --circuit, a circuit each; default 50 and 100, as published"},      \
      {"circuit-from",                                                                             \
       OPTION_STRING,                                                                              \
       &(a)->circuit_from,                                                                         \
       0,                                                                                          \
       0,                                                                                          \
       "TRAJECTORY[:REVISION]",                                                                    \
       "choose --circuit by these figures (a folder, by default its last revision, or a CSV "      \
       "file), not by a screen of the model; they do not say of which checkpoint they are, and "   \
       "any "                                                                                      \
       "of its shape are taken"},                                                                  \
      {"top-integral",                                                                             \
       OPTION_NUMBER,                                                                              \
       &(a)->top,                                                                                  \
       1,                                                                                          \
       1 << 20,                                                                                    \
       "K",                                                                                        \
       "the first K heads by the integral of their participation ratio over --trajectory"},        \
      {"trajectory", OPTION_STRING, &(a)->trajectory, 0, 0, "DIR", "of --top-integral"},           \
      {"floor",                                                                                    \
       OPTION_STRING,                                                                              \
       &(a)->floor,                                                                                \
       0,                                                                                          \
       0,                                                                                          \
       "TOKENS",                                                                                   \
       "least number of training tokens in that integral; default 1e9, as published"},             \
      {"controls",                                                                                 \
       OPTION_STRING,                                                                              \
       &(a)->controls,                                                                             \
       0,                                                                                          \
       0,                                                                                          \
       "LIST",                                                                                     \
       "matched-random: as many heads of the same layers; any-layer: of all layers; upper-bound: " \
       "the whole layers"},                                                                        \
      {"seeds",                                                                                    \
       OPTION_STRING,                                                                              \
       &(a)->seeds_text,                                                                           \
       0,                                                                                          \
       0,                                                                                          \
       "LIST",                                                                                     \
       "of the random controls; default 123, as published"},                                       \
      {"published-stream",                                                                         \
       OPTION_FLAG,                                                                                \
       &(a)->published,                                                                            \
       0,                                                                                          \
       0,                                                                                          \
       NULL,                                                                                       \
       "draw matched-random controls of the thresholds 2, 10, 30, 50, 100 from one stream"},       \
  {                                                                                                \
    "as-published", OPTION_FLAG, &(a)->as_published, 0, 0, NULL,                                   \
        "skip heads that the model lacks, but count them for the size of controls"                 \
  }

/* Reads what they say; `selection` borrows from `options`. Owner: the caller, ablate_options_free,
 * also after an error. Errors: EXIT_INPUT, EXIT_RUN. */
int ablate_options_read(struct ablate_options *options, struct selection *selection,
                        struct error *error);
/* A line on where the figures come from that heads were chosen by; nothing without any. */
void ablate_options_source(const struct ablate_options *options, struct text *text);

void ablate_options_free(struct ablate_options *options);

#endif

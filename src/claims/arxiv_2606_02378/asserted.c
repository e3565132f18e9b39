/* Sources: the text and tables of arXiv 2606.02378 (v2) and the author's developmental note, as
 * restated in docs/PROTOCOL.md. Percentages are fractions: 10.9 % is 0.109 with 3 decimals. */
#include "claims/arxiv_2606_02378/paper.h"

#include <math.h>

#define PYTHIA "pythia-1b"
#define OLMO "olmo-1b-0724"
#define OLMOE "olmoe-1b-7b-0924"

#define NUMBER(value, decimals) NULL, value, value, decimals, decimals, NULL
#define BAND(low, low_decimals, high, high_decimals)                                               \
  NULL, low, high, low_decimals, high_decimals, NULL
#define JUMP(from, low, high, decimals) from, low, high, decimals, decimals, NULL
#define WORDS(words) NULL, NAN, NAN, 0, 0, words

/* clang-format off */
const struct asserted asserted_figures[] = {
    {"F1", "bos_heads_layers_0_1", ANY_MODEL, "", NUMBER(0, 0),
     "Layers 0 and 1 hold no BOS head at any revision of any model."},

    {"F2", "bos_fraction", PYTHIA, "step3000", NUMBER(0.109, 3),
     "10.9 % of the heads are BOS heads at 6.3B tokens."},
    {"F2", "bos_fraction", PYTHIA, "step38000", NUMBER(0.461, 3),
     "46.1 % of the heads are BOS heads at 80B tokens."},
    {"F2", "bos_fraction", PYTHIA, "step143000", NUMBER(0.578, 3),
     "57.8 % of the heads are BOS heads at the end."},
    {"F2", "bos_fraction", OLMO, "step56000-tokens117B", NUMBER(0.074, 3),
     "7.4 % of the heads are BOS heads at 117B tokens."},
    {"F2", "bos_fraction", OLMO, "step126000-tokens264B", NUMBER(0.703, 3),
     "70.3 % of the heads are BOS heads at 264B tokens."},
    {"F2", "bos_fraction", OLMO, "step1454000-tokens3048B", NUMBER(0.809, 3),
     "80.9 % of the heads are BOS heads at the end."},
    {"F2", "bos_fraction", OLMOE, "step5000-tokens20B", NUMBER(0.035, 3),
     "3.5 % of the heads are BOS heads at 20B tokens."},
    {"F2", "bos_fraction", OLMOE, "step25000-tokens104B", NUMBER(0.422, 3),
     "42.2 % of the heads are BOS heads at 104B tokens."},
    {"F2", "bos_fraction", OLMOE, "step100000-tokens419B", NUMBER(0.508, 3),
     "50.8 % of the heads are BOS heads at 419B tokens."},
    {"F2", "bos_fraction", OLMOE, "step200000-tokens838B", NUMBER(0.699, 3),
     "69.9 % of the heads are BOS heads at 838B tokens."},
    {"F2", "bos_fraction", OLMOE, "step400000-tokens1677B", NUMBER(0.715, 3),
     "71.5 % of the heads are BOS heads at 1677B tokens."},
    {"F2", "bos_fraction", OLMOE, "step800000-tokens3355B", NUMBER(0.742, 3),
     "74.2 % of the heads are BOS heads at 3355B tokens."},
    {"F2", "bos_fraction", OLMOE, "step1220000-tokens5117B", NUMBER(0.758, 3),
     "75.8 % of the heads are BOS heads at the end."},
    {"F2", "bos_heads_through", OLMO, "step25000-tokens52B", NUMBER(0, 0),
     "There is no BOS head (0 %) through 52B tokens."},
    {"F2", "bos_jump", OLMO, "step126000-tokens264B", JUMP("step56000-tokens117B", 0.074, 0.703, 3),
     "BOS heads jump from 7.4 % at 117B to 70.3 % at 264B, between adjacent revisions."},
    {"F2", "bos_shape", PYTHIA, "", WORDS("ramp"), "BOS heads form in a gradual ramp."},
    {"F2", "bos_shape", OLMO, "", WORDS("sharp"), "BOS heads form in a sharp transition."},
    {"F2", "bos_shape", OLMOE, "", WORDS("ramp"), "BOS heads form in a gradual ramp."},

    {"F3", "induction_onset", PYTHIA, "", NUMBER(6.3, 1),
     "The first revision with 3 induction heads is at 6.3B tokens."},
    {"F3", "induction_onset", OLMO, "", NUMBER(23, 0),
     "The first revision with 3 induction heads is at 23B tokens."},
    {"F3", "induction_onset", OLMOE, "", NUMBER(20, 0),
     "The first revision with 3 induction heads is at 20B tokens."},
    {"F3", "bos_onset_10", PYTHIA, "", NUMBER(6.3, 1),
     "BOS heads reach 10 % at 6.3B tokens, together with induction."},
    {"F3", "bos_onset_50", PYTHIA, "", NUMBER(300, 0), "BOS heads reach 50 % at 300B tokens."},
    {"F3", "bos_onset_50", OLMO, "", NUMBER(264, 0), "BOS heads reach 50 % at 264B tokens."},
    {"F3", "bos_onset_50", OLMOE, "", NUMBER(419, 0), "BOS heads reach 50 % at 419B tokens."},
    {"F3", "induction_to_bos_ratio", OLMO, "", NUMBER(11, 0),
     "BOS heads reach 50 % after 11 times the tokens of induction."},
    {"F3", "induction_to_bos_ratio", OLMOE, "", NUMBER(21, 0),
     "BOS heads reach 50 % after 21 times the tokens of induction."},
    {"F3", "induction_to_bos_band", OLMO, "", BAND(10, 0, 20, 0),
     "Induction forms 10 to 20 times earlier than attention sinks."},
    {"F3", "induction_to_bos_band", OLMOE, "", BAND(10, 0, 20, 0),
     "Induction forms 10 to 20 times earlier than attention sinks."},
    {"F3", "induction_before_bos", ANY_MODEL, "", WORDS("induction first"),
     "Induction heads form before BOS heads reach 50 %."},

    {"F4", "recall_33_tokens", PYTHIA, "", NUMBER(0.5, 1),
     "The screen finds 33 % of the final induction heads from 0.5B tokens on."},
    {"F4", "recall_33_tokens", OLMO, "", NUMBER(2, 0),
     "The screen finds 33 % of the final induction heads from 2B tokens on."},
    {"F4", "recall_33_tokens", OLMOE, "", NUMBER(20, 0),
     "The screen finds 33 % of the final induction heads from 20B tokens on."},
    {"F4", "recall_67_tokens", PYTHIA, "", NUMBER(6.3, 1),
     "The screen finds 67 % of the final induction heads from 6.3B tokens on."},
    {"F4", "recall_67_tokens", OLMO, "", NUMBER(10, 0),
     "The screen finds 67 % of the final induction heads from 10B tokens on."},
    {"F4", "recall_67_tokens", OLMOE, "", NUMBER(41, 0),
     "The screen finds 67 % of the final induction heads from 41B tokens on."},
    {"F4", "recall_100_tokens", PYTHIA, "", NUMBER(80, 0),
     "The screen finds all of the final induction heads from 80B tokens on."},
    {"F4", "recall_100_tokens", OLMO, "", NUMBER(3048, 0),
     "The screen finds all of the final induction heads only at the end, 3048B tokens."},
    {"F4", "recall_100_tokens", OLMOE, "", NUMBER(1677, 0),
     "The screen finds all of the final induction heads from 1677B tokens on."},
    {"F4", "recall_67_share", PYTHIA, "", NUMBER(0.02, 2),
     "67 % recall comes after 2 % of all training tokens."},
    {"F4", "recall_67_share", OLMO, "", NUMBER(0.003, 3),
     "67 % recall comes after 0.3 % of all training tokens."},
    {"F4", "recall_67_share", OLMOE, "", NUMBER(0.008, 3),
     "67 % recall comes after 0.8 % of all training tokens."},
    {"F4", "recall_67_band", PYTHIA, "", BAND(0.003, 3, 0.02, 2),
     "The screen converges (67 % recall) within 0.3 to 2 % of training."},
    {"F4", "recall_67_band", OLMO, "", BAND(0.003, 3, 0.02, 2),
     "The screen converges (67 % recall) within 0.3 to 2 % of training."},
    {"F4", "recall_67_band", OLMOE, "", BAND(0.003, 3, 0.02, 2),
     "The screen converges (67 % recall) within 0.3 to 2 % of training."},

    {"F5", "pr_rises_first", ANY_MODEL, "", WORDS("all heads"),
     "In every final induction head PR is raised at or before its induction reaches 50x."},
    {0},
};
/* clang-format on */

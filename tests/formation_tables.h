/* Made-up tables of arXiv 2404.07129 for tests: two seeds of data "F" for which every predicate
 * holds as stated. */
#ifndef ATTEST_TESTS_FORMATION_TABLES_H
#define ATTEST_TESTS_FORMATION_TABLES_H

#include "base/text.h"

#include <stdio.h>

#define FORMATION_SOURCE "# Source: made up\n"

struct formation_text {
  const char *name;
  struct text text;
};

enum {
  MADE_MODELS,
  MADE_HEADS,
  MADE_ABLATIONS,
  MADE_WIRING,
  MADE_SOURCES,
  MADE_SETS,
  MADE_CORRELATIONS,
  MADE_RUNS,
  MADE_CHECKPOINTS,
  MADE_TOY,
  MADE_TABLES
};

static inline void made_heads(int seed, struct text *t)
{
  for (int h = 0; h < 8; h++) {
    int rank = (h + seed) % 8; /* 7 = the strongest */
    text_add(t, "seed%d,%d,%.2f,%.3f,%.3f,%s,%.3f,%s\n", seed, h, 0.2 + 0.1 * rank,
             0.3 + 0.095 * rank, 0.995,
             rank == 7   ? ""
             : rank == 6 ? "0.7"
                         : "0.2",
             0.31 + 0.095 * rank, rank == 7 ? "" : "0.6");
  }
}

static inline void made_ablations(int seed, struct text *t)
{
  text_add(t, "seed%d,previous,patterns,L0H1 L0H2 L0H5,0.99\n", seed);
  text_add(t, "seed%d,previous,values,L0H1 L0H2 L0H5,0.6\n", seed);
  text_add(t, "seed%d,others,patterns,L0H0 L0H3 L0H4 L0H6 L0H7,0.4\n", seed);
  text_add(t, "seed%d,others,values,L0H0 L0H3 L0H4 L0H6 L0H7,0.98\n", seed);
}

static inline void made_wiring(int seed, struct text *t)
{
  for (int h1 = 0; h1 < 8; h1++)
    for (int h0 = 0; h0 < 8; h0++) {
      bool key = h0 == 1 || h0 == 2 || h0 == 5;
      text_add(t, "seed%d,%d,%d,values,%.2f,-0.01\n", seed, h1, h0, (key ? 0.7 : 0.3) + 0.01 * h0);
      text_add(t, "seed%d,%d,%d,patterns,%.2f,-0.01\n", seed, h1, h0,
               (key ? 0.3 : 0.7) + 0.01 * h0);
    }
}

static inline void made_runs(int seed, struct text *t)
{
  static const struct {
    const char *run;
    int learned, plateau; /* learned in thousands, -1: never */
  } runs[] = {
      {"unclamped", 400, 200},
      {"none", 600, 300},
      {"previous", 300, 100},
      {"layer0", 200, 60},
      {"match", 80, 2},
      {"copy", 500, 250},
      {"layer0_copy", 70, 1},
      {"previous_other", 310, 99},
      {"previous_three", 290, 90},
      {"previous_all", 700, 200},
      {"classes50", 600, 300},
      {"classes100", 700, 300},
      {"classes200", 900, 300},
      {"labels10", 800, 300},
      {"labels15", 950, 300},
      {"classes50_B", 70, 1},
      {"classes200_B", 140, 1},
      {"classes50_C", 80, 1},
      {"classes200_C", 82, 1},
      {"labels15_C", 240, 1},
      {"labels15_B", 75, 1},
      {"match_1.00", 80, 1},
      {"match_0.80", 100, 1},
      {"match_0.60", 300, 1},
      {"match_0.00", 90, 1},
      {"match_0.50", -1, 500},
      {"graft5", 100, 1},
      {"graft6", 104, 1},
      {"graft7", 115, 1},
  };
  for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
    char learned[32] = "";
    if (runs[i].learned >= 0)
      snprintf(learned, sizeof learned, "%d000", runs[i].learned);
    text_add(t, "seed%d,%s,5b,1000000,%s,%s,%s,%s,%s,%d,%d,%d,50000,0.1,0.99,x,y\n", seed,
             runs[i].run, learned, learned, learned, learned, learned, runs[i].plateau,
             runs[i].plateau, runs[i].plateau);
  }
  for (int h = 0; h < 8; h++)
    text_add(t, "seed%d,head%d,4b,1000000,%d000,%d000,,,,100,100,100,50000,0.1,0.99,x,y\n", seed, h,
             900 - 50 * ((h + seed) % 8), 900 - 50 * ((h + seed) % 8));
}

/* texts[MADE_TABLES], text_free each. */
static inline void made_tables(struct formation_text *texts)
{
  static const char *const heads[MADE_TABLES][2] = {
      {"models", "model,data,seed,sequences,accuracy,accuracy_direct,match_errors\n"},
      {"heads", "model,head,strength,alone,without,fixes,match_alone,match_fixes\n"},
      {"ablations", "model,set,kept,heads,accuracy\n"},
      {"wiring", "model,layer1_head,layer0_head,kept,only,change\n"},
      {"key_sources", "model,layer1_head,layer0_head\n"},
      {"sets", "model,set,heads,accuracy\n"},
      {"correlations", "model,strength_alone\n"},
      {"runs",
       "model,run,figure,sequences,learned,learned_accuracy,learned_relabel,"
       "learned_exemplars,learned_classes,plateau,plateau_longest,plateau_between,drop,loss,"
       "accuracy,parameters,curves\n"},
      {"checkpoints", "model,sequences,loss,accuracy,loss_direct,accuracy_direct,strength0,"
                      "strength1,strength2,strength3,strength4,strength5,strength6,strength7\n"},
      {"toy", "model,clamp,plateau,learned,half,loss,curve\n"}};
  for (int t = 0; t < MADE_TABLES; t++) {
    texts[t] = (struct formation_text){.name = heads[t][0]};
    text_add(&texts[t].text, FORMATION_SOURCE "%s", heads[t][1]);
  }
  for (int seed = 5; seed < 7; seed++) {
    text_add(&texts[MADE_MODELS].text, "seed%d,F,%d,1000000,0.999,0.998,10\n", seed, seed);
    made_heads(seed, &texts[MADE_HEADS].text);
    made_ablations(seed, &texts[MADE_ABLATIONS].text);
    made_wiring(seed, &texts[MADE_WIRING].text);
    made_runs(seed, &texts[MADE_RUNS].text);
    for (int h = 0; h < 8; h++) {
      text_add(&texts[MADE_SOURCES].text, "seed%d,%d,2\n", seed, h);
      text_add(&texts[MADE_SETS].text, "seed%d,first %d,L1H0,0.9%d\n", seed, h + 1, h);
    }
    text_add(&texts[MADE_CORRELATIONS].text, "seed%d,0.95\n", seed);
    text_add(&texts[MADE_CHECKPOINTS].text,
             "seed%d,50000,0.7,0.5,0.7,0.49,0,0,0,0,0,0,0,0\n"
             "seed%d,100000,0.1,0.99,0.1,0.98,0,0,0,0,0,0,0,0\n",
             seed, seed);
    text_add(&texts[MADE_TOY].text,
             "seed%d,none,200,400,300,0.1,x\nseed%d,c,90,200,200,0.1,x\n"
             "seed%d,bc,9,20,20,0.1,x\n",
             seed, seed, seed);
  }
}

#endif

/* The models of the paper. */
#include "claims/arxiv_2407_10827/paper.h"

#include <string.h>

const struct pythia pythias[SIZES] = {{PYTHIA_70M, 6, 8, 512, 70e6},
                                      {PYTHIA_160M, 12, 12, 768, 160e6},
                                      {PYTHIA_410M, 24, 16, 1024, 410e6},
                                      {PYTHIA_1_4B, 24, 16, 2048, 14e9},
                                      {PYTHIA_2_8B, 32, 32, 2560, 28e9}};

double pythia_parameters(const struct pythia *p)
{
  double vocabulary = 50304, d = (double)p->hidden, l = (double)p->layers;
  return 2 * vocabulary * d + l * (12 * d * d + 13 * d) + 2 * d;
}

double pythia_edges(const struct pythia *p)
{
  double h = (double)p->heads, l = (double)p->layers;
  return (3 * h + 1) * (l + (h + 1) * l * (l - 1) / 2) + 1 + l * (h + 1);
}

const struct pythia *pythia_find(const char *key)
{
  for (size_t i = 0; i < SIZES; i++)
    if (strcmp(pythias[i].key, key) == 0)
      return &pythias[i];
  return NULL;
}

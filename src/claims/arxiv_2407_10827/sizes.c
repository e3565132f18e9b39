/* Nodes of circuits against parameters of models: the published correlation, with the sizes as its
 * script has them, as the models are called, and as they are. */
#include "base/correlation.h"
#include "base/text.h"
#include "claims/arxiv_2407_10827/paper.h"

#include "sleef_scalar.h"

#include <math.h>

#include <string.h>

/* The parameters of the assertion's model, by its shape. */
void size_parameters(const struct question *question, struct outcome *outcome)
{
  outcome_add(outcome, pythia_parameters(pythia_find(question->assertion->model)));
}

/* Sizes "as coded", "as called" (the two largest a tenth of what the script has) or "exact". */
static double size_of(const struct pythia *pythia, const char *sizes)
{
  if (strcmp(sizes, "exact") == 0)
    return pythia_parameters(pythia);
  bool wrong = pythia->as_coded > 1e10 && strcmp(sizes, "as called") == 0;
  return wrong ? pythia->as_coded / 10 : pythia->as_coded;
}

/* 1.96 standard errors of Fisher's z: the 97.5th percentile of the normal distribution. */
#define NORMAL_975 1.959963984540054

struct correlation {
  double r, low, high; /* with its 95 % interval */
};

/* tanh(z), by SLEEF's exp: the same bits everywhere. */
static double hyperbolic_tangent(double z)
{
  double e = Sleef_finz_expd1_u10purecfma(2 * z);
  return (e - 1) / (e + 1);
}

/* Fisher's interval: tanh(atanh(r) +- 1.96 / sqrt(n - 3)). */
static struct correlation with_interval(double r, size_t n)
{
  double z = .5 * Sleef_finz_logd1_u10purecfma((1 + r) / (1 - r));
  double half = NORMAL_975 / sqrt((double)n - 3);
  return (struct correlation){r, hyperbolic_tangent(z - half), hyperbolic_tangent(z + half)};
}

static bool correlate(const struct question *question, struct correlation *correlation,
                      struct outcome *outcome)
{
  double nodes[SIZES], sizes[SIZES];
  for (size_t i = 0; i < SIZES; i++) {
    struct series series;
    if (!series_read(question, "mean_nodes", pythias[i].key, "", NULL,
                     question_argument(question, 0), &series, outcome))
      return false;
    nodes[i] = series.value[0];
    sizes[i] = size_of(&pythias[i], question_argument(question, 1));
  }
  *correlation = with_interval(correlation_pearson(sizes, nodes, SIZES), SIZES);
  return true;
}

/* Pearson's r is positive. Arguments: task, sizes. */
void size_correlation(const struct question *question, struct outcome *outcome)
{
  struct correlation c;
  if (correlate(question, &c, outcome))
    outcome_words(outcome, c.r > 0, "r = %.3f, 95 %% %.2f to %.2f", c.r, c.low, c.high);
}

/* Its interval excludes 0. Arguments: as above. */
void size_significant(const struct question *question, struct outcome *outcome)
{
  struct correlation c;
  if (correlate(question, &c, outcome))
    outcome_words(outcome, c.low > 0, "%s: r = %.3f, 95 %% from %.2f", c.low > 0 ? "yes" : "no",
                  c.r, c.low);
}

#include "probe/sure.h"

#include "sleef_scalar.h"

#include <math.h>

#define NONE (-1)

int64_t sure_next_look(int64_t n, int64_t seen)
{
  int64_t look = seen ? 2 * seen : SURE_FIRST_LOOK;
  return look < n ? look : n;
}

int sure_looks(int64_t n)
{
  int looks = 0;
  for (int64_t look = sure_next_look(n, 0); look < n; look = sure_next_look(n, look))
    looks++;
  return looks;
}

/* One head at one look. */
struct look {
  const struct observed *observed;
  double means[OBSERVED_FIGURES], valid; /* share of the sequences */
  double share;                          /* L */
  int64_t n, next;                       /* sequences of the full batch, of the next look */
};

/* z = figure `plus` - weight * figure `minus`; NONE is the figure that is always 1. */
struct form {
  int plus, minus;
  double weight;
};

/* What the sequences say of a form. */
struct sign {
  double mean, bound;
  int now, next; /* -1, 0 = open, 1; the latter as it can be expected */
};

/* A figure's part in the mean of all sequences. */
static double part(const struct look *l, int figure, int64_t i)
{
  if (figure == NONE)
    return 1;
  double x = l->observed->figures[i][figure];
  if (!observed_of_valid_only(figure))
    return x;
  double mean = l->means[figure];
  return l->observed->b_position[i] >= 0 ? (x - mean) / l->valid + mean : mean;
}

static double value_of(const struct look *l, const struct form *f, int64_t i)
{
  return part(l, f->plus, i) - f->weight * part(l, f->minus, i);
}

static double bound(const struct look *l, double deviation, double range, int64_t m)
{
  double left = (double)(l->n - m) / (double)m, size = (double)m;
  return deviation * sqrt(2 * l->share * (left < 1 ? left : 1) / size) +
         range * l->share / (3 * size);
}

static int sign_of(double mean, double bound)
{
  return mean > bound ? 1 : mean < -bound ? -1 : 0;
}

/* Sums are in sequence order from +0. */
static struct sign sign(const struct look *l, const struct form *f)
{
  int64_t m = l->observed->n;
  double sum = 0, square = 0, least = INFINITY, most = -INFINITY;
  for (int64_t i = 0; i < m; i++) {
    double z = value_of(l, f, i);
    sum += z;
    least = z < least ? z : least;
    most = z > most ? z : most;
  }
  double mean = sum / (double)m;
  for (int64_t i = 0; i < m; i++) {
    double off = value_of(l, f, i) - mean;
    square += off * off;
  }
  double deviation = sqrt(square / (double)(m - 1));
  struct sign s = {.mean = mean, .bound = bound(l, deviation, most - least, m)};
  s.now = sign_of(mean, s.bound);
  s.next = sign_of(mean, bound(l, deviation, most - least, l->next));
  return s;
}

/* >= threshold: both forms positive; below: one of them negative. */
static int both(int a, int b)
{
  return a > 0 && b > 0 ? 1 : a < 0 || b < 0 ? -1 : 0;
}

static struct sign against(const struct look *l, enum head_class class, double threshold,
                           struct open_sign *open)
{
  const struct form baseline = {(int)class, OBSERVED_BASELINE, threshold};
  const struct form floor = {(int)class, NONE, threshold * BASELINE_FLOOR};
  struct sign a = sign(l, &baseline), b = sign(l, &floor);
  double unit = l->means[OBSERVED_BASELINE];
  struct sign s = unit > BASELINE_FLOOR ? a : b;
  unit = unit > BASELINE_FLOOR ? unit : BASELINE_FLOOR;
  s.now = both(a.now, b.now);
  s.next = both(a.next, b.next);
  double selectivity = l->means[class] / unit, reach = s.bound / unit;
  *open = (struct open_sign){class,       CLASS_UNCLASSIFIED,  threshold,
                             selectivity, selectivity - reach, selectivity + reach};
  return s;
}

static struct sign between(const struct look *l, enum head_class class, enum head_class other,
                           struct open_sign *open)
{
  const struct form difference = {(int)class, (int)other, 1};
  struct sign s = sign(l, &difference);
  double unit = l->means[OBSERVED_BASELINE];
  unit = unit > BASELINE_FLOOR ? unit : BASELINE_FLOOR;
  double value = (l->means[class] - l->means[other]) / unit, reach = s.bound / unit;
  *open = (struct open_sign){class, other, 0, value, value - reach, value + reach};
  return s;
}

/* All signs of a head that matter: against 30, of induction against 50, of the largest against
 * the others. */
struct signs {
  enum head_class largest;
  struct sign above[CLASS_COUNT], circuit, leads[CLASS_COUNT];
  struct open_sign above_open[CLASS_COUNT], circuit_open, leads_open[CLASS_COUNT];
};

static void take_signs(const struct look *l, struct signs *s)
{
  for (int c = 0; c < CLASS_COUNT; c++)
    s->above[c] = against(l, (enum head_class)c, CLASS_THRESHOLD, &s->above_open[c]);
  s->circuit = against(l, CLASS_INDUCTION, CIRCUIT_THRESHOLD, &s->circuit_open);
  for (int c = 0; c < CLASS_COUNT; c++)
    if (c != (int)s->largest)
      s->leads[c] = between(l, s->largest, (enum head_class)c, &s->leads_open[c]);
}

static int of(const struct sign *sign, bool next)
{
  return next ? sign->next : sign->now;
}

/* Unclassified: all below 30. Else the largest is at least 30 and above all that may be so. */
static bool class_settled(const struct signs *s, bool next)
{
  bool below = true, leads = of(&s->above[s->largest], next) > 0;
  for (int c = 0; c < CLASS_COUNT; c++) {
    below = below && of(&s->above[c], next) < 0;
    leads =
        leads && (c == (int)s->largest || of(&s->above[c], next) < 0 || of(&s->leads[c], next) > 0);
  }
  return below || leads;
}

static bool settled(const struct signs *s, bool next)
{
  return class_settled(s, next) && of(&s->above[CLASS_FIRST_TOKEN], next) != 0 &&
         of(&s->above[CLASS_INDUCTION], next) != 0 && of(&s->circuit, next) != 0;
}

static void list_open(const struct signs *s, struct sure_head *head)
{
  bool class = class_settled(s, false);
  for (int c = 0; c < CLASS_COUNT; c++)
    if (s->above[c].now == 0 && (!class || c == CLASS_FIRST_TOKEN || c == CLASS_INDUCTION))
      head->open[head->open_count++] = s->above_open[c];
  if (s->circuit.now == 0)
    head->open[head->open_count++] = s->circuit_open;
  for (int c = 0; c < CLASS_COUNT; c++)
    if (!class && c != (int)s->largest && s->above[c].now >= 0 && s->leads[c].now == 0)
      head->open[head->open_count++] = s->leads_open[c];
}

static double valid_share(const struct observed *observed)
{
  int64_t valid = 0;
  for (int64_t i = 0; i < observed->n; i++)
    valid += observed->b_position[i] >= 0;
  return (double)valid / (double)observed->n;
}

static double error_share(const struct sure_test *test)
{
  double signs = (double)SURE_SIGNS * (double)test->heads * (double)sure_looks(test->n);
  return Sleef_finz_logd1_u10purecfma(signs / test->error);
}

void sure_judge(const struct sure_test *test, const struct observed *observed,
                struct sure_head *head)
{
  struct head_row row;
  struct signs signs = {.largest = CLASS_INDUCTION};
  struct look look = {.observed = observed,
                      .valid = valid_share(observed),
                      .share = error_share(test),
                      .n = test->n,
                      .next = sure_next_look(test->n, observed->n)};
  observed_means(observed, NULL, look.means);
  observed_row(look.means, &row);
  for (int c = 1; c < CLASS_COUNT; c++)
    if (row.selectivity[c] > row.selectivity[signs.largest])
      signs.largest = (enum head_class)c;
  take_signs(&look, &signs);
  *head = (struct sure_head){.class = row.class, .settled = settled(&signs, false)};
  /* The full batch leaves nothing open. */
  head->expected = look.next == test->n || settled(&signs, true);
  if (!head->settled)
    list_open(&signs, head);
}

struct judging {
  const struct sure_test *test;
  const struct observations *observations;
  struct sure_head *heads;
};

static void judge(void *context, size_t index, int worker)
{
  (void)worker;
  const struct judging *j = context;
  const struct observed observed = observations_of(j->observations, index);
  sure_judge(j->test, &observed, &j->heads[index]);
}

bool sure_look(const struct sure_test *test, const struct observations *observations,
               struct threads *threads, struct sure_head *heads)
{
  struct judging judging = {test, observations, heads};
  bool hope = false;
  threads_run(threads, test->heads, judge, &judging);
  for (size_t i = 0; i < test->heads; i++)
    hope = hope || (!heads[i].settled && heads[i].expected);
  return !hope;
}

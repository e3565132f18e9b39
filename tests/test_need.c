/* A pass computes what its hooks read and nothing else: its count of operations, against formulas
 * of our own. */
#include "passing.h"

#include "pass/zero_head.h"

/* Multiply-adds: of a token, but attention, which is of a sequence. */
struct work {
  uint64_t keys, query, all_queries, last_query, projection, mlp, head;
};

static struct work work_of(const struct model_config *c)
{
  uint64_t hidden = c->hidden, t = PASSING_T;
  uint64_t gates = c->family == FAMILY_GPT_NEOX ? 2 : 3;
  struct work w = {.keys = 2 * hidden * c->kv_heads * c->head_dim,
                   .query = hidden * hidden,
                   .all_queries = hidden * t * (t + 1),
                   .last_query = 2 * hidden * t,
                   .projection = hidden * hidden,
                   .head = hidden * c->vocab};
  w.mlp = c->experts ? hidden * c->experts + gates * c->top_k * hidden * c->ffn
                     : gates * hidden * c->ffn;
  return w;
}

static uint64_t whole_layers(const struct work *w, uint64_t layers, uint64_t n)
{
  uint64_t token = w->keys + w->query + w->projection + w->mlp;
  return layers * n * (PASSING_T * token + w->all_queries);
}

static uint64_t screen_work(const struct work *w, uint64_t layers, uint64_t n)
{
  return whole_layers(w, layers - 1, n) + n * (PASSING_T * w->keys + w->query + w->last_query);
}

/* A screen that reads one more value. */
static uint64_t run_beside(const struct passing *p, const struct hook *more)
{
  struct hook hooks[3] = {{.site = {SITE_PATTERN, SITE_ALL, SITE_ALL},
                           .positions = {.kind = POSITIONS_LAST},
                           .read = passing_ignore}};
  hooks[1] = hooks[0];
  hooks[1].site.kind = SITE_HEAD_OUTPUT;
  hooks[2] = *more;
  return passing_operations(p, hooks, 3, PASSING_N);
}

/* What reading a site of the last layer adds to a screen, for `n` sequences. */
static uint64_t added(const struct work *w, enum site_kind kind, bool last, uint64_t n)
{
  uint64_t rows = n * (last ? 1 : PASSING_T);
  uint64_t queries =
      last ? 0 : PASSING_N * ((PASSING_T - 1) * w->query) + n * (w->all_queries - w->last_query);
  switch (kind) {
  case SITE_EMBEDDING:
  case SITE_KEY:
  case SITE_VALUE:
    return 0;
  case SITE_QUERY:
    return last ? 0 : PASSING_N * (PASSING_T - 1) * w->query;
  case SITE_SCORES:
  case SITE_PATTERN:
  case SITE_HEAD_OUTPUT:
    return queries;
  case SITE_ATTENTION_OUTPUT:
    return queries + rows * w->projection;
  case SITE_MLP_OUTPUT:
  case SITE_RESIDUAL:
  case SITE_FINAL_NORM:
    return queries + rows * (w->projection + w->mlp);
  case SITE_LOGITS:
    return queries + rows * (w->projection + w->mlp + w->head);
  }
  return 0;
}

static void test_last_layer(void **state)
{
  (void)state;
  for (size_t m = 0; m < passing_count(); m++) {
    struct passing p;
    passing_open_any(m, true, &p);
    size_t layers = p.model.config.layers;
    struct work w = work_of(&p.model.config);
    uint64_t screen = screen_work(&w, layers, PASSING_N);
    for (int kind = SITE_EMBEDDING; kind <= SITE_LOGITS; kind++)
      for (int last = 0; last < 2; last++) {
        size_t layer = site_has_layer((enum site_kind)kind) ? layers - 1 : 0;
        struct hook hook = {.site = {(enum site_kind)kind, layer, 0},
                            .positions = {.kind = last ? POSITIONS_LAST : POSITIONS_ALL},
                            .read = passing_ignore};
        assert_int_equal(run_beside(&p, &hook),
                         2 * (screen + added(&w, (enum site_kind)kind, last, PASSING_N)));
        if (!last)
          continue;
        hook.first = 2; /* of seven sequences alone */
        hook.end = 9;
        assert_int_equal(run_beside(&p, &hook),
                         2 * (screen + added(&w, (enum site_kind)kind, true, 7)));
      }
    passing_close(&p);
  }
}

/* A layer before the last is computed in full anyway. */
static void test_layers_before_cost_nothing(void **state)
{
  (void)state;
  for (size_t m = 0; m <= passing_count(); m++)
    for (int repeated = 0; repeated < 2; repeated++) {
      struct passing p;
      passing_open_any(m, !repeated, &p);
      struct hook none = {.site = {SITE_EMBEDDING, 0, 0}, .read = passing_ignore};
      uint64_t screen = run_beside(&p, &none);
      for (int kind = SITE_KEY; kind <= SITE_RESIDUAL; kind++)
        for (size_t layer = 0; layer + 1 < p.model.config.layers; layer++) {
          struct hook hook = {.site = {(enum site_kind)kind, layer, SITE_ALL},
                              .read = passing_ignore};
          assert_int_equal(run_beside(&p, &hook), screen);
        }
      passing_close(&p);
    }
}

/* Repeated tokens are looked up in layer 0, but for a replaced embedding. */
static void test_tables(void **state)
{
  (void)state;
  for (size_t m = 0; m < passing_count(); m++) {
    struct passing p;
    passing_open_any(m, false, &p);
    const struct model_config *c = &p.model.config;
    struct work w = work_of(c);
    uint64_t token = w.keys + w.query + (c->parallel_residual ? w.mlp : 0);
    uint64_t spared = (PASSING_N * PASSING_T - 61) * token; /* of 61 ids */
    struct hook hook = {.site = {SITE_EMBEDDING, 0, 0}, .read = passing_ignore};
    uint64_t screen = screen_work(&w, c->layers, PASSING_N);
    assert_int_equal(run_beside(&p, &hook), 2 * (screen - spared));
    struct hook writer = zero_head(0, 0); /* writes at the embedding what it finds no use for */
    writer.site = (struct site){SITE_EMBEDDING, 0, 0};
    writer.first = 1;
    assert_int_equal(run_beside(&p, &writer), 2 * screen);
    passing_close(&p);
  }
}

static void test_alone(void **state)
{
  (void)state;
  for (size_t m = 0; m < passing_count(); m++) {
    struct passing p;
    passing_open_any(m, true, &p);
    size_t layers = p.model.config.layers;
    struct work w = work_of(&p.model.config);
    struct hook hook = {.site = {SITE_EMBEDDING, 0, 0}, .read = passing_ignore};
    assert_int_equal(passing_operations(&p, &hook, 1, PASSING_N), 0);
    hook.site = (struct site){SITE_KEY, 1, 0};
    assert_int_equal(passing_operations(&p, &hook, 1, PASSING_N),
                     2 * (whole_layers(&w, 1, PASSING_N) + PASSING_N * PASSING_T * w.keys));
    hook.site = (struct site){SITE_RESIDUAL, 0, 0};
    assert_int_equal(passing_operations(&p, &hook, 1, PASSING_N),
                     2 * whole_layers(&w, 1, PASSING_N));
    hook.site = (struct site){SITE_LOGITS, 0, 0};
    hook.positions.kind = POSITIONS_LAST;
    hook.first = 3;
    hook.end = 5;
    assert_int_equal(passing_operations(&p, &hook, 1, PASSING_N),
                     2 * (screen_work(&w, layers, 2) + 2 * (w.projection + w.mlp + w.head)));
    hook = zero_head(0, 1);
    assert_int_equal(passing_operations(&p, &hook, 1, PASSING_N), 0);
    assert_int_equal(passing_operations(&p, NULL, 0, PASSING_N), 0);
    passing_close(&p);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_last_layer),
      cmocka_unit_test(test_layers_before_cost_nothing),
      cmocka_unit_test(test_tables),
      cmocka_unit_test(test_alone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

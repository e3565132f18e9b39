/* How circuits change over training, against an independent implementation. */
#include "choosing.h"

#include "circuit/circuit_change.h"

static void take(const json_t *list, unsigned char *kept, size_t edges)
{
  memset(kept, 0, edges);
  for (size_t i = 0; i < json_array_size(list); i++)
    kept[json_integer_value(json_array_get(list, i))] = true;
}

static void assert_near(double got, const char *text)
{
  double wanted = strtod(text, NULL);
  if (!*text || strcmp(text, "nan") == 0) {
    assert_true(isnan(got));
    return;
  }
  if (!(fabs(got - wanted) <= 1e-12 * fmax(1, fabs(wanted))))
    fail_msg("%.17g in place of %s", got, text);
}

#define EDGES 479 /* at most */

struct course {
  unsigned char kept[2][EDGES], kept50[2][EDGES];
  double scores[2][EDGES];
  struct circuit_average plain, weighted;
};

static void assert_row(struct course *c, size_t r, size_t edges, const struct fixture *csv)
{
  struct circuit_change all, fifty;
  int now = r % 2, before = !now;
  circuit_change(&(struct scored_circuit){c->kept[before], c->scores[before]},
                 &(struct scored_circuit){c->kept[now], c->scores[now]}, edges, &all);
  circuit_change(&(struct scored_circuit){c->kept50[before], c->scores[before]},
                 &(struct scored_circuit){c->kept50[now], c->scores[now]}, edges, &fifty);
  circuit_average_add(&c->plain, all.jaccard);
  circuit_average_add(&c->weighted, all.weighted_jaccard);
  assert_near(all.jaccard, fixture_text(csv, r, "jaccard"));
  assert_near(all.weighted_jaccard, fixture_text(csv, r, "wjaccard"));
  assert_near(fifty.jaccard, fixture_text(csv, r, "jaccard50"));
  assert_near(fifty.weighted_jaccard, fixture_text(csv, r, "wjaccard50"));
  assert_int_equal(all.added, fixture_number(csv, r, "added"));
  assert_int_equal(all.removed, fixture_number(csv, r, "removed"));
  double open = 0; /* what the 12 digits of the scores leave open of their sum */
  for (size_t e = 0; e < edges; e++)
    open += 5e-12 * (fabs(c->scores[0][e]) + fabs(c->scores[1][e]));
  double gtd = fixture_number(csv, r, "gtd");
  assert_true(fabs(all.score_gain + all.score_loss - gtd) <= open + 1e-12 * gtd);
  assert_near(c->plain.change, fixture_text(csv, r, "jaccard_ewma_change"));
  assert_near(c->plain.similarity, fixture_text(csv, r, "jaccard_ewma_similarity"));
  assert_near(c->weighted.change, fixture_text(csv, r, "wjaccard_ewma_change"));
  assert_near(c->weighted.similarity, fixture_text(csv, r, "wjaccard_ewma_similarity"));
}

static void test_courses(void **state)
{
  (void)state;
  static const char *const courses[] = {"gpt_neox-copy", "gpt_neox-starts", "olmo-copy",
                                        "olmo-starts", "olmoe-boundary"};
  for (size_t i = 0; i < sizeof courses / sizeof *courses; i++) {
    static struct course c;
    char name[64];
    snprintf(name, sizeof name, "%s.json", courses[i]);
    json_t *json = read_json(place_of("trajectory"), name);
    snprintf(name, sizeof name, "%s.csv", courses[i]);
    struct fixture csv = fixture_read(place_of("trajectory"), name);
    struct graph g = make_graph(4, 4, strncmp(courses[i], "gpt", 3) == 0);
    c.plain = c.weighted = circuit_average_start();
    assert_int_equal(json_array_size(json), csv.rows);
    for (size_t r = 0; r < csv.rows; r++) {
      const json_t *row = json_array_get(json, r), *scores = json_object_get(row, "score");
      assert_int_equal(json_array_size(scores), g.edges);
      take(json_object_get(row, "search"), c.kept[r % 2], g.edges);
      take(json_object_get(row, "greedy50"), c.kept50[r % 2], g.edges);
      for (size_t e = 0; e < g.edges; e++)
        c.scores[r % 2][e] = json_number_value(json_array_get(scores, e));
      bool nodes[64];
      assert_int_equal(choice_nodes(&g, c.kept[r % 2], nodes), fixture_number(&csv, r, "nodes"));
      if (r)
        assert_row(&c, r, g.edges, &csv);
    }
    fixture_free(&csv);
    json_decref(json);
  }
}

static void test_edits_may_cancel(void **state)
{
  (void)state;
  const unsigned char a[4] = {true, true, false, false}, b[4] = {true, false, true, false};
  const double s[4] = {1, 2, 0, 0}, t[4] = {1, 1, -2, 1};
  struct circuit_change change;
  circuit_change(&(struct scored_circuit){a, s}, &(struct scored_circuit){b, t}, 4, &change);
  assert_true(change.added == 1 && change.removed == 1);
  assert_true(change.signed_edits == 0 && change.absolute_edits == 4);
  assert_true(change.score_gain == 1 && change.score_loss == 3);
  assert_true(circuit_jaccard(a, b, 4) == 1. / 3);
  assert_true(isnan(circuit_jaccard(a, b, 0)));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_courses),
      cmocka_unit_test(test_edits_may_cancel),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The size of circuits: searches of the reference, and the published ones, step by step. */
#include "choosing.h"

#include "circuit/size_search.h"
#include "claims/paper.h"
#include "claims/published.h"

static struct error error;

struct replay {
  const double (*known)[2]; /* size, ratio */
  size_t known_count;
  struct {
    size_t size;
    enum size_phase phase;
  } visits[4096];
  size_t count;
};

static int ratio_of(void *context, size_t size, double *ratio, struct error *e)
{
  const struct replay *replay = context;
  for (size_t i = 0; i < replay->known_count; i++)
    if (replay->known[i][0] == (double)size) {
      *ratio = replay->known[i][1];
      return 0;
    }
  return error_set(e, EXIT_CHECK, "size %zu was not evaluated", size);
}

static void visited(void *context, size_t size, double ratio, enum size_phase phase)
{
  struct replay *replay = context;
  (void)ratio;
  assert_true(replay->count < 4096);
  replay->visits[replay->count].size = size;
  replay->visits[replay->count++].phase = phase;
}

static struct size_search search_of(struct replay *replay, size_t bound, bool stop)
{
  return (struct size_search){bound, SIZE_SEARCH_THRESHOLD, stop, ratio_of, visited, replay};
}

static void assert_search(struct replay *replay, size_t bound, size_t size, bool met)
{
  struct size_found found;
  const struct size_search search = search_of(replay, bound, false);
  replay->count = 0;
  if (size_search_run(&search, &found, &error))
    fail_msg("%s", error.text);
  assert_int_equal(found.size, size);
  assert_int_equal(found.met, met);
}

static void test_searches_of_the_reference(void **state)
{
  (void)state;
  for (size_t i = 0; i < MODELS; i++) {
    struct model m = open_model(models[i]);
    struct fixture path = fixture_read(place_of(models[i]), "search.csv");
    static double known[4096][2];
    static struct replay replay;
    for (size_t r = 0; r < path.rows; r++) {
      known[r][0] = fixture_number(&path, r, "size");
      known[r][1] = fixture_number(&path, r, "ratio");
    }
    replay.known = (const double(*)[2])known;
    replay.known_count = path.rows;
    assert_search(&replay, m.graph.edges, m.chosen_size, m.chosen_size < m.graph.edges);
    assert_int_equal(replay.count, path.rows);
    for (size_t r = 0; r < path.rows; r++) {
      assert_int_equal(replay.visits[r].size, known[r][0]);
      assert_string_equal(size_phase_name(replay.visits[r].phase), fixture_text(&path, r, "phase"));
    }
    fixture_free(&path);
    close_model(&m);
  }
}

/* The four published searches of Pythia-160M: exactly the published sizes, and no others. */
static void test_published_searches(void **state)
{
  (void)state;
  static const struct {
    const char *model;
    size_t sizes, answer;
  } seeds[] = {{"pythia-160m", 48, 420},
               {"pythia-160m-seed1", 42, 169},
               {"pythia-160m-seed2", 51, 125},
               {"pythia-160m-seed3", 53, 122}};
  struct published_tables tables;
  assert_int_equal(published_load("golden/published-circuits", papers, &tables, &error), 0);
  const struct published_table *all = published_find(&tables, "ratio_by_size");
  assert_non_null(all);
  for (size_t s = 0; s < 4; s++) {
    static double known[256][2];
    static struct replay replay;
    size_t count = 0, distinct = 0;
    for (size_t r = 0; r < all->rows; r++) {
      const char **cells = all->cells + r * all->schema->column_count;
      if (strcmp(cells[0], seeds[s].model) != 0)
        continue;
      known[count][0] = strtod(cells[3], NULL);
      known[count++][1] = strtod(cells[4], NULL);
    }
    replay.known = (const double(*)[2])known;
    replay.known_count = count;
    assert_int_equal(count, seeds[s].sizes);
    assert_search(&replay, 1600, seeds[s].answer, true);
    for (size_t i = 0; i < count; i++) {
      size_t at = 0;
      while (at < replay.count && (double)replay.visits[at].size != known[i][0])
        at++;
      distinct += at < replay.count;
    }
    assert_int_equal(distinct, count);
  }
  published_free(&tables);
}

static int never(void *context, size_t size, double *ratio, struct error *e)
{
  (void)e;
  ++*(size_t *)context;
  *ratio = size == 11 ? .79999 : .5;
  return 0;
}

static int failing(void *context, size_t size, double *ratio, struct error *e)
{
  (void)context;
  *ratio = 0;
  return size == 50 ? error_set(e, EXIT_RUN, "no memory") : 0;
}

static void test_never_met_and_stopped(void **state)
{
  (void)state;
  size_t calls = 0;
  struct size_found found;
  struct size_search search = {100, SIZE_SEARCH_THRESHOLD, false, never, NULL, &calls};
  assert_int_equal(size_search_run(&search, &found, &error), 0);
  assert_false(found.met);
  assert_int_equal(found.size, 100);
  assert_int_equal(calls, 3); /* 25, 50, 75 */
  assert_int_equal(size_scan_run(&search, &found, &error), 0);
  assert_false(found.met);
  assert_int_equal(calls, 103);
  search.threshold = .7;
  assert_int_equal(size_scan_run(&search, &found, &error), 0);
  assert_true(found.met && found.size == 11);
  search.ratio = failing;
  assert_int_equal(size_search_run(&search, &found, &error), EXIT_RUN);
}

/* Every search of a course follows the reference's path, fed with its ratios. */
static void test_searches_of_courses(void **state)
{
  (void)state;
  json_t *json = read_json(place_of("trajectory"), "olmo-starts.json");
  struct fixture csv = fixture_read(place_of("trajectory"), "olmo-starts.csv");
  for (size_t r = 0; r < csv.rows; r++) {
    static double known[4096][2];
    static struct replay replay;
    const json_t *path = json_object_get(json_array_get(json, r), "path");
    replay.known_count = json_array_size(path);
    for (size_t i = 0; i < replay.known_count; i++)
      for (size_t k = 0; k < 2; k++)
        known[i][k] = json_number_value(json_array_get(json_array_get(path, i), k));
    replay.known = (const double(*)[2])known;
    size_t size = (size_t)fixture_number(&csv, r, "size");
    assert_search(&replay, 479, size, size < 479);
    assert_int_equal(replay.count, replay.known_count);
    for (size_t i = 0; i < replay.count; i++)
      assert_int_equal(replay.visits[i].size, known[i][0]);
  }
  fixture_free(&csv);
  json_decref(json);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_searches_of_the_reference),
      cmocka_unit_test(test_published_searches),
      cmocka_unit_test(test_never_met_and_stopped),
      cmocka_unit_test(test_searches_of_courses),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Courses of circuits read back from their folders: the same figures and verdicts, and what is not
 * theirs refused; by claims, show and report, too. */
#include "courses.h"
#include "workshop.h"

#include "claims/verdicts.h"

static struct error error;

static void held(int status, const struct error *e)
{
  if (status)
    fail_msg("%s", e->text);
}

/* --- tables --- */

static const struct table_column columns[] = {{"name", NULL, CELL_TEXT},
                                              {"count", NULL, CELL_INTEGER},
                                              {"value", NULL, CELL_NUMBER},
                                              {"flag", NULL, CELL_FLAG}};

static int parse(const char *text, struct table *table)
{
  error = (struct error){0};
  return table_parse("t.csv", text, strlen(text), ',', columns, 4, table, &error);
}

static void test_table(void **state)
{
  (void)state;
  struct table table;
  struct text text = {0};
  static const char good[] = "name,count,value,flag\na,-3,0.5,yes\n,,,\nb,7,-1e-300,no\n";
  assert_int_equal(parse(good, &table), 0);
  assert_int_equal(table_rows(&table), 3);
  assert_string_equal(table_text_at(&table, 2, 0), "b");
  assert_string_equal(table_text_at(&table, 1, 0), "");
  assert_true(table_at(&table, 0, 1)->integer == -3 && table_at(&table, 1, 1)->missing);
  assert_true(table_at(&table, 0, 2)->number == .5 && table_at(&table, 0, 3)->flag);
  table_separated(&table, ',', "", &text);
  assert_non_null(strstr(text.data, "a,-3,0.5,yes\n,,,\nb,7,-1e-300,no\n"));
  text_free(&text);
  table_free(&table);
  static const char *const bad[][2] = {
      {"", "t.csv: line 1: no newline"},
      {"name,count,value\n", "line 1: column 4 must be flag"},
      {"name,count,value,flag,x\n", "line 1: has more than 4"},
      {"name,count,value,flag\na,1,2\n", "line 2: has 3 cells"},
      {"name,count,value,flag\na,1,2,no,\n", "line 2: has more than 4"},
      {"name,count,value,flag\na,1.5,2,no\n", "line 2, column count: must be an integer"},
      {"name,count,value,flag\na,1,nan,no\n", "line 2, column value: must be a number"},
      {"name,count,value,flag\na,1,2,maybe\n", "line 2, column flag: must be yes or no"},
      {"name,count,value,flag\na,1,2,no", "line 2: no newline"},
      {"name,count,value,flag\na\x1b[2J,1,2,no\n", "line 2, column name: must be a short text"},
      {"name,count,value,flag\na,9223372036854775808,2,no\n", "column count"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_int_equal(parse(bad[i][0], &table), EXIT_INPUT);
    support_assert_error(&error, EXIT_INPUT, bad[i][1]);
    table_free(&table);
  }
  error = (struct error){0};
}

/* --- folders --- */

/* The course that is made up, with components, in a folder. */
static void write_course(const char *directory)
{
  struct circuit_course course = make_course();
  for (size_t r = 0; r < REVISIONS; r++)
    give_component(course.revisions[r].found,
                   &(struct component){.patterns = {.5, .25, NAN},
                                       .mover = {7, r + 1, 2, .5, .125, NAN},
                                       .direct = -2});
  struct course_files files = make_files(&course);
  held(course_files_write(directory, &files, &error), &error);
  course_files_free(&files);
  circuit_course_free(&course);
}

static void test_round(void **state)
{
  (void)state;
  const char *directory = support_path("round");
  struct course_folder folder;
  struct circuit_course made = make_course();
  write_course(directory);
  held(course_folder_load(directory, &folder, &error), &error);
  const struct circuit_course *c = &folder.course;
  assert_int_equal(c->revision_count, REVISIONS);
  assert_string_equal(c->model, "toy");
  assert_string_equal(c->tasks[0].name, "copy");
  assert_int_equal(c->graph.edges, made.graph.edges);
  for (size_t r = 0; r < REVISIONS; r++) {
    const struct found *a = c->revisions[r].found, *b = made.revisions[r].found;
    assert_string_equal(c->revisions[r].name, made.revisions[r].name);
    assert_true(a->clean == b->clean && a->corrupted == b->corrupted && a->correct == b->correct);
    assert_int_equal(a->by[0].is.edges, b->by[0].is.edges);
    assert_memory_equal(a->by[0].kept, b->by[0].kept, a->graph.edges);
    assert_memory_equal(a->by[1].kept, b->by[1].kept, a->graph.edges);
    assert_int_equal(a->components[0].mover.copied, r + 1);
    assert_true(a->components[0].direct == -2 && isnan(a->components[0].patterns.duplicate));
  }
  course_folder_free(&folder);
  circuit_course_free(&made);
}

/* Whatever is changed in the files, they are refused with where and what. */
static void test_refused(void **state)
{
  (void)state;
  static const struct {
    const char *change, *words;
  } cases[] = {
      {"s/\"format\": 1/\"format\": 2/' circuits.json", "\"format\" is 2"},
      {"s/\"kind\": \"trained\"/\"kind\": \"real?\"/' circuits.json", "\"kind\" is \"real?\""},
      {"s/\"edges\": 7/\"edges\": 8/' circuits.json", "graph: has 8 edges, but"},
      {"s/\"layers\": 1/\"layers\": 5000/' circuits.json", "\"layers\" is 5000"},
      {"s/\"0 1 5\"/\"0 5 1\"/' circuits.json", "must be numbers of edges, ascending"},
      {"s/\"0 1 5\"/\"0 1 99\"/' circuits.json", "must be numbers of edges, ascending, 0 to"},
      {"s/\"0 1 5\"/\"0 1\"/' circuits.json", "has 2 edges, its table says 3"},
      {"s/\"name\": \"step1\"/\"name\": \"other\"/' circuits.json",
       "column revision: must be other"},
      {"s/\"tasks\": \\[/\"tasks\": [7,/' circuits.json", "tasks[0]: must be an object"},
      {"s/\"task\": \"copy\"/\"task\": \"..\\/copy\"/' circuits.json", "must be a plain name"},
      {"3d' copy.csv", "has 4 revisions, its table 3 rows"},
      {"2s/,4,/,0,/' copy.csv", "copy.csv: line 2, column pairs"},
      {"2s/,yes,/,perhaps,/' copy.csv", "column met: must be yes or no"},
      {"1s/clean/dirty/' copy.csv", "column 5 must be clean"},
      {"3d' components.csv", "components.csv: has 3 rows, must have 4"},
      {"3s/step1/step9/' components.csv", "components.csv: line 3, column revision"},
      {"3s/,7,/,x,/' components.csv", "column cases: must be an integer"},
      {"3s/,7,/,-7,/' components.csv", "components.csv: line 3, column cases"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct course_folder folder;
    char directory[512];
    snprintf(directory, sizeof directory, "%s", workshop_path("refused"));
    workshop_shell("rm -rf %s", directory);
    error = (struct error){0};
    write_course(directory);
    workshop_shell("cd %s && sed -i '%s", directory, cases[i].change);
    if (course_folder_load(directory, &folder, &error) != EXIT_INPUT)
      fail_msg("%s: %s", cases[i].change, error.text);
    support_assert_error(&error, EXIT_INPUT, cases[i].words);
  }
  error = (struct error){0};
}

/* Without components, as an older attest wrote it. */
static void test_older(void **state)
{
  (void)state;
  struct course_folder folder;
  const char *directory = workshop_path("older");
  write_course(directory);
  workshop_shell("rm %s/components.csv", directory);
  held(course_folder_load(directory, &folder, &error), &error);
  assert_false(circuit_course_has_components(&folder.course));
  struct claim_list list = evaluate(&folder.course);
  assert_int_equal(verdicts_components(&list), 0);
  claims_free(&list);
  course_folder_free(&folder);
}

/* The goldens give the verdicts that stand beside them, which runs have given. */
static void test_goldens(void **state)
{
  (void)state;
  static const char *const folders[] = {"golden/circuits-gpt_neox", "golden/circuits-olmo",
                                        "golden/circuits-olmoe"};
  for (size_t i = 0; i < 3; i++) {
    struct course_folder folder;
    char *difference;
    held(course_folder_load(folders[i], &folder, &error), &error);
    struct claim_list list = evaluate(&folder.course);
    held(verdicts_compare(&list, folders[i], &difference, &error), &error);
    if (difference)
      fail_msg("%s", difference);
    claims_free(&list);
    course_folder_free(&folder);
  }
}

/* --- commands --- */

static void test_commands(void **state)
{
  (void)state;
  char *text = workshop_run(EXIT_CHECK, "claims golden/circuits-olmo");
  workshop_contains(text, "Circuits of nursery-olmo over 10 revisions (trained)");
  workshop_contains(text, "P2-60");
  free(text);
  text = workshop_run(EXIT_HELD, "show golden/circuits-olmo");
  workshop_contains(text, "task copy, scores ig10_first1, greedy choice, threshold 0.8:");
  workshop_contains(text, "step1186    8.68841");
  free(text);
  text = workshop_run(EXIT_HELD, "show golden/circuits-olmo --head 3.1 --json -");
  json_t *json = workshop_json_text(text);
  assert_int_equal(json_array_size(json_object_get(json, "components")), 30);
  json_decref(json);
  free(text);
  text = workshop_run(EXIT_HELD, "show golden/circuits-olmo --revision step817");
  workshop_contains(text, "step817:\n");
  free(text);
  free(workshop_refuse(EXIT_INPUT, "holds tables (tables.json), which attest claims evaluates",
                       "show golden/formation-core"));
  free(workshop_refuse(EXIT_INPUT, "holds neither trajectory.json nor circuits.json; name the",
                       "show golden/published"));
  free(workshop_refuse(EXIT_INPUT, "no such head", "show golden/circuits-olmo --head L4H0"));
  free(workshop_refuse(EXIT_INPUT, "--head x: must be one head, LAYER.HEAD or L4H4",
                       "show golden/circuits-olmo --head x"));
  free(workshop_refuse(EXIT_INPUT, "no such revision", "show golden/circuits-olmo --revision x"));
  free(workshop_refuse(EXIT_INPUT, "--series: is of trajectories",
                       "show golden/circuits-olmo --series pr"));
  free(workshop_refuse(EXIT_INPUT, "a second folder of circuits",
                       "claims golden/circuits-olmo golden/circuits-olmo"));
  text = workshop_run(EXIT_HELD, "report golden/circuits-olmo --format markdown --out -");
  workshop_contains(text, "P2-60");
  free(text);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_table), cmocka_unit_test(test_round),   cmocka_unit_test(test_refused),
      cmocka_unit_test(test_older), cmocka_unit_test(test_goldens), cmocka_unit_test(test_commands),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

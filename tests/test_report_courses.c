/* Reports of runs of our own: circuits over training, training curves and clamped runs; of heads
 * that the reader chose; and Markdown that fits into a comment. Points are recomputed from what the
 * run wrote. */
#include "reporting.h"

#include "report/fit.h"
#include "study/formation_figures.h"

#define RUNS                                                                                       \
  "{\"format\": 1, \"model\": \"tiny\", \"kind\": \"trained\", \"source\": \"s\", \"caveat\": "    \
  "\"c\", \"golden\": null,\n \"formation\": {\"items\": \"F\", \"seeds\": [6], "                  \
  "\"figures\": [\"3\", \"5a\", \"5b\"], \"shorten\": 200, \"stride\": 3001}}\n"

static char *read_report(const char *name)
{
  size_t size;
  return support_read(workshop_path(name), &size);
}

/* The position of a value on a linear axis from `from` to `to`, as the ticks say it: of the first
 * and the last label. */
struct axis {
  double low, high, from, to;
};

static double place(const struct axis *axis, double value)
{
  return axis->from + (axis->to - axis->from) * (value - axis->low) / (axis->high - axis->low);
}

/* Ticks of a plot: vertical grid lines have their label below (`M x bottom V top`), horizontal ones
 * at the left (`M x y H x2`). */
static struct axis read_axis(const char *plot, bool horizontal)
{
  struct axis axis = {NAN, NAN, NAN, NAN};
  const char *end = strstr(plot, "</svg>");
  for (const char *at = plot; (at = strstr(at, "<path class=\"grid\" d=\"M")) && at < end; at++) {
    double x, y;
    char way;
    assert_int_equal(sscanf(at, "<path class=\"grid\" d=\"M%lf %lf%c", &x, &y, &way), 3);
    if ((way == 'V') != horizontal)
      continue;
    const char *label = strstr(at, "<text");
    double value = strtod(strchr(label, '>') + 1, NULL), position = horizontal ? x : y;
    if (isnan(axis.low)) {
      axis.low = value;
      axis.from = position;
    }
    axis.high = value;
    axis.to = position;
  }
  assert_true(axis.high > axis.low);
  return axis;
}

/* The points of a line, which is the second of its class: the first is that of the legend. */
static size_t read_line(const char *plot, const char *class, double points[][2], size_t most)
{
  char words[64];
  snprintf(words, sizeof words, "<path class=\"%s\" d=\"M", class);
  const char *at = strstr(plot, words);
  at = at ? strstr(at + 1, words) : NULL;
  if (!at || at > strstr(plot, "</svg>"))
    fail_msg("no line of class %s", class);
  char *next = (char *)(uintptr_t)at + strlen(words) - 1;
  for (size_t count = 0; count < most; count++) {
    points[count][0] = strtod(next + 1, &next);
    points[count][1] = strtod(next + 1, &next);
    if (*next != 'L')
      return count + 1;
  }
  fail_msg("more than %zu points", most);
  return 0;
}

/* The class of the line that the legend calls so. */
static void read_class(const char *plot, const char *name, char class[32])
{
  char words[240];
  snprintf(words, sizeof words, ">%s</text>", name);
  const char *at = strstr(plot, words);
  if (!at || at > strstr(plot, "</svg>"))
    fail_msg("%s is not in the legend", name);
  while (strncmp(at, "<path class=\"line ", 18) != 0)
    at--;
  snprintf(class, 32, "%.*s", (int)strcspn(at + 13, "\""), at + 13);
}

/* First, middle and last point of a curve in curves.csv lie where the report draws them. */
static void check_curve(const char *html, const char *csv, const char *title, const char *figure,
                        const char *name)
{
  static double drawn[4096][2], values[4096][2];
  char start[200], class[32];
  const char *plot = find_plot(html, title);
  struct axis x = read_axis(plot, true), y = read_axis(plot, false);
  snprintf(start, sizeof start, "F-seed6 %s", name);
  read_class(plot, start, class);
  size_t points = read_line(plot, class, drawn, 4096), rows = 0;
  snprintf(start, sizeof start, "\nF-seed6,%s,%s,", figure, name);
  for (const char *at = csv; (at = strstr(at, start)); at++, rows++) {
    char *next;
    values[rows][0] = strtod(at + strlen(start), &next);
    values[rows][1] = strtod(next + 1, NULL);
  }
  size_t step = (rows + RESULT_POINTS - 2) / (RESULT_POINTS - 1); /* of long ones, every step-th */
  assert_true(rows >= 3 && points == (rows - 1 + step - 1) / step + 1);
  for (int which = 0; which < 3; which++) {
    size_t at = which == 0 ? 0 : which == 1 ? points / 2 : points - 1;
    size_t i = which == 2 ? rows - 1 : at * step;
    if (fabs(drawn[at][0] - place(&x, values[i][0])) > .11 ||
        fabs(drawn[at][1] - place(&y, values[i][1])) > .11)
      fail_msg("%s: point %zu of %s, %g, %g", title, i, name, values[i][0], values[i][1]);
  }
}

static void test_curves(void **state)
{
  size_t size;
  (void)state;
  support_write(workshop_path("runs.json"), RUNS, strlen(RUNS));
  free(workshop_run(EXIT_HELD, "reproduce %s --allow-uncompared --work %s --plots %s --report %s",
                    workshop_path("runs.json"), workshop_path("w"), workshop_path("plots"),
                    workshop_path("runs.html")));
  char *html = read_report("runs.html");
  char *csv = support_read(workshop_path("plots/curves.csv"), &size);
  check_curve(html, csv, "tiny: Figure 3a: nothing clamped", "3", "fsl_train");
  check_curve(html, csv, "tiny: Figure 3b: induction strengths", "3b", "head 0");
  check_curve(html, csv, "tiny: Figure 5a: the toy model", "5a", "bc");
  check_curve(html, csv, "tiny: Figure 5b: six clamps", "5b", "layer0_copy");
  workshop_contains(find_plot(html, "tiny: Figure 5b: six clamps"), "chance, ln 2</text>");
  assert_true(strlen(html) < 2000000);
  free(html);
  free(csv);
}

/* Edges and overlap of three revisions, as the table of the run has them. */
static void test_circuits(void **state)
{
  static const char manifest[] = "manifests/circuits/nursery-olmo.json";
  char path[600], title[200];
  (void)state;
  json_t *m = workshop_json(manifest), *revisions = json_object_get(m, "revisions");
  while (json_array_size(revisions) > 3)
    json_array_remove(revisions, 1);
  json_t *circuits = json_object_get(m, "circuits"), *tasks = json_object_get(circuits, "tasks");
  json_array_remove(tasks, 2);
  json_object_set_new(circuits, "pairs", json_integer(2));
  json_object_set_new(circuits, "method", json_string("eap"));
  json_object_set_new(m, "golden", json_null());
  workshop_shell("mkdir -p %s/manifests/circuits && cp -r manifests/tasks %s/manifests && "
                 "ln -s \"$PWD\"/manifests/nursery.tar.zst %s/manifests",
                 support_directory(), support_directory(), support_directory());
  snprintf(path, sizeof path, "%s/%s", support_directory(), manifest);
  workshop_json_write(path, m);
  json_decref(m);
  free(workshop_run(EXIT_HELD, "reproduce %s --allow-uncompared --work %s --report %s --json %s",
                    path, workshop_path("w"), workshop_path("circuits.html"),
                    workshop_path("json")));
  char *html = read_report("circuits.html");
  json_t *run = workshop_json(workshop_path("json")), *result, *row;
  json_t *results =
      json_object_get(json_array_get(json_object_get(run, "manifests"), 0), "results");
  size_t i, k, tables = 0, points = 0;
  json_array_foreach(results, i, result)
  {
    const char *name = json_string_value(json_object_get(result, "name"));
    if (strcmp(name, "circuits") != 0)
      continue;
    const char *file = json_string_value(json_object_get(result, "title"));
    assert_int_equal(strncmp(file, "nursery-", 8), 0);
    const char *task = file + 8; /* nursery-copy.jsonl is the task copy */
    size_t edges = 0, jaccard = 0, step = 0, column;
    json_t *key;
    json_array_foreach(json_object_get(result, "columns"), column, key)
    {
      edges = strcmp(json_string_value(key), "edges") == 0 ? column : edges;
      jaccard = strcmp(json_string_value(key), "jaccard") == 0 ? column : jaccard;
      step = strcmp(json_string_value(key), "step") == 0 ? column : step;
    }
    json_array_foreach(json_object_get(result, "rows"), k, row)
    {
      double x = json_number_value(json_array_get(row, step));
      snprintf(title, sizeof title, "%.*s: %.6g, %.6g", (int)strcspn(task, "."), task, x,
               json_number_value(json_array_get(row, edges)));
      find_in_plot(find_plot(html, "nursery-olmo: Edges of the circuit"), title);
      snprintf(title, sizeof title, "%.*s: %.6g, %.6g", (int)strcspn(task, "."), task, x,
               json_number_value(json_array_get(row, jaccard)));
      if (k)
        find_in_plot(
            find_plot(html, "nursery-olmo: Overlap with the circuit of the revision before"),
            title);
      points++;
    }
    tables++;
  }
  assert_int_equal(tables, 2);
  assert_int_equal(points, 6);
  json_decref(run);
  free(html);
}

/* --- chosen heads --- */

static float weight(const float *weights, size_t sequence, size_t position)
{
  return weights[((sequence * 4 + 2) * 4 + 1) * 64 + position]; /* L2H1 of 4 layers of 4 heads */
}

/* Where a head looks: six places over training, and every position of the first sequences. */
static void test_chosen(void **state)
{
  const char *dump = workshop_path("dump"), *html_path = workshop_path("chosen.html");
  char title[300];
  size_t size;
  (void)state;
  free(workshop_run(EXIT_HELD,
                    "screen manifests/nursery.tar.zst:nursery-olmo/step2500 --n 8 --pr-n 8 "
                    "--seq-len 64 --vocab 1:97 --dump %s --dump-n 8 --quiet",
                    dump));
  free(workshop_run(EXIT_HELD, "report golden/nursery-olmo --heads L2H1 --rows %s --out %s", dump,
                    html_path));
  char *html = support_read(html_path, &size);
  struct trajectory t;
  struct error error = {0};
  assert_int_equal(trajectory_load("golden/nursery-olmo", &t, &error), 0);
  const char *plot = find_plot(html, "Where L2H1 of nursery-olmo looks, over training");
  for (size_t r = 0; r < t.count; r += 4) {
    const struct head_row *row = &t.revisions[r].heads[2 * 4 + 1];
    snprintf(title, sizeof title, "first position, %s: %.6g, %.4g %%", t.revisions[r].name,
             t.revisions[r].tokens, 100 * row->selectivity[CLASS_FIRST_TOKEN] * row->baseline);
    find_in_plot(plot, title);
  }
  trajectory_free(&t);
  find_plot(html, "Attention row of L2H1, nursery-olmo");
  char *file = support_read(workshop_path("dump/attn_last.npy"), &size);
  const size_t floats = 8 * 4 * 4 * 64;
  assert_true(size > floats * sizeof(float));
  float *weights = malloc(floats * sizeof *weights);
  assert_non_null(weights);
  memcpy(weights, file + size - floats * sizeof *weights, floats * sizeof *weights);
  static double drawn[64][2];
  plot = find_plot(html, "Attention row of L2H1, position by position");
  struct axis y = read_axis(plot, false);
  assert_int_equal(read_line(plot, "line s0", drawn, 64), 64);
  for (size_t p = 0; p < 64; p += 21) {
    double mean = 0;
    for (size_t i = 0; i < 8; i++)
      mean += (double)weight(weights, i, p) / 8;
    assert_true(fabs(drawn[p][1] - place(&y, 100 * mean)) < .11);
    snprintf(title, sizeof title, "<th scope=\"row\">sequence 2</th><td></td><td>%zu</td><td>%.6g",
             p, (double)weight(weights, 1, p));
    workshop_contains(plot, title);
  }
  free(weights);
  free(file);
  free(html);
}

/* The last weight of head 2 of the last layer and sequence is another one. */
static void refuse_weight(const char *path, float weight)
{
  size_t size;
  char *rows = support_read(workshop_path("dump/attn_last.npy"), &size);
  memcpy(rows + size - (64 + 1) * sizeof weight, &weight, sizeof weight);
  support_write(path, rows, size);
  free(rows);
  free(workshop_refuse(EXIT_INPUT, "sequence 7, layer 3, head 2, counted from 0: no attention",
                       "report golden/nursery-olmo --heads L0H0 --rows %s --out x.html",
                       workshop_path("bad")));
}

static void test_chosen_refused(void **state)
{
  const char *bad = workshop_path("bad");
  char path[600];
  (void)state;
  free(workshop_refuse(EXIT_INPUT, "--heads L9H9: no trajectory",
                       "report golden/nursery-olmo --heads L9H9 --out x.html"));
  free(workshop_refuse(EXIT_INPUT, "heads are written L4H4",
                       "report golden/nursery-olmo --heads 4.4 --out x.html"));
  free(workshop_refuse(EXIT_INPUT, "--rows needs --heads",
                       "report golden/nursery-olmo --rows x --out x.html"));
  workshop_shell("mkdir -p %s", bad);
  free(workshop_refuse(EXIT_INPUT, "attn_last.npy",
                       "report golden/nursery-olmo --heads L0H0 --rows %s --out x.html", bad));
  snprintf(path, sizeof path, "%s/attn_last.npy", bad);
  workshop_shell("head -c 200 %s/attn_last.npy >%s", workshop_path("dump"), path);
  free(workshop_refuse(EXIT_INPUT, "does not hold float32 weights",
                       "report golden/nursery-olmo --heads L0H0 --rows %s --out x.html", bad));
  refuse_weight(path, NAN);
  refuse_weight(path, -0.5F);
  refuse_weight(path, 0.5F);
  free(workshop_refuse(EXIT_INPUT, "the model of --rows has 4 layers of 4 heads",
                       "report golden/published/pythia-1b --heads L7H1 --rows %s --out x.html",
                       workshop_path("dump")));
  free(workshop_refuse(EXIT_INPUT, "/dump: is of a model of 4 layers of 4 heads, and pythia-1b has",
                       "report golden/published/pythia-1b --heads L0H1 --rows %s --out x.html",
                       workshop_path("dump")));
}

/* --- Markdown --- */

/* The most important section stays whole; others are cut behind a line, and say so. */
static void test_fit(void **state)
{
  static const int ranks[3] = {0, 2, 1};
  struct text sections[3] = {0};
  size_t sum = 0;
  (void)state;
  for (int s = 0; s < 3; s++) {
    text_add(&sections[s], "## section %d\n\n%s", s,
             s == 1 ? "<details><summary>x</summary>\n" : "");
    for (int i = 0; i < 100; i++)
      text_add(&sections[s], "line %d of it, with some words\n", i);
    text_add(&sections[s], "%s", s == 1 ? "</details>\n" : "");
  }
  struct text whole = {0};
  text_add(&whole, "%s", sections[0].data);
  fit_sections(sections, ranks, 3, 8000);
  for (int s = 0; s < 3; s++)
    sum += strlen(sections[s].data);
  assert_true(sum <= 8000 && sum > 7000);
  assert_string_equal(sections[0].data, whole.data);
  workshop_contains(sections[1].data, "</details>\n\n**Cut: a comment on GitHub has 65,536");
  workshop_contains(sections[1].data, " of this section are left out");
  assert_true(strlen(sections[2].data) > strlen(sections[1].data));
  for (int s = 0; s < 3; s++)
    text_free(&sections[s]);
  text_free(&whole);
}

/* A run with more to say than a comment holds: it fits, twice the same, verdict and failures first;
 * with --all nothing is cut. */
static void test_long_markdown(void **state)
{
  size_t size, again_size;
  (void)state;
  json_t *run = workshop_json(workshop_path("json")), *failures = json_array();
  json_t *manifest = json_array_get(json_object_get(run, "manifests"), 0), *notes = json_array();
  for (int i = 0; i < 1000; i++) {
    json_array_append_new(failures, json_sprintf("check %d, which failed | and `more`", i));
    json_array_append_new(notes, json_sprintf("note %d: 90 letters, so that all of them together "
                                              "are much longer than a comment can be",
                                              i));
  }
  json_object_set_new(manifest, "failures", failures);
  json_object_set_new(manifest, "notes", notes);
  workshop_json_write(workshop_path("long.json"), run);
  json_decref(run);
  free(workshop_run(EXIT_HELD, "report %s --out %s", workshop_path("long.json"),
                    workshop_path("long.md")));
  free(workshop_run(EXIT_HELD, "report %s --format markdown --out %s", workshop_path("long.json"),
                    workshop_path("again")));
  char *text = support_read(workshop_path("long.md"), &size);
  char *again = support_read(workshop_path("again"), &again_size);
  assert_true(size <= FIT_MOST && size > FIT_MOST * 9 / 10);
  assert_string_equal(text, again);
  workshop_contains(text, "**FAILED**");
  workshop_contains(text, "check 999, which failed");
  workshop_contains(text, "**Cut: a comment on GitHub has 65,536 characters at most. ");
  workshop_contains(text, "\n## Provenance\n");
  free(again);
  free(text);
  free(workshop_run(EXIT_HELD, "report %s --all --out %s", workshop_path("long.json"),
                    workshop_path("long.md")));
  text = support_read(workshop_path("long.md"), &size);
  assert_true(size > FIT_MOST);
  assert_null(strstr(text, "**Cut: "));
  free(text);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_fit),      cmocka_unit_test(test_curves),
      cmocka_unit_test(test_circuits), cmocka_unit_test(test_long_markdown),
      cmocka_unit_test(test_chosen),   cmocka_unit_test(test_chosen_refused),
  };
  if (support_emulated()) {
    print_message("reports of runs are made without an emulator\n");
    return 0;
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}

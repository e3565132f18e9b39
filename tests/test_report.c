/* Reports: that plots show what the tables hold, that nothing escapes, that the same inputs give
 * the same bytes, and that what is not of a run is refused. */
#include "reporting.h"

#include "base/json.h"
#include "report/write.h"
#include "study/formation_figures.h"

#define PUBLISHED_MODELS 3
static const char *const published_models[PUBLISHED_MODELS] = {"pythia-1b", "olmo-1b-0724",
                                                               "olmoe-1b-7b-0924"};

/* The report of a document and of trajectories; owned by the caller. */
static char *write_report(const struct report *report, enum page_format format)
{
  struct text text = {0};
  struct error error = {0};
  if (report_write(report, format, false, &text, &error))
    fail_msg("%s", error.text);
  return text.data;
}

static void load(struct report *report, const char *directory)
{
  struct trajectory trajectory;
  struct error error = {0};
  if (trajectory_load(directory, &trajectory, &error) ||
      report_add_trajectory(report, &trajectory, &error))
    fail_msg("%s", error.text);
}

static struct report published(void)
{
  struct report report = {0};
  struct error error = {0};
  char path[200];
  for (size_t i = 0; i < PUBLISHED_MODELS; i++) {
    snprintf(path, sizeof path, "golden/published/%s", published_models[i]);
    load(&report, path);
  }
  assert_int_equal(report_evaluate(&report, &(struct report_folders){.tables = NULL}, &error), 0);
  return report;
}

/* First, middle and last. */
static const struct revision *pick(const struct trajectory *t, int which)
{
  return &t->revisions[which == 0 ? 0 : which == 1 ? t->count / 2 : t->count - 1];
}

static size_t heads_of(const struct revision *r)
{
  return (size_t)r->n_layers * (size_t)r->n_heads;
}

/* Heads of a selectivity of at least `threshold`, in one layer or (-1) in all. */
static size_t count(const struct revision *r, enum head_class class, double threshold, int layer)
{
  size_t found = 0;
  for (size_t i = 0; i < heads_of(r); i++)
    found +=
        (layer < 0 || r->heads[i].layer == layer) && r->heads[i].selectivity[class] >= threshold;
  return found;
}

/* A marker of colour 0 begins 3.6 units left of its point; the axis is 410 units wide from 56 on.
 */
static void check_point(const char *plot, const struct trajectory *t, const struct revision *r,
                        const char *series, double value, const char *unit)
{
  char title[300];
  double x, y, low = log(t->revisions[0].tokens), high = log(t->revisions[t->count - 1].tokens);
  snprintf(title, sizeof title, "%s, %s: %.6g, %.*g%s", series, r->name, r->tokens, *unit ? 4 : 6,
           value, unit);
  assert_int_equal(sscanf(find_in_plot(plot, title), "<path d=\"M%lf %lf", &x, &y), 2);
  assert_true(fabs(x + 3.6 - (56 + 410 * (log(r->tokens) - low) / (high - low))) < 0.06);
}

static void check_model(const char *html, const struct trajectory *t)
{
  char title[300];
  const struct revision *last = pick(t, 2);
  size_t final = count(last, CLASS_INDUCTION, 50, -1);
  for (int which = 0; which < 3; which++) {
    const struct revision *r = pick(t, which);
    double heads = (double)heads_of(r);
    size_t best = 0, found = 0;
    for (size_t i = 0; i < heads_of(r); i++) {
      best += r->heads[i].class == CLASS_FIRST_TOKEN;
      found += last->heads[i].selectivity[CLASS_INDUCTION] >= 50 &&
               r->heads[i].selectivity[CLASS_INDUCTION] >= 50;
    }
    snprintf(title, sizeof title, "BOS heads of %s", t->model);
    const char *plot = find_plot(html, title);
    check_point(plot, t, r, "screen, &gt;= 30x",
                100 * (double)count(r, CLASS_FIRST_TOKEN, 30, -1) / heads, " %");
    snprintf(title, sizeof title, "best class, %s: %.6g, %.4g %%", r->name, r->tokens,
             100 * (double)best / heads);
    find_in_plot(plot, title);
    snprintf(title, sizeof title, "Induction heads of %s", t->model);
    check_point(find_plot(html, title), t, r, "&gt;= 50x",
                (double)count(r, CLASS_INDUCTION, 50, -1), "");
    snprintf(title, sizeof title, "Recall of the final induction heads of %s", t->model);
    check_point(find_plot(html, title), t, r, "found at &gt;= 50x",
                100 * (double)found / (double) final, " %");
    snprintf(title, sizeof title, "BOS heads of %s by layer", t->model);
    plot = find_plot(html, title);
    for (int layer = 0; layer < 16; layer += 7) {
      snprintf(title, sizeof title, "L%d, %s: %.4g %%", layer, r->name,
               100 * (double)count(r, CLASS_FIRST_TOKEN, 30, layer) / (double)r->n_heads);
      const char *cell = find_in_plot(plot, title);
      bool empty = count(r, CLASS_FIRST_TOKEN, 30, layer) == 0;
      assert_int_equal(strncmp(cell, "<rect class=\"none\"", 18) == 0, empty);
    }
  }
}

/* Every final induction head has a plot; its crossing is the first revision of at least 50x. */
static void check_heads(const char *html, const struct trajectory *t)
{
  const struct revision *last = pick(t, 2);
  char title[300];
  for (size_t i = 0; i < heads_of(last); i++) {
    if (last->heads[i].selectivity[CLASS_INDUCTION] < 50)
      continue;
    size_t crossing = 0;
    while (t->revisions[crossing].heads[i].selectivity[CLASS_INDUCTION] < 50)
      crossing++;
    snprintf(title, sizeof title, "Head L%dH%d of %s", last->heads[i].layer, last->heads[i].head,
             t->model);
    const char *plot = find_plot(html, title), *mark = strstr(plot, ">crossing</text>");
    for (int which = 0; which < 3; which++) {
      const struct revision *r = pick(t, which);
      check_point(plot, t, r, "induction selectivity", r->heads[i].selectivity[CLASS_INDUCTION],
                  "");
      snprintf(title, sizeof title, "participation ratio, %s: %.6g, %.6g", r->name, r->tokens,
               r->heads[i].pr);
      find_in_plot(plot, title);
    }
    double x, low = log(t->revisions[0].tokens), high = log(t->revisions[t->count - 1].tokens);
    assert_non_null(mark);
    while (strncmp(mark, "<path class=\"mark\" d=\"M", 23) != 0)
      mark--;
    x = strtod(mark + 23, NULL);
    assert_true(fabs(x - (56 + 410 * (log(t->revisions[crossing].tokens) - low) / (high - low))) <
                0.06);
  }
}

static void check_row(const char *html, const struct trajectory *t)
{
  const struct revision *last = pick(t, 2);
  const struct head_row *best = &last->heads[0];
  char title[300];
  for (size_t i = 1; i < heads_of(last); i++)
    if (last->heads[i].selectivity[CLASS_INDUCTION] > best->selectivity[CLASS_INDUCTION])
      best = &last->heads[i];
  snprintf(title, sizeof title, "Attention row of L%dH%d, %s", best->layer, best->head, t->model);
  const char *plot = find_plot(html, title);
  bool known = isfinite(best->baseline);
  const struct {
    const char *name;
    enum head_class class;
  } bars[] = {{"after the earlier token (induction)", CLASS_INDUCTION},
              {"first position", CLASS_FIRST_TOKEN},
              {"itself", CLASS_SELF}};
  for (size_t b = 0; b < 3; b++) {
    double value = best->selectivity[bars[b].class];
    if (known)
      snprintf(title, sizeof title, "%s: %.4g %%", bars[b].name, 100 * value * best->baseline);
    else
      snprintf(title, sizeof title, "%s: %.6g", bars[b].name, value);
    find_in_plot(plot, title);
  }
}

static void test_points(void **state)
{
  (void)state;
  struct report report = published();
  char *html = write_report(&report, PAGE_HTML);
  for (size_t i = 0; i < report.trajectory_count; i++) {
    check_model(html, &report.trajectories[i].trajectory);
    check_heads(html, &report.trajectories[i].trajectory);
    check_row(html, &report.trajectories[i].trajectory);
  }
  workshop_contains(html, "NOT CHECKED");
  workshop_contains(html, "nothing: no verdict here was computed from them");
  workshop_contains(html,
                    "<td>0</td><td>1</td><td>-</td>"); /* published 0, recomputed 1, not measured */
  assert_true(strlen(html) < 2000000);
  free(html);
  report_free(&report);
}

/* No file is asked for, no script is there; tables have headers, plots have words. */
static void test_self_contained(void **state)
{
  static const char *const never[] = {"<script",        "src=", "url(",       "@import",
                                      "<a href=\"http", "nan<", "javascript:"};
  (void)state;
  struct report report = published();
  char *html = write_report(&report, PAGE_HTML), *again = write_report(&report, PAGE_HTML);
  assert_string_equal(html, again);
  for (size_t i = 0; i < sizeof never / sizeof *never; i++)
    if (strstr(html, never[i]))
      fail_msg("%s is there: %.80s", never[i], strstr(html, never[i]));
  size_t plots = 0, titled = 0;
  for (const char *at = html; (at = strstr(at, "<svg class=\"plot\"")); at++)
    plots++;
  for (const char *at = html; (at = strstr(at, "role=\"img\" aria-labelledby=\"plot-")); at++)
    titled++;
  assert_true(plots >= 5 * PUBLISHED_MODELS);
  assert_int_equal(plots, titled);
  workshop_contains(html, "<html lang=\"en\">");
  workshop_contains(html, "<th scope=\"col\">");
  workshop_contains(html, "<th scope=\"row\">");
  workshop_contains(html, "prefers-color-scheme:dark");
  workshop_contains(html, "@media print");
  free(html);
  free(again);
  report_free(&report);
}

/* Ablations as a run has them: rows of the CSV that was compared with the golden. */
static json_t *ablation_rows(const char *path)
{
  json_t *columns = json_array(), *rows = json_array();
  size_t size;
  char *text = support_read(path, &size), *rest = text, *line;
  for (bool first = true; (line = strsep(&rest, "\n")) && *line; first = false) {
    json_t *cells = first ? columns : json_array();
    char *cell;
    while ((cell = strsep(&line, ","))) {
      char *end;
      double value = strtod(cell, &end);
      json_array_append_new(cells, !*cell          ? json_null()
                                   : *end || first ? json_string(cell)
                                                   : json_real(value));
    }
    if (!first)
      json_array_append_new(rows, cells);
  }
  free(text);
  return json_pack("{s:s, s:s, s:n, s:o, s:o}", "name", "ablations", "title", "t", "plot",
                   "columns", columns, "rows", rows);
}

static json_t *manifest_json(const char *model, json_t *results)
{
  return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:[], s:[s], s:i}", "manifest",
                   "manifests/m.json", "xxh3_128", "00", "model", model, "kind", "trained",
                   "source", "a source", "caveat", "a caveat", "results", results, "failures",
                   "not_compared", "the moon", "unpinned", 0);
}

/* Curves of training runs: a result a figure, with the first and the last point of each. */
static void test_curves(void **state)
{
  (void)state;
  struct study_curves curves = {0};
  struct journal journal = {0};
  struct error error = {0};
  for (int i = 0; i < 1001; i++)
    assert_int_equal(
        study_curves_add(&curves, "F-seed5", "5b", "layer0_copy", 32 * i, 1.0 / (1 + i), &error),
        0);
  assert_int_equal(study_curves_add(&curves, "F-seed5", "3b", "L1H2", 0, 0.5, &error), 0);
  formation_results(&journal, &curves, 0);
  assert_int_equal(journal.count, 2);
  assert_string_equal(journal.entries[0].text,
                      "curve,training sequences,induction strength\nF-seed5 L1H2,0,0.5\n");
  const char *text = journal.entries[1].text;
  assert_string_equal(journal.entries[1].result.title, "Figure 5b: six clamps");
  workshop_contains(text, "curve,training sequences,loss (fsl_train)\nF-seed5 layer0_copy,0,1\n");
  workshop_contains(text, "\nF-seed5 layer0_copy,32000,0.000999000999000999");
  assert_true(text_count_lines(text, strlen(text)) <= RESULT_POINTS + 1);
  journal_free(&journal);
  study_curves_free(&curves);
}

static struct report run_of(json_t *run)
{
  struct report report = {0};
  struct error error = {0};
  if (report_add_run(&report, "run", run, &error))
    fail_msg("%s", error.text);
  return report;
}

static void test_results(void **state)
{
  static const char *const rows[] = {"none: baseline: 67.2 %", "induction&gt;=10: circuit: 1.2 %",
                                     "previous_token&gt;=100: circuit: 74.8 %"};
  (void)state;
  json_t *lines = json_pack("{s:s, s:s, s:{s:s, s:s, s:s, s:b}, s:[s, s, s], s:[[s,i,f],[s,i,f],"
                            "[s,i,f],[s,i,n]]}",
                            "name", "curves", "title", "Curves", "plot", "x", "step", "y", "loss",
                            "series", "run", "log", 0, "columns", "run", "step", "loss", "rows",
                            "a<b", 0, 4.0, "a<b", 10, 2.0, "c", 5, 3.0, "c", 6);
  json_t *run = json_pack(
      "{s:s, s:s, s:i, s:[o]}", "attest", "0.1", "isa", "avx2", "uncompared", 0, "manifests",
      manifest_json("nursery-olmo", json_pack("[o, o]",
                                              ablation_rows("golden/nursery-olmo/"
                                                            "ablations.csv"),
                                              lines)));
  struct report report = run_of(run);
  char *html = write_report(&report, PAGE_HTML);
  const char *plot = find_plot(html, "Ablations of nursery-olmo at step2500");
  for (size_t i = 0; i < 3; i++)
    find_in_plot(plot, rows[i]);
  find_in_plot(plot, "previous_token&gt;=100: matched-random: 67.88 %"); /* mean of five */
  plot = find_plot(html, "nursery-olmo: Curves");
  find_in_plot(plot, "a&lt;b: 0, 4");
  find_in_plot(plot, "a&lt;b: 10, 2");
  find_in_plot(plot, "c: 5, 3");
  workshop_contains(html, "ALL CHECKS HELD");
  workshop_contains(html, "not compared: the moon");
  free(html);
  report_free(&report);
}

static json_t *hostile_run(void)
{
  return workshop_json_text(
      "{\"attest\": \"x\", \"failures\": 1, \"run\": {\"command\": \"<b>@all\", \"libraries\":"
      " {\"<i>\": 7}}, \"manifests\": [{\"manifest\": \"<script>alert(1)</script>\\\"'|`\\u0007"
      "\\u202e&\", \"xxh3_128\": \"<x>\", \"model\": \"<m>\", \"kind\": \"<k>\", \"source\": "
      "\"<s>\\n# head\", \"caveat\": \"<c>\", \"failures\": [\"<f>\"], \"results\": [{\"name\": "
      "\"ablations\", \"columns\": [1], \"rows\": 5}, {\"name\": \"ablations\", \"columns\": "
      "[\"x\"]"
      ", \"rows\": [[]]}, {\"plot\": {}, \"columns\": [\"<q>\"], \"rows\": [[1]]}], \"read\": "
      "[{\"file\": \"</table>\"}]}], \"claims\": [{\"paper\": \"2606.02378\", \"id\": \"F1\", "
      "\"model\": \"<m>\", \"figure\": \"</td>\", \"definition\": \"<d>\", \"stated\": true, "
      "\"verdict\": \"not reproduced\", \"kind\": \"published\", \"margin\": 1e308}]}");
}

static void test_escaping(void **state)
{
  static const char *const never[] = {"<script", "<m>", "<k>", "<s>", "<c>", "<f>",         "<d>",
                                      "<b>",     "<i>", "<q>", "<x>", "\a",  "\xE2\x80\xAE"};
  (void)state;
  struct report report = run_of(hostile_run());
  char *html = write_report(&report, PAGE_HTML), *markdown = write_report(&report, PAGE_MARKDOWN);
  for (size_t i = 0; i < sizeof never / sizeof *never; i++)
    if (strstr(html, never[i]) || strstr(markdown, never[i]))
      fail_msg("%s is there", never[i]);
  workshop_contains(html,
                    "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;|`\\x07\\xe2\\x80\\xae&amp;");
  workshop_contains(html, "FAILED");
  workshop_contains(markdown, "**FAILED**");
  workshop_contains(markdown, "&#60;s\\> \\# head");
  workshop_contains(markdown, "&#64;all");
  assert_null(strstr(markdown, "\n# head"));
  free(html);
  free(markdown);
  report_free(&report);
}

static void test_refused(void **state)
{
  static const struct {
    const char *json, *words;
  } cases[] = {
      {"{\"manifests\": 1}", "\"manifests\""},
      {"{\"manifests\": [1]}", "element 1 must be an object"},
      {"{\"manifests\": [{}]}", "\"manifest\""},
      {"{\"claims\": [{\"paper\": \"p\"}]}", "\"id\""},
      {"{\"failures\": -1}", "\"failures\""},
      {"{\"run\": []}", "\"run\""},
      {"{\"claims\": [{\"paper\": \"p\", \"id\": \"i\", \"model\": \"m\", \"figure\": \"f\", "
       "\"definition\": \"d\", \"stated\": true, \"verdict\": \"fine\", \"kind\": \"real\"}]}",
       "verdict \"fine\" is unknown"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct report report = {0};
    struct error error = {0};
    assert_int_equal(report_add_run(&report, "run.json", workshop_json_text(cases[i].json), &error),
                     EXIT_INPUT);
    support_assert_error(&error, EXIT_INPUT, cases[i].words);
    report_free(&report);
  }
}

static void test_trajectory_twice(void **state)
{
  (void)state;
  struct report report = {0};
  struct trajectory changed;
  struct error error = {0};
  load(&report, "golden/nursery-olmo");
  load(&report, "golden/nursery-olmo");
  assert_int_equal(report.trajectory_count, 1);
  assert_int_equal(trajectory_load("golden/nursery-olmo", &changed, &error), 0);
  changed.revisions[3].heads[5].pr += 1;
  assert_int_equal(report_add_trajectory(&report, &changed, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "given twice with different figures: revision ");
  report_free(&report);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_points),           cmocka_unit_test(test_self_contained),
      cmocka_unit_test(test_results),          cmocka_unit_test(test_curves),
      cmocka_unit_test(test_escaping),         cmocka_unit_test(test_refused),
      cmocka_unit_test(test_trajectory_twice),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

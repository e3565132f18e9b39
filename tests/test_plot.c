/* Plots: that what is drawn is what was given, at the right place, and that nothing escapes. */
#include "support.h"

#include "report/markup.h"
#include "report/plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void assert_holds(const struct text *text, const char *words)
{
  assert_false(text->failed);
  if (!strstr(text->data, words))
    fail_msg("not there: %s\nin: %s", words, text->data);
}

static void assert_lacks(const struct text *text, const char *words)
{
  if (strstr(text->data, words))
    fail_msg("must not be there: %s\nin: %s", words, text->data);
}

/* Where the path with this title begins. */
static void find_point(const struct text *text, const char *title, double *x, double *y)
{
  char words[256];
  snprintf(words, sizeof words, "<title>%s</title>", title);
  const char *at = strstr(text->data, words);
  if (!at)
    fail_msg("no point %s in %s", words, text->data);
  while (at > text->data && strncmp(at, "<path", 5) != 0)
    at--;
  assert_int_equal(sscanf(at, "<path d=\"M%lf %lf", x, y), 2);
}

static const struct plot_point points[] = {
    {0, 0.1, "a"}, {0.5, 0.2, "b"}, {2, 0.4, "c"}, {NAN, 1, "x"}, {4.5, NAN, "y"}, {10, 0.8, "d"},
};
static const struct plot_series series = {"s<1>", points, 6, 1, false, true, false};

static const struct plot linear = {.id = "p1",
                                   .title = "T & \"t\"",
                                   .description = "<script>alert(1)</script>\x1b[31m\xff",
                                   .x = {.label = "x"},
                                   .y = {.label = "y", .percent = true}};

/* The square of colour 1 begins 3 units left of and above its point. The frame is 410 units wide
 * from 56 on, its height 190; 0..10 and 0..0.8 are round. */
static void test_linear(void **state)
{
  (void)state;
  struct text text = {0};
  double x, y, bottom;
  double height = plot_lines(&linear, &series, 1, NULL, 0, &text);
  find_point(&text, "s&lt;1&gt;, a: 0, 10 %", &x, &y);
  assert_float_equal(x, 56 - 3, 0.051);
  bottom = y + 3 + 190.0 * 0.1 / 0.8;
  assert_float_equal(bottom, height - 44, 0.2);
  find_point(&text, "s&lt;1&gt;, c: 2, 40 %", &x, &y);
  assert_float_equal(x, 56 + 410 * 0.2 - 3, 0.051);
  assert_float_equal(y, bottom - 95 - 3, 0.2);
  find_point(&text, "s&lt;1&gt;, d: 10, 80 %", &x, &y);
  assert_float_equal(x, 466 - 3, 0.051);
  assert_float_equal(y, bottom - 190 - 3, 0.2);
  assert_lacks(&text, ", x: ");
  assert_lacks(&text, ", y: ");
  assert_lacks(&text, "nan");
  assert_holds(&text, "role=\"img\"");
  assert_holds(&text, "<title id=\"p1-title\">T &amp; &quot;t&quot;</title>");
  assert_holds(&text, "&lt;script&gt;alert(1)&lt;/script&gt;\\x1b[31m\\xff");
  text_free(&text);
}

/* Zero has a column of 30 units at the left of a log axis; decades are equally wide. */
static void test_log(void **state)
{
  (void)state;
  const struct plot_point at[] = {{0, 1, NULL}, {0.01, 1, NULL}, {1, 2, NULL}, {100, 3, NULL}};
  const struct plot_series one = {"n", at, 4, 1, 1, true, false};
  const struct plot_mark marks[] = {{10, "here", false}, {2.5, "level", true}};
  struct plot plot = {.id = "p",
                      .title = "t",
                      .description = "d",
                      .x = {"x", true, false, 0, 0},
                      .y = {"y", false, false, 0, 4}};
  struct text text = {0};
  double x, y;
  plot_lines(&plot, &one, 1, marks, 2, &text);
  find_point(&text, "n: 0, 1", &x, &y);
  assert_float_equal(x, 53, 0.051);
  find_point(&text, "n: 0.01, 1", &x, &y);
  assert_float_equal(x, 83, 0.051);
  find_point(&text, "n: 1, 2", &x, &y);
  assert_float_equal(x, 83 + 190, 0.051);
  find_point(&text, "n: 100, 3", &x, &y);
  assert_float_equal(x, 83 + 380, 0.051);
  assert_holds(&text, "<path class=\"mark\" d=\"M371.0 ");
  assert_holds(&text, ">here</text>");
  assert_holds(&text, ">level</text>");
  assert_holds(&text, "class=\"line s1 dash\"");
  text_free(&text);
  const struct plot_series dotted = {"n", at, 4, 1, 2, false, false};
  plot_lines(&plot, &dotted, 1, NULL, 0, &text);
  assert_holds(&text, "class=\"line s1 dots\"");
  text_free(&text);
}

static void test_pieces(void **state)
{
  (void)state;
  struct text text = {0};
  plot_lines(&linear, &series, 1, NULL, 0, &text);
  const char *line = strstr(text.data, "class=\"line s1\" d=\"M56.0");
  assert_non_null(line);
  line = strstr(text.data, "\"line s1\" d=\"M56.0 ");
  const char *end = strchr(line + 15, '"');
  size_t moves = 0;
  for (const char *c = line; c < end; c++)
    moves += *c == 'M';
  assert_int_equal(moves, 2); /* the line stops where values are missing */
  text_free(&text);
}

static void test_bars(void **state)
{
  (void)state;
  const struct plot_bar bars[] = {
      {"one", 10, 5, 20, 0}, {"minus", -20, NAN, NAN, 1}, {"none", NAN, NAN, NAN, 2}};
  const struct plot plot = {.id = "b", .title = "t", .description = "d", .x = {.label = "v"}};
  struct text text = {0};
  plot_bars(&plot, bars, 3, &text);
  /* -20 .. 20 lies between 16 and 454 */
  assert_holds(&text, "<rect class=\"f0\" x=\"235.0\" y=\"50.0\" width=\"109.5\"");
  assert_holds(&text, "<rect class=\"f1\" x=\"16.0\" y=\"84.0\" width=\"219.0\"");
  assert_holds(&text, "none: none</text>");
  assert_holds(&text, "M289.8 50.0v12.0m0 -6.0H454.0m0 -6.0v12.0");
  text_free(&text);
}

static void test_heat(void **state)
{
  (void)state;
  const double values[] = {0, 0.5, NAN, 1};
  const char *const rows[] = {"r0", "r1"}, *const columns[] = {"c0", "c<1"};
  const struct plot_cells cells = {2, 2, values, rows, columns, 1};
  const struct plot plot = {.id = "h",
                            .title = "t",
                            .description = "d",
                            .x = {.label = "x"},
                            .y = {.label = "share", .percent = true}};
  struct text text = {0};
  plot_heat(&plot, &cells, &text);
  assert_holds(&text, "<rect class=\"none\" x=\"56.0\" y=\"44.0\" width=\"204.0\" height=\"19.0\">"
                      "<title>r0, c0: 0 %</title>");
  assert_holds(&text, "fill-opacity=\"0.560\"><title>r0, c&lt;1: 50 %</title>");
  assert_holds(&text, "<rect class=\"gap\" x=\"56.0\" y=\"64.0\"");
  assert_holds(&text, "fill-opacity=\"1.000\"><title>r1, c&lt;1: 100 %</title>");
  text_free(&text);
}

/* No data, one point, extremes: a plot all the same, with finite positions. */
static void test_odd(void **state)
{
  (void)state;
  const struct plot_point sets[][2] = {{{1, 1, NULL}, {1, 1, NULL}},
                                       {{1e-300, -1.7e308, NULL}, {1e300, 1e300, NULL}},
                                       {{-5, 0, NULL}, {-6, 0, NULL}},
                                       {{5e-324, 5e-324, NULL}, {1.7e308, 1.7e308, NULL}},
                                       {{1e16, 1e16, NULL}, {1e16 + 2, 1e16 + 2, NULL}}};
  for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
    for (int log = 0; log < 2; log++)
      for (size_t count = 0; count <= 2; count++) {
        const struct plot_series one = {"n", sets[i], count, 0, false, true, false};
        struct plot plot = {
            .id = "p", .title = "t", .description = "d", .x = {.label = "x"}, .y = {.label = "y"}};
        struct text text = {0};
        plot.x.log = log;
        plot_lines(&plot, &one, 1, NULL, 0, &text);
        assert_lacks(&text, "nan");
        assert_lacks(&text, "inf");
        assert_true(text.length < 30000);
        text_free(&text);
      }
}

static void test_file(void **state)
{
  (void)state;
  struct text plots = {0}, text = {0};
  double height = plot_lines(&linear, &series, 1, NULL, 0, &plots);
  plot_file(&plots, height, &text);
  assert_int_equal(strncmp(text.data, "<svg xmlns=", 11), 0);
  assert_holds(&text, "prefers-color-scheme:dark");
  assert_holds(&text, "</svg>\n</svg>\n");
  assert_lacks(&text, "<script");
  text_free(&plots);
  text_free(&text);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_linear), cmocka_unit_test(test_log),  cmocka_unit_test(test_pieces),
      cmocka_unit_test(test_bars),   cmocka_unit_test(test_heat), cmocka_unit_test(test_odd),
      cmocka_unit_test(test_file),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

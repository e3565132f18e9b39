/* The answer on one screen. */
#include "support.h"

#include "claims/summary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODELS 3

struct state {
  struct trajectory trajectories[MODELS];
  struct claim_list list;
};

static struct error error;

static int load(void **state)
{
  static const char *const models[MODELS] = {"pythia-1b", "olmo-1b-0724", "olmoe-1b-7b-0924"};
  struct state *s = calloc(1, sizeof *s);
  for (int i = 0; i < MODELS; i++) {
    char path[64];
    snprintf(path, sizeof path, "golden/published/%s", models[i]);
    if (!s || trajectory_load(path, &s->trajectories[i], &error))
      return -1;
  }
  *state = s;
  return claims_evaluate(s->trajectories, MODELS, &s->list, &error);
}

static int unload(void **state)
{
  struct state *s = *state;
  claims_free(&s->list);
  for (int i = 0; i < MODELS; i++)
    trajectory_free(&s->trajectories[i]);
  free(s);
  return 0;
}

/* Counts lines; each must fit the screen and end where its text ends. */
static size_t screen_lines(const char *text)
{
  size_t lines = 0;
  for (const char *end; *text; text = end + 1, lines++) {
    char line[512];
    end = strchr(text, '\n');
    assert_non_null(end);
    snprintf(line, sizeof line, "%.*s", (int)(end - text), text);
    assert_true(text_columns(line) <= 100);
    assert_false(text_ends_with(line, " "));
  }
  return lines;
}

static void plain(void **state)
{
  struct state *s = *state;
  struct text text = {0};
  summary_text(&s->list, 1, &(struct summary_style){.lines = SUMMARY_LINES, .columns = 100}, &text);
  assert_false(text.failed);
  assert_in_range(screen_lines(text.data), 20, 30);
  assert_non_null(strstr(text.data, "F5  participation ratio raised first"));
  assert_non_null(strstr(text.data, "14 figures do not come out as stated:\n"));
  assert_non_null(strstr(text.data,
                         "x F2 olmo-1b-0724 bos_heads_through: published 0, comes out 1; "
                         "layer 4 head 15 at step5000-tokens10B\n"));
  assert_non_null(strstr(text.data, "published 0.5B, comes out 6.291B; at 0.536B it finds 0 of 3"));
  assert_non_null(strstr(text.data, "~ F4 olmo-1b-0724 recall_67_tokens: published 10B, comes out "
                                    "23B; holds under the reading"));
  assert_non_null(strstr(text.data, "trained small models: none; real checkpoints: none.\n"));
  for (const char *p = text.data; *p; p++)
    assert_true(*p == '\n' || (*p >= ' ' && *p <= '~'));
  text_free(&text);
}

static void colour(void **state)
{
  struct state *s = *state;
  struct text text = {0};
  const struct summary_style style = {true, true, SUMMARY_LINES, 100};
  summary_text(&s->list, 1, &style, &text);
  assert_false(text.failed);
  assert_non_null(strstr(text.data, "\033[31m\u2717\033[0m F2 olmo-1b-0724"));
  assert_non_null(strstr(text.data, "\033[32m\u2713\033[0m8"));
  text_free(&text);
}

/* What does not fit is counted, and what does not hold at all goes before what holds elsewhere. */
static void few_lines(void **state)
{
  struct state *s = *state;
  struct text text = {0};
  summary_text(&s->list, 1, &(struct summary_style){.lines = 3}, &text);
  assert_non_null(strstr(text.data, "\n  and 11 more\n"));
  assert_null(strstr(text.data, "\n~ F4"));
  text_free(&text);
}

/* A narrow terminal cuts lines; into a file or a pipe they go whole. */
static void widths(void **state)
{
  static const char whole[] = "~ F4 olmo-1b-0724 recall_67_tokens: published 10B, comes out 23B; "
                              "holds under the reading \"";
  struct state *s = *state;
  struct text narrow = {0}, open = {0};
  char cut[64];
  summary_text(&s->list, 1, &(struct summary_style){.lines = SUMMARY_LINES, .columns = 60},
               &narrow);
  summary_text(&s->list, 1, &(struct summary_style){.lines = SUMMARY_LINES}, &open);
  snprintf(cut, sizeof cut, "\n%.57s...\n", whole);
  assert_non_null(strstr(narrow.data, cut));
  const char *line = strstr(open.data, whole);
  assert_non_null(line);
  assert_true(strchr(line, '\n') - line > 100);
  assert_int_equal(strchr(line, '\n')[-1], '"');
  assert_null(strstr(open.data, "..."));
  text_free(&narrow);
  text_free(&open);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(plain), cmocka_unit_test(colour),
                                     cmocka_unit_test(few_lines), cmocka_unit_test(widths)};
  return cmocka_run_group_tests(tests, load, unload);
}

/* attest report and attest show as commands: of a run and of what it keeps, in both formats, in the
 * browser where there is one. */
#include "reporting.h"

#define TABLES                                                                                     \
  "golden/published/olmo-1b-0724 golden/published/olmoe-1b-7b-0924 golden/published/pythia-1b"

static void refuse(int code, const char *words, const char *format, ...)
{
  char line[1000], *err;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  assert_int_equal(workshop_start(line, NULL, &err), code);
  workshop_contains(err, words);
  assert_ptr_equal(strchr(err, '\n'), err + strlen(err) - 1);
  free(err);
}

/* The report that a run writes is the one that is made of its JSON and its trajectories later. */
static void test_run(void **state)
{
  (void)state;
  const char *json = workshop_path("run.json"), *html = workshop_path("run.html");
  const char *again = workshop_path("again.html"), *markdown = workshop_path("run.md");
  free(workshop_run(EXIT_HELD, "reproduce manifests/published.json --work %s --json %s --report %s",
                    workshop_path("work"), json, html));
  json_t *run = workshop_json(json);
  json_t *trajectories = json_object_get(run, "trajectories"), *first;
  assert_int_equal(json_array_size(trajectories), 3);
  first = json_array_get(json_object_get(json_array_get(trajectories, 0), "revisions"), 0);
  assert_int_equal(strlen(json_string_value(json_object_get(first, "sha256"))), 64);
  const char *command = json_string_value(json_object_get(json_object_get(run, "run"), "command"));
  workshop_contains(command, "attest reproduce manifests/published.json --work ");
  json_decref(run);
  free(workshop_run(EXIT_HELD,
                    "report %s golden/published/pythia-1b golden/published/olmo-1b-0724 "
                    "golden/published/olmoe-1b-7b-0924 --out %s",
                    json, again));
  workshop_same_files(html, again);
  free(workshop_run(EXIT_HELD, "report %s --out %s", json, markdown));
  size_t size;
  char *text = support_read(markdown, &size);
  workshop_contains(text, "**ALL CHECKS HELD**");
  workshop_contains(text, "| olmo-1b-0724, bos\\_heads\\_through at step25000-tokens52B | 0 | 1 |");
  workshop_contains(text, "No trajectories are among the inputs");
  assert_null(strstr(text, "<table"));
  assert_true(size < 65536); /* what a comment on a pull request may have */
  free(text);
}

/* Edges and overlap of every revision of our own circuits, as their CSV has them. */
static void check_course(const char *html)
{
  size_t size, rows = 0, step = 1, edges = 12, jaccard = 31;
  char *csv = support_read("golden/circuits-olmo/copy.csv", &size), *rest = csv, *line;
  while ((line = strsep(&rest, "\n")) && *line) {
    char *cells[64], title[200];
    size_t count = 0;
    while (count < 64 && (cells[count] = strsep(&line, ",")))
      count++;
    assert_true(count > jaccard);
    if (rows++ == 0) {
      assert_string_equal(cells[step], "step");
      assert_string_equal(cells[edges], "edges");
      assert_string_equal(cells[jaccard], "jaccard");
      continue;
    }
    snprintf(title, sizeof title, "copy: %s, %s", cells[step], cells[edges]);
    find_in_plot(find_plot(html, "nursery-olmo: Edges of the circuit"), title);
    snprintf(title, sizeof title, "copy: %s, %.6g", cells[step], strtod(cells[jaccard], NULL));
    if (*cells[jaccard])
      find_in_plot(find_plot(html, "nursery-olmo: Overlap with the circuit of the revision before"),
                   title);
  }
  assert_int_equal(rows, 11);
  free(csv);
}

/* Courses that published tables hold: three points of two of them, as the CSV has them. */
static void test_courses(void **state)
{
  static const struct {
    const char *plot, *point;
  } points[] = {
      {"pythia-2.8b: Edges of the circuit", "ioi: 3000, 622"},
      {"pythia-2.8b: Edges of the circuit", "ioi: 30000, 742"},
      {"pythia-2.8b: Edges of the circuit", "ioi: 143000, 688"},
      {"pythia-1.4b: Overlap of circuits over checkpoints", "sva jaccard: 16, 0.129032"},
      {"pythia-1.4b: Overlap of circuits over checkpoints", "sva jaccard: 9000, 0.71831"},
      {"pythia-1.4b: Overlap of circuits over checkpoints", "sva jaccard: 140000, 0.802632"},
  };
  size_t size;
  (void)state;
  free(workshop_run(
      EXIT_HELD, "reproduce manifests/published-circuits.json --work %s --report %s --json %s",
      workshop_path("work"), workshop_path("courses.html"), workshop_path("courses.json")));
  char *html = support_read(workshop_path("courses.html"), &size);
  for (size_t i = 0; i < sizeof points / sizeof *points; i++)
    find_in_plot(find_plot(html, points[i].plot), points[i].point);
  free(html);
  free(workshop_run(EXIT_HELD, "report golden/published-circuits golden/circuits-olmo --out %s",
                    workshop_path("folders.html")));
  html = support_read(workshop_path("folders.html"), &size);
  for (size_t i = 0; i < sizeof points / sizeof *points; i++)
    find_in_plot(find_plot(html, points[i].plot), points[i].point);
  check_course(html);
  free(html);
}

/* A work folder keeps the run; its trajectories must be those of its JSON. */
static void test_work_folder(void **state)
{
  (void)state;
  const char *work = workshop_path("kept"), *from = workshop_path("all.json");
  free(workshop_run(EXIT_HELD, "reproduce manifests/published.json --work %s --json %s",
                    workshop_path("work"), from));
  workshop_shell("mkdir -p %s/run && cp %s %s/run.json && for m in pythia-1b olmo-1b-0724 "
                 "olmoe-1b-7b-0924; do cp -r golden/published/$m %s/run/published-$m; done",
                 work, from, work, work);
  char *text = workshop_run(EXIT_HELD, "report %s --format html --out -", work);
  workshop_contains(text, "BOS heads of olmo-1b-0724");
  free(text);
  workshop_shell(
      "sed -i '2s/^0,0,\\([a-z_]*\\),[^,]*/0,0,\\1,0.5/' %s/run/published-pythia-1b/step4.csv",
      work);
  refuse(EXIT_INPUT, "run/published-pythia-1b: not the trajectory of the run", "report %s --out %s",
         work, workshop_path("none.html"));
  refuse(EXIT_INPUT, "pythia-1b (published): the trajectory is not the one of the run whose JSON",
         "report %s %s/run/published-pythia-1b --out %s", from, work, workshop_path("x.html"));
  assert_int_equal(access(workshop_path("none.html"), F_OK), -1);
}

static void test_refusals(void **state)
{
  (void)state;
  const char *bad = workshop_path("bad.json");
  refuse(EXIT_INPUT, "report: RUN is missing", "report --out x.html");
  refuse(EXIT_INPUT, "--out FILE is missing", "report golden/nursery-olmo");
  refuse(EXIT_INPUT, "--format pdf: must be html, markdown",
         "report golden/nursery-olmo --format pdf --out x.html");
  refuse(EXIT_INPUT, "x.pdf: no format has this ending", "report golden/nursery-olmo --out x.pdf");
  refuse(EXIT_INPUT, "x.json: no format has this ending",
         "reproduce manifests/published.json --report x.json");
  refuse(EXIT_INPUT, "neither do its subdirectories", "report simd --out x.html");
  refuse(EXIT_RUN, "/nowhere/x.html", "report golden/nursery-olmo --out /nowhere/x.html");
  refuse(EXIT_INPUT, "golden/nursery-olmo/step0.csv",
         "report golden/nursery-olmo --out golden/nursery-olmo/step0.csv");
  support_write(bad, "{\"claims\": []}", 14);
  refuse(EXIT_INPUT, "not the JSON of a run", "report %s --out x.html", bad);
  support_write(bad, "{\"manifests\": [{\"manifest\": 3}]}", 32);
  refuse(EXIT_INPUT, "\"manifest\" is wrong: must be a string", "report %s --out x.html", bad);
  refuse(EXIT_INPUT, "--head 4.8: must be LAYER.HEAD",
         "show golden/published/pythia-1b --head 4.8");
  refuse(EXIT_INPUT, "--head 4.", "show golden/published/pythia-1b --head 4.");
  refuse(EXIT_INPUT, "must be bos, induction or pr", "show golden/nursery-olmo --series sinks");
  refuse(EXIT_INPUT, "--revision none", "show golden/nursery-olmo --revision none");
  refuse(EXIT_INPUT, "cannot be combined", "show golden/nursery-olmo --head 1.1 --series pr");
}

static void test_show(void **state)
{
  (void)state;
  unsetenv("LC_ALL");
  setenv("LANG", "C", 1);
  setenv("COLUMNS", "80", 1);
  char *text = workshop_run(EXIT_HELD, "show golden/published/pythia-1b");
  workshop_contains(text, "  L4     B B B B I B B B\n");
  workshop_contains(text, "  L7     I B . B P B B B\n");
  workshop_contains(text,
                    "74 of 128 by the screen (>= 30x), 69 by best class; induction heads: 3 ");
  free(text);
  text = workshop_run(EXIT_HELD, "show golden/published/pythia-1b --revision step1");
  workshop_contains(text, "  L4     . . . . . . . .\n");
  free(text);
  text = workshop_run(EXIT_HELD, "show golden/published/pythia-1b --head L4H4");
  workshop_contains(text,
                    "  induction        ______#**#  0.9722 to 181.6, largest 181.6 at step143000");
  workshop_contains(text, "induction first >= 50x: step3000\n");
  free(text);
  char *same = workshop_run(EXIT_HELD, "show golden/published/pythia-1b --head 4.4");
  workshop_contains(same, "  step3000           6.291  induction       171.764");
  free(same);
  text = workshop_run(EXIT_HELD, "show golden/published/pythia-1b --series bos");
  workshop_contains(text, "* screen, >= 30x: 0 % at step1, 57.81 % at step143000\n");
  workshop_contains(text, "o best class: 0 % at step1, 53.91 % at step143000\n");
  for (const char *c = text; *c; c++)
    assert_true((unsigned char)*c < 128); /* the locale has no more */
  free(text);
  setenv("LANG", "C.UTF-8", 1);
  text = workshop_run(EXIT_HELD, "show golden/published/pythia-1b --series induction");
  workshop_contains(text, "\u25cf >= 50x: 0 at step1, 3 at step143000\n");
  assert_null(strstr(text, "\033[")); /* no terminal, no colour */
  for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
    assert_true(strstr(line, "Caveat") || strstr(line, "Xu") || strlen(line) <= 3 * 80);
  free(text);
  text = workshop_run(EXIT_HELD, "show golden/nursery-olmo --series pr --json -");
  json_t *json = workshop_json_text(text);
  assert_int_equal(json_array_size(json_object_get(json, "pr")), 10);
  json_decref(json);
  free(text);
}

/* Three widths in one page, which tells how wide each is inside. */
static const char frames[] =
    "<!DOCTYPE html><body><script>let left=3,out=[];for(const x of [360,800,1440]){const f="
    "document.createElement('iframe');f.style='border:0;display:block;width:'+x+'px;height:500px';"
    "f.src='shown.html';f.onload=()=>{const d=f.contentDocument;for(const e of "
    "d.querySelectorAll('details'))e.open=true;out.push(d.documentElement.scrollWidth-"
    "d.documentElement.clientWidth+' '+getComputedStyle(d.body).backgroundColor);if(--left==0)"
    "document.body.dataset.found=out.join('; ')};document.body.append(f)}</script></body>";

static void browse(const char *dark, const char *ground)
{
  char words[200];
  workshop_shell("cd %s && timeout 100 chromium --headless --no-sandbox --disable-gpu "
                 "--allow-file-access-from-files --enable-logging=stderr %s "
                 "--virtual-time-budget=8000 --dump-dom file://%s/frames.html >dom 2>log",
                 support_directory(), dark, support_directory());
  size_t size;
  char *text = support_read(workshop_path("dom"), &size);
  snprintf(words, sizeof words, "data-found=\"0 %s; 0 %s; 0 %s\"", ground, ground, ground);
  workshop_contains(text, words);
  free(text);
  text = support_read(workshop_path("log"), &size);
  if (strstr(text, "CONSOLE"))
    fail_msg("the browser has something to say: %s", strstr(text, "CONSOLE"));
  free(text);
}

static void test_browser(void **state)
{
  (void)state;
  if (support_slow() || system("command -v chromium >/dev/null") != 0) {
    printf("chromium is not installed, or this build is not for it: nothing is looked at\n");
    skip();
  }
  free(workshop_run(EXIT_HELD, "report %s " TABLES " golden/nursery-olmo --heads L2H1 --out %s",
                    workshop_path("courses.json"), workshop_path("shown.html")));
  support_write(workshop_path("frames.html"), frames, sizeof frames - 1);
  browse("", "rgb(255, 255, 255)");
  browse("--force-dark-mode", "rgb(22, 22, 22)");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_run),         cmocka_unit_test(test_courses),
      cmocka_unit_test(test_work_folder), cmocka_unit_test(test_refusals),
      cmocka_unit_test(test_show),        cmocka_unit_test(test_browser),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

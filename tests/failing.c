#define _GNU_SOURCE
#include "failing.h"

#include "base/text.h"
#include "server.h"
#include "workshop.h"

#include <ftw.h>

#define IN "in"
#define OUT "out"
#define FILES_MOST 64

static struct server server;

/* What a run left: its files below the folder of the outputs, and what it said. */
struct outcome {
  int code;
  char *out, *err;
  size_t count;
  struct {
    char name[200], *data;
    size_t size;
  } files[FILES_MOST];
};

static struct outcome *walked;

static int keep_file(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
  (void)walk;
  /* A lock that could not be removed stays, and the next run takes it. */
  if (kind != FTW_F || !S_ISREG(info->st_mode) || text_ends_with(path, ".lock"))
    return 0;
  assert_true(walked->count < FILES_MOST);
  size_t i = walked->count++;
  snprintf(walked->files[i].name, sizeof walked->files[i].name, "%s",
           path + strlen(workshop_path(OUT)) + 1);
  walked->files[i].data = support_read(path, &walked->files[i].size);
  return 0;
}

static void outcome_free(struct outcome *outcome)
{
  free(outcome->out);
  free(outcome->err);
  for (size_t i = 0; i < outcome->count; i++)
    free(outcome->files[i].data);
  *outcome = (struct outcome){0};
}

/* The words of a job with their folders. */
static void expand(const char *line, char *out, size_t capacity)
{
  size_t used = 0;
  for (; *line; line++) {
    const char *folder = *line == '@'   ? workshop_path(OUT)
                         : *line == '%' ? workshop_path(IN)
                                        : NULL;
    assert_true(used + 100 < capacity);
    if (folder)
      used += (size_t)sprintf(out + used, "%s", folder);
    else if (*line == '#')
      used += (size_t)sprintf(out + used, "http://127.0.0.1:%d", server.port);
    else
      out[used++] = *line;
  }
  out[used] = 0;
}

static void run(const struct failing_job *job, struct outcome *outcome)
{
  char line[2048];
  *outcome = (struct outcome){0};
  expand(job->line, line, sizeof line);
  outcome->code = workshop_start(line, &outcome->out, &outcome->err);
  walked = outcome;
  assert_int_equal(nftw(workshop_path(OUT), keep_file, 16, FTW_PHYS), 0);
}

static void clear_outputs(void)
{
  workshop_shell("rm -rf %s && mkdir %s", workshop_path(OUT), workshop_path(OUT));
}

static void set_number(const char *name, long value)
{
  char text[32];
  snprintf(text, sizeof text, "%ld", value);
  setenv(name, text, 1);
}

/* A run with the library preloaded in which call `at` of a kind fails, or none for NULL. */
static void run_failing(const struct failing_job *job, const char *library,
                        const struct failing_kind *kind, long at, bool on, struct outcome *outcome)
{
  clear_outputs();
  set_number("ATTEST_FAIL_AT", at);
  set_number("ATTEST_FAIL_ON", on);
  set_number("ATTEST_FAIL_ERRNO", kind ? kind->reason : 0);
  setenv("ATTEST_FAIL_CALL", kind ? kind->call : "", 1);
  setenv("ATTEST_FAIL_COUNT", kind ? "/dev/null" : workshop_path("count"), 1);
  setenv("LD_PRELOAD", workshop_path(library), 1);
  run(job, outcome);
  unsetenv("LD_PRELOAD");
}

/* How often the last clean run made a call. */
static size_t count_of(const char *call)
{
  char name[32];
  size_t count, size, found = 0;
  char *text = support_read(workshop_path("count"), &size);
  for (const char *line = text; sscanf(line, "%31s %zu", name, &count) == 2;
       line = strchr(line, '\n') + 1)
    if (strcmp(name, call) == 0)
      found = count;
  free(text);
  return found;
}

/* Writes every number, with the blanks around it, as one sign, in place. */
static void blur(char *text)
{
  static const char figures[] = "0123456789.+- ";
  char *out = text;
  while (*text) {
    size_t length = strspn(text, figures);
    if (length && text[length] == 'e' && text[length + 1] && strchr("+-", text[length + 1]))
      length += 1 + strspn(text + length + 1, figures);
    *out++ = length ? '#' : *text;
    text += length ? length : 1;
  }
  *out = 0;
}

static void blur_all(enum failing_times times, struct outcome *outcome)
{
  if (times != NO_TIMES)
    blur(outcome->out);
  for (size_t i = 0; i < outcome->count && times == TIMES_EVERYWHERE; i++)
    if (!strstr(outcome->files[i].name, ".safetensors")) {
      blur(outcome->files[i].data);
      outcome->files[i].size = strlen(outcome->files[i].data);
    }
}

/* Whether a clean run leaves this file, with these bytes. */
static bool is_clean(const struct outcome *clean, const struct outcome *outcome, size_t which)
{
  for (size_t i = 0; i < clean->count; i++)
    if (strcmp(clean->files[i].name, outcome->files[which].name) == 0)
      return clean->files[i].size == outcome->files[which].size &&
             memcmp(clean->files[i].data, outcome->files[which].data, clean->files[i].size) == 0;
  return false;
}

/* The first file that no clean run leaves so; NULL = none. */
static const char *unclean(const struct outcome *clean, const struct outcome *outcome)
{
  for (size_t i = 0; i < outcome->count; i++)
    if (!is_clean(clean, outcome, i))
      return outcome->files[i].name;
  return NULL;
}

/* The last line, which is the only one unless the job says more, is the program's own. */
static bool says_why(const struct failing_job *job, const char *err, const char *words)
{
  size_t length = strlen(err);
  if (!length || err[length - 1] != '\n')
    return false;
  const char *last = err + length - 1;
  while (last > err && last[-1] != '\n')
    last--;
  return strncmp(last, "attest: ", 8) == 0 && (job->lines || last == err) &&
         (!words || strstr(err, words));
}

static bool leaves_temporary(const struct outcome *outcome)
{
  for (size_t i = 0; i < outcome->count; i++)
    if (strstr(outcome->files[i].name, ".attest.tmp"))
      return true;
  return false;
}

/* What is wrong with a run that met a failure; NULL = nothing. */
static const char *judge(const struct failing_job *job, const struct failing_kind *kind,
                         const struct outcome *clean, const struct outcome *outcome)
{
  if (outcome->code == clean->code) {
    if (outcome->count != clean->count || unclean(clean, outcome))
      return "as if nothing had failed, but with other files";
    return strcmp(outcome->out, clean->out) == 0
               ? NULL
               : "as if nothing had failed, but says other things";
  }
  if (kind->harmless)
    return "ought to continue";
  if (outcome->code != EXIT_RUN)
    return "wrong exit code";
  if (!says_why(job, outcome->err, kind->words))
    return "not one line that says why";
  if (leaves_temporary(outcome))
    return "leaves a temporary file";
  if (!job->resumes && unclean(clean, outcome))
    return "leaves a file that is not whole";
  return NULL;
}

/* A second run from what a failed one left. */
static const char *judge_resumed(const struct failing_job *job, const struct outcome *clean)
{
  struct outcome outcome;
  run(job, &outcome);
  blur_all(job->times, &outcome);
  bool same = outcome.code == clean->code && outcome.count == clean->count;
  for (size_t i = 0; i < outcome.count && same; i++) /* their JSON says what was resumed */
    same = strcmp(outcome.files[i].name, "o.json") == 0 ||
           strcmp(outcome.files[i].name, "w/run.json") == 0 || is_clean(clean, &outcome, i);
  outcome_free(&outcome);
  return same ? NULL : "a second run does not come to the clean end";
}

/* 1 for a finding. */
static size_t try_one(const struct failing_job *job, const char *library,
                      const struct failing_kind *kind, const struct outcome *clean, long at,
                      bool on)
{
  struct outcome outcome;
  run_failing(job, library, kind, at, on, &outcome);
  blur_all(job->times, &outcome);
  const char *wrong = judge(job, kind, clean, &outcome), *file = unclean(clean, &outcome);
  if (!wrong && job->resumes && outcome.code != clean->code)
    wrong = judge_resumed(job, clean);
  if (wrong)
    print_error("%s: %s: %s %ld%s (errno %d): exit code %d, %s: %s\n", wrong, job->line, kind->call,
                at, on ? " and all later ones" : "", kind->reason, outcome.code, file ? file : "-",
                outcome.err);
  outcome_free(&outcome);
  return wrong != NULL;
}

/* The same numbers in every run of the tests. */
static size_t next_number(void)
{
  static uint64_t state = 1;
  state = state * 6364136223846793005U + 1442695040888963407U;
  return (size_t)(state >> 33);
}

/* Adds to *done the runs of one kind; returns the findings. */
static size_t run_kind(const struct failing_job *job, const char *library,
                       const struct failing_kind *kind, const struct outcome *clean, size_t runs,
                       size_t *done)
{
  size_t count = count_of(kind->call), findings = 0, all = kind->alone ? count : 2 * count;
  bool every = runs == 0 || runs >= all;
  if (runs && job->share > runs && next_number() % job->share >= runs)
    return 0; /* a slow job: some kinds only */
  for (size_t i = 0; i < (every ? all : runs); i++, ++*done) {
    size_t from = i * count / (every ? all : runs), to = (i + 1) * count / (every ? all : runs);
    size_t at = every || to <= from ? from : from + next_number() % (to - from);
    bool on = !kind->alone && (every ? i % 2 : next_number() % 4 == 0);
    findings += try_one(job, library, kind, clean, (long)at + 1, on);
  }
  return findings;
}

void failing_run(const struct failing_job *job, const char *library,
                 const struct failing_kind *kinds, size_t kind_count, size_t runs)
{
  struct outcome clean;
  const char *wish = getenv("ATTEST_FAILURES");
  size_t findings = 0, done = 0;
  runs = wish ? (size_t)atol(wish) : runs;
  if (runs >= job->share && job->share)
    runs /= job->share;
  run_failing(job, library, NULL, 0, false, &clean);
  if (clean.code != EXIT_HELD)
    fail_msg("%s: exit code %d: %s", job->line, clean.code, clean.err);
  blur_all(job->times, &clean);
  for (size_t i = 0; i < kind_count; i++)
    findings += run_kind(job, library, &kinds[i], &clean, runs, &done);
  outcome_free(&clean);
  print_message("%zu runs in which a call failed\n", done);
  assert_int_equal(findings, 0);
}

const char *failing_hindrance(bool allocations)
{
  if (support_emulated())
    return "the emulator is too slow for so many runs";
  return allocations && support_sanitized() ? "the sanitizer allocates by itself" : NULL;
}

int failing_setup(void **state)
{
  (void)state;
  unsetenv("CI");
  if (failing_hindrance(false))
    return 0;
  const char *in = workshop_path(IN);
  char folder[600];
  failing_inputs(in);
  workshop_preload("preload_alloc.so");
  workshop_preload("preload_io.so");
  snprintf(folder, sizeof folder, "%s/c", in);
  server.folder = strdup(folder);
  server_start(&server);
  return 0;
}

int failing_teardown(void **state)
{
  (void)state;
  if (failing_hindrance(false))
    return 0;
  server_stop(&server);
  free((void *)(uintptr_t)server.folder);
  return 0;
}

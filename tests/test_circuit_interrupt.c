/* ^C while circuits are found: no operation begins after it, what is finished stays, and the same
 * call goes on to the same bits. */
#include "circuits.h"

#include "base/interrupt.h"
#include "circuit/components.h"
#include "circuit/evaluation.h"
#include "study/circuits.h"
#include "tape/operations.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define CASE "nursery-olmo-copy"
#define MODEL "manifests/nursery.tar.zst:nursery-olmo/step2500"
#define METHOD "ig10_first1"
#define IDENTITY "0123456789abcdef0123456789abcdef"
#define INTERRUPTED 9 /* exit code of a child whose call ended as it should */

/* --- the tape --- */

static size_t asked, stop_at;

static bool stop(void)
{
  return ++asked >= stop_at;
}

static void test_tape_stops(void **state)
{
  (void)state;
  struct error error = {0};
  struct threads *threads;
  struct tape *tape;
  const float x[4] = {1, 2, 3, 4};
  circuit_check(threads_start(1, &threads, &error), &error);
  circuit_check(tape_create(&kernels_scalar, threads, &tape, &error), &error);
  size_t value = tape_leaf(tape, 1, 4, x, NULL);
  for (int i = 0; i < 5; i++)
    value = tape_scale(tape, value, 2);
  tape_keep(tape, value);
  circuit_check(tape_plan(tape, false, &error), &error);
  circuit_check(tape_allocate(tape, &error), &error);
  tape_stop_when(tape, stop);
  stop_at = 3;
  tape_forward(tape);
  assert_true(tape_stopped(tape) && asked == 3);
  asked = 0;
  stop_at = 100;
  tape_forward(tape);
  assert_true(!tape_stopped(tape) && asked == 5);
  assert_true(tape_data(tape, value)[3] == 128);
  tape_free(tape);
  threads_stop(threads);
}

/* --- calls --- */

/* In a child: ^C comes at this share of a call; calls of progress after it are counted. */
static double share_of_interrupt;
static size_t told_after;

static void tell(void *context, double share)
{
  (void)context;
  told_after += interrupt_requested();
  if (share >= share_of_interrupt && !interrupt_requested())
    raise(SIGINT);
}

static void start(struct circuit_case *c, bool interrupts)
{
  struct error error = {0};
  circuit_load(CASE, c);
  struct circuit_options options = circuit_options_of(ISA_AUTO, 2, CIRCUIT_MEMORY);
  c->threads = options.threads;
  options.progress = interrupts ? tell : NULL;
  circuit_check(circuit_runs_create(&c->model, &c->task, &options, &c->runs, &error), &error);
}

static bool is_interrupted(int status, const struct error *error)
{
  return status == EXIT_RUN && strstr(error->text, "interrupted; run the same command again");
}

/* Runs `call` in a child that ^C reaches; false: it did not end as an interrupted one. */
static bool interrupt(double share, int (*call)(const char *directory, struct error *error),
                      const char *directory)
{
  int status;
  pid_t child = fork();
  assert_true(child >= 0);
  if (!child) {
    struct error error = {0};
    share_of_interrupt = share;
    told_after = 0;
    interrupt_install();
    (void)!freopen("/dev/null", "w", stderr);
    _exit(is_interrupted(call(directory, &error), &error) && told_after == 0 ? INTERRUPTED : 1);
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  return WIFEXITED(status) && WEXITSTATUS(status) == INTERRUPTED;
}

static float *score(struct circuit_case *c, const char *directory, int *status, struct error *error)
{
  struct attribution method;
  float *scores = calloc(circuit_runs_pairs(c->runs) * circuit_edges(c), sizeof *scores);
  circuit_check(attribution_parse(METHOD, &method, error), error);
  *status = circuit_scores_run(c->runs, &method, directory, IDENTITY, scores, error);
  return scores;
}

static int score_interrupted(const char *directory, struct error *error)
{
  struct circuit_case c;
  int status;
  double share = share_of_interrupt;
  share_of_interrupt = 2; /* not while it starts */
  start(&c, true);
  share_of_interrupt = share;
  free(score(&c, directory, &status, error));
  return status;
}

static size_t kept_pairs(const char *directory, size_t pairs)
{
  size_t count = 0;
  for (size_t i = 0; i < pairs; i++) {
    char path[600];
    snprintf(path, sizeof path, "%s/pair-%06zu.scores", directory, i);
    count += access(path, F_OK) == 0;
  }
  return count;
}

static void test_scores(void **state)
{
  (void)state;
  struct circuit_case c;
  struct error error = {0};
  int status;
  char directory[512];
  if (support_emulated())
    skip();
  snprintf(directory, sizeof directory, "%s", support_path("scores"));
  circuit_check(file_make_directory(directory, &error), &error);
  start(&c, false);
  size_t pairs = circuit_runs_pairs(c.runs), bytes = pairs * circuit_edges(&c) * sizeof(float);
  assert_true(interrupt(.01, score_interrupted, directory));
  assert_int_equal(kept_pairs(directory, pairs), 0);
  assert_true(interrupt(.6, score_interrupted, directory));
  size_t kept = kept_pairs(directory, pairs);
  assert_true(kept > 0 && kept < pairs);
  float *resumed = score(&c, directory, &status, &error);
  circuit_check(status, &error);
  float *whole = score(&c, NULL, &status, &error);
  circuit_check(status, &error);
  assert_memory_equal(resumed, whole, bytes);
  free(resumed);
  free(whole);
  circuit_close(&c);
}

/* Both runs of every pair: nothing is there yet. */
static int start_interrupted(const char *directory, struct error *error)
{
  struct circuit_case c;
  (void)directory;
  circuit_load(CASE, &c);
  const struct circuit_options options = circuit_options_of(ISA_AUTO, 2, CIRCUIT_MEMORY);
  raise(SIGINT);
  return circuit_runs_create(&c.model, &c.task, &options, &c.runs, error);
}

/* One patched run, whose ratio was not known; the file of sizes has what was. */
static int evaluate_interrupted(const char *file, struct error *error)
{
  struct circuit_case c;
  struct evaluation evaluation;
  struct evaluated evaluated;
  share_of_interrupt = 2;
  start(&c, true);
  size_t edges = circuit_edges(&c), *order = calloc(edges, sizeof *order);
  for (size_t e = 0; e < edges; e++)
    order[e] = edges - 1 - e;
  circuit_check(evaluation_create(c.runs, order, file, IDENTITY, &evaluation, error), error);
  circuit_check(evaluation_run(&evaluation, 200, &evaluated, error), error);
  raise(SIGINT);
  return evaluation_run(&evaluation, 300, &evaluated, error);
}

static int components_interrupted(const char *directory, struct error *error)
{
  struct circuit_case c;
  struct mover_scores movers[64];
  (void)directory;
  share_of_interrupt = 2;
  start(&c, true);
  const struct circuit_options options = circuit_options_of(ISA_AUTO, 2, CIRCUIT_MEMORY);
  raise(SIGINT);
  return component_movers(&c.model, &c.task, &options, movers, error);
}

static void test_other_calls(void **state)
{
  (void)state;
  const char *file = support_path("sizes");
  if (support_emulated())
    skip();
  assert_true(interrupt(2, start_interrupted, NULL));
  assert_true(interrupt(2, components_interrupted, NULL));
  assert_true(interrupt(2, evaluate_interrupted, file));
  assert_true(access(file, F_OK) == 0);
}

static int interrupt_at_once(void *context, const struct circuits_begun *begun, struct error *error)
{
  (void)context, (void)begun, (void)error;
  return raise(SIGINT);
}

/* Of short work nothing is kept, and so it is not said to be resumed. */
static void test_short_work(void **state)
{
  (void)state;
  int status;
  struct circuit_case c;
  if (support_emulated())
    skip();
  circuit_load(CASE, &c);
  pid_t child = fork();
  assert_true(child >= 0);
  if (!child) {
    struct error error = {0};
    struct found found;
    struct runtime runtime = {.quiet = true, .memory = CIRCUIT_MEMORY};
    const struct circuits_task task = {CASE, &c.task, 0};
    struct circuits_study study = {.tasks = &task,
                                   .task_count = 1,
                                   .directory = support_directory(),
                                   .name = "short",
                                   .begin = interrupt_at_once};
    circuit_check(attribution_parse(METHOD, &study.request.method, &error), &error);
    circuit_check(threads_start(1, &runtime.threads, &error), &error);
    circuit_check(kernels_select(ISA_AUTO, &runtime.kernels, &error), &error);
    interrupt_install();
    (void)!freopen("/dev/null", "w", stderr);
    status = circuits_run(MODEL, &study, &runtime, &found, &error);
    _exit(status == EXIT_RUN && strstr(error.text, "interrupted; nothing was kept") ? INTERRUPTED
                                                                                    : 1);
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == INTERRUPTED);
  circuit_close(&c);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_tape_stops),
      cmocka_unit_test(test_scores),
      cmocka_unit_test(test_other_calls),
      cmocka_unit_test(test_short_work),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

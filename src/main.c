/* The table of subcommands. */
#include "base/file_use.h"
#include "base/reserve.h"
#include "base/threads.h"
#include "base/version.h"
#include "command/command.h"
#include "command/command_table.h"
#include "command/commit.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct command commands[] = {
    {"reproduce", "verify, screen and compare with goldens, then evaluate the claims",
     command_reproduce},
    {"merge", "join the shards of a run to the same bits as one", command_merge},
    {"plan", "say what the work of manifests will take, of the whole and of each shard",
     command_plan},
    {"fetch", "fetch the files that a manifest pins, and check them", command_fetch},
    {"verify", "check the files that a manifest pins", command_verify},
    {"pin", "fill a manifest's pins from the files on disk", command_pin},
    {"screen", "screen every attention head of a checkpoint", command_screen},
    {"calibrate", "show how large the figures of a screen are by chance", command_calibrate},
    {"rank", "rank the heads of a trajectory by the integral of their participation ratio",
     command_rank},
    {"sinks", "show when sinks emerge and how the induction circuit lasts in a trajectory",
     command_sinks},
    {"weights", "measure each head's part of the output projection, from weights alone",
     command_weights},
    {"ablate", "ablate heads of a checkpoint and compare with controls", command_ablate},
    {"circuit", "find the circuit of a model on a task, or those of a manifest's revisions",
     command_circuit},
    {"claims", "evaluate the claims of papers from trajectories and tables", command_claims},
    {"show", "show a trajectory in the terminal: heads, one head, or a chart", command_show},
    {"report", "write what was found as one file: HTML, Markdown, JUnit and others",
     command_report},
    {"compare", "compare two trajectories bit for bit", command_compare},
    {"inspect", "show what a checkpoint holds and what a screen of it would cost", command_inspect},
    {"synth", "write a checkpoint of random weights in a published or a chosen shape",
     command_synth},
    {"ordinary", "say what heads do beside the planted query of a screen", command_ordinary},
    {"task", "write the pairs of prompts that circuits are measured on", command_task},
    {"tokenize", "show the tokens of a text by a checkpoint's own tokenizer", command_tokenize},
    {"train", "train a model from a recipe, to the same bits everywhere", command_train},
    {"selftest", "check the kernels of this CPU against the C reference", command_selftest},
    {"bench", "measure kernels and whole screens on this machine", command_bench},
    {"manual", "show the manual page of a command, or write them all", command_manual},
    {"completion", "print the completion of options for a shell", command_completion},
};

#define COMMANDS (sizeof commands / sizeof *commands)

static void help(void)
{
  printf("attest " ATTEST_VERSION ": published claims about attention circuits, checked to "
         "the bit\n\nUsage: attest COMMAND [OPTIONS]; each COMMAND has --help\n\n");
  for (size_t i = 0; i < COMMANDS; i++)
    printf("  %-10s %s\n", commands[i].name, commands[i].summary);
  printf("\nExit codes: 0 all held, 1 a check failed, 2 bad usage or input, 3 could not "
         "run.\n");
}

/* A command on its way through a thread of its own. */
struct job {
  int (*command)(int argc, char **argv, struct error *error);
  int argc;
  char **argv;
  int code;
};

/* What changed under a command explains whatever else it found; a lack of means does not depend on
 * it. */
static void *work(void *context)
{
  struct job *job = context;
  struct error error = {0}, changed;
  job->code = job->command(job->argc, job->argv, &error);
  if (job->code != EXIT_RUN && file_use_check(&changed)) {
    error = changed;
    job->code = changed.code;
  }
  if (job->code && error.code)
    fprintf(stderr, "attest: %s\n", error.text);
  return NULL;
}

/* Kernels and nested JSON need more stack than a shell may grant the first thread (ulimit -s). */
static int run(struct job *job)
{
  pthread_t thread;
  (void)mallopt(M_ARENA_MAX, 1); /* threads do not allocate much; a second heap would cost memory */
  int reason = threads_begin(&thread, work, job);
  if (reason) {
    fprintf(stderr,
            "attest: out of memory or processes for a thread with its stack: %s; raise "
            "the limits (ulimit -v, ulimit -u)\n",
            strerror(reason));
    return EXIT_RUN;
  }
  pthread_join(thread, NULL);
  return job->code;
}

/* Results that did not reach standard output are not results. */
static int finish(int code)
{
  bool failed = ferror(stdout); /* its reason is forgotten by now */
  const char *reason = fflush(stdout) != 0 ? error_reason(errno) : "a part of it is missing";
  if (!failed && !ferror(stdout))
    return code;
  fprintf(stderr, "attest: standard output: cannot be written: %s\n", reason);
  return EXIT_RUN;
}

/* No file may get the number of a standard stream that is closed: what is printed would go there.
 * Opened the wrong way round, so that to use it stays an error. */
static void hold_standard_streams(void)
{
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    if (fcntl(fd, F_GETFD) < 0)
      (void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int main(int argc, char **argv)
{
  hold_standard_streams();
  signal(SIGPIPE, SIG_IGN); /* a closed pipe becomes a write error with a message */
  signal(SIGXFSZ, SIG_IGN); /* and so does a file size limit */
  file_use_start();
  reserve_install();
  command_table_set(commands, COMMANDS);
  if (argc < 2) {
    fprintf(stderr, "attest: no command given; see attest --help\n");
    return EXIT_INPUT;
  }
  if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
    help();
    return finish(EXIT_HELD);
  }
  if (strcmp(argv[1], "--version") == 0) {
    printf("attest %s (commit %s)\n", ATTEST_VERSION, commit_built_from());
    return finish(EXIT_HELD);
  }
  for (size_t i = 0; i < COMMANDS; i++)
    if (strcmp(argv[1], commands[i].name) == 0)
      return finish(run(&(struct job){commands[i].run, argc - 1, argv + 1, 0}));
  fprintf(stderr, "attest: %s: no such command; see attest --help\n", argv[1]);
  return EXIT_INPUT;
}

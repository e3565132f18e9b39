#include "base/file.h"
#include "base/file_use.h"
#include "base/path.h"
#include "command/command.h"
#include "command/report_output.h"
#include "command/trajectories.h"
#include "pass/runtime.h"
#include "report/run_folder.h"
#include "study/outputs.h"

#include <stdlib.h>
#include <sys/stat.h>

#define MOST_RUNS 64

struct report_options {
  struct common_options common;
  const char *out, *format, *heads, *rows;
  bool every;
};

static int parse(int argc, char **argv, struct report_options *o, const char **paths, size_t *used,
                 bool *help, struct error *error)
{
  const struct option_spec specs[] = {
      {"out", OPTION_STRING, &o->out, 0, 0, "FILE", "where the report goes; - = stdout; needed"},
      {"format", OPTION_STRING, &o->format, 0, 0, REPORT_CHOICES,
       "default: by the ending of FILE, as docs/MACHINES.md lists them"},
      {"heads", OPTION_STRING, &o->heads, 0, 0, "LIST",
       "draw these heads, too, such as L4H4,L7H0: where they look, at the last revision and over "
       "training"},
      {"rows", OPTION_STRING, &o->rows, 0, 0, "DIR",
       "with --heads: their attention position by position, from a folder that attest screen "
       "--dump wrote of that model; the folder itself does not say of which one it is"},
      {"all", OPTION_FLAG, &o->every, 0, 0, NULL,
       "in Markdown, too, every reading of each figure, not only those that do not come out; it "
       "may then be longer than a comment on GitHub"}};
  const struct option_list list = {
      "report RUN... --out FILE [OPTIONS]",
      "Writes what was found as one file that needs nothing else: verdict, claims, plots, what "
      "was\n"
      "not checked, provenance. A RUN is the work folder of attest reproduce (--work), the JSON\n"
      "that it writes, a trajectory, a folder of circuits over training, or one of such folders "
      "and\n"
      "published tables.",
      specs, sizeof specs / sizeof *specs};
  if (options_parse(argc, argv, &list, paths, MOST_RUNS, used, help, error) || *help)
    return error->code;
  if (!*used)
    return error_set(error, EXIT_INPUT, "report: RUN is missing; see --help");
  if (o->rows && !o->heads)
    return error_set(error, EXIT_INPUT, "report: --rows needs --heads, which says whose rows");
  if (!o->out)
    return error_set(error, EXIT_INPUT, "report: --out FILE is missing; - is standard output");
  return 0;
}

/* Whether it is what `reproduce` keeps. */
static bool is_run(const char *path)
{
  struct error ignored;
  if (!file_is_directory(path))
    return true;
  char *file = file_join(path, RUN_FILE, &ignored);
  bool found = file && file_exists(file);
  free(file);
  return found;
}

/* Whether a report is kept right in the folder of its run, where an RO-Crate has to be: a newer one
 * takes its place, and what else is there is read. */
static bool is_kept_with(const char *run, const char *out)
{
  struct stat one, two;
  char *folder = path_folder(out);
  bool same = folder && is_run(run) && stat(run, &one) == 0 && stat(folder, &two) == 0 &&
              one.st_dev == two.st_dev && one.st_ino == two.st_ino;
  free(folder);
  return same;
}

/* The trajectories go into the report, the tables remain. */
static int take(struct report *report, struct trajectories *loaded, struct error *error)
{
  int status = 0;
  for (size_t i = 0; i < loaded->count; i++) {
    if (!status)
      status = report_add_trajectory(report, &loaded->all[i], error);
    else
      trajectory_free(&loaded->all[i]);
  }
  loaded->count = 0;
  return status;
}

static int collect(struct report *report, const char *const *paths, size_t count,
                   struct trajectories *loaded, struct error *error)
{
  for (size_t i = 0; i < count; i++)
    if (is_run(paths[i]) ? run_folder_read(report, paths[i], error)
                         : trajectories_load(loaded, paths[i], error))
      return error->code;
  if (take(report, loaded, error) || run_folder_check(report, error) || file_use_check(error))
    return error->code;
  const struct report_folders folders = {loaded->tables, loaded->courses, loaded->table_count,
                                         loaded->course_count};
  return report_evaluate(report, &folders, error);
}

int command_report(int argc, char **argv, struct error *error)
{
  struct report_options o = {0};
  struct report report = {0};
  struct trajectories loaded = {.count = 0};
  const char *paths[MOST_RUNS];
  const struct report_format *format;
  bool help = false;
  size_t used;
  if (parse(argc, argv, &o, paths, &used, &help, error) || help ||
      report_format(o.format, o.out, &format, error))
    return error->code;
  const struct output output = {.option = "--out", .path = o.out};
  int status = outputs_check(&output, 1, error);
  if (!status)
    status = collect(&report, paths, used, &loaded, error);
  if (!status)
    status = report_choose(&report, o.heads, o.rows, error);
  if (!status)
    status = outputs_spare_read(&output, 1, error);
  for (size_t i = 0; i < used && !status; i++)
    if (!is_kept_with(paths[i], o.out))
      status = outputs_spare_folder(&output, 1, paths[i], error);
  if (!status && o.rows)
    status = outputs_spare_folder(&output, 1, o.rows, error);
  if (!status)
    status = report_output(&report, format, o.every, o.out, error);
  trajectories_free(&loaded);
  report_free(&report);
  return status;
}

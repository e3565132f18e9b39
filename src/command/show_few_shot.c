#include "command/show_few_shot.h"

#include "base/file_use.h"
#include "base/json.h"
#include "command/reading.h"
#include "few_shot/course.h"
#include "study/outputs.h"
#include "train/directory.h"

#include <stdlib.h>

#define MOST_BYTES ((size_t)1 << 20)
#define EXAMINED_FILE "heads.csv" /* the first of the tables that are about heads */

struct shown_run {
  const char *directory;
  json_t *identity; /* owned */
  const char *name;
  int64_t sequences;
  struct table course; /* owned */
};

static int read_identity(struct shown_run *run, const char *path, struct error *error)
{
  struct blob blob;
  if (file_read(path, MOST_BYTES, &blob, error))
    return error->code;
  int status = json_parse_object(path, blob.data, blob.size, &run->identity, error);
  blob_free(&blob);
  if (status || json_get_label(run->identity, path, "name", &run->name, error))
    return error->code;
  return json_get_integer(run->identity, path, "sequences", 0, INT64_MAX, &run->sequences, error);
}

static int read_course(struct shown_run *run, const char *path, struct error *error)
{
  struct blob blob;
  if (!file_exists(path))
    return error_set(error, EXIT_INPUT,
                     "%s: is not there yet; attest train RECIPE.json --out %s goes on with the run "
                     "and writes it",
                     path, run->directory);
  if (file_read(path, MOST_BYTES, &blob, error))
    return error->code;
  int status = table_parse(path, blob.data, blob.size, ',', few_course_columns, FEW_COURSE_COLUMNS,
                           &run->course, error);
  blob_free(&blob);
  return status;
}

static int read_run(struct shown_run *run, struct error *error)
{
  char *identity = file_join(run->directory, RUN_IDENTITY_FILE, error);
  char *course = identity ? file_join(run->directory, FEW_COURSE_FILE, error) : NULL;
  int status = course ? read_identity(run, identity, error) : error->code;
  if (!status)
    status = read_course(run, course, error);
  free(course);
  free(identity);
  return status;
}

static void add_course(const struct shown_run *run, struct text *text)
{
  if (!table_rows(&run->course)) {
    text_add(text, "  never evaluated, as its recipe says\n");
    return;
  }
  const struct table_cell *after =
      table_at(&run->course, 0, table_column_of(&run->course, "sequences"));
  text_add(text,
           "  loss and accuracy after %lld sequences; times in sequences, plateaus in "
           "evaluations:\n",
           (long long)after->integer);
  table_aligned(&run->course, "  ", text);
}

static int add_text(const struct shown_run *run, struct text *text, struct error *error)
{
  char *examined = file_join(run->directory, EXAMINED_FILE, error);
  if (!examined)
    return error->code;
  text_add(text, "%s: a few-shot run of %lld sequences\n", run->name, (long long)run->sequences);
  add_course(run, text);
  if (file_exists(examined))
    text_add(text, "  what its heads do: %s and the other tables there\n",
             text_shown(examined).text);
  else
    text_add(text, "  what its heads do: attest train RECIPE.json --out %s --examine\n",
             text_shown(run->directory).text);
  free(examined);
  return 0;
}

static json_t *json_of(const struct shown_run *run)
{
  json_t *all = json_object();
  json_put(all, "name", json_string(run->name));
  json_put(all, "kind", json_string("few_shot"));
  json_put(all, "sequences", json_integer((json_int_t)run->sequences));
  json_put(all, "course", table_json(&run->course));
  return all;
}

int show_few_shot(const char *directory, const struct common_options *common, struct error *error)
{
  const struct output json = {.option = "--json", .path = common->json};
  struct shown_run run = {.directory = directory};
  struct text text = {0};
  int status = common_options_check(common, error);
  if (!status)
    status = read_run(&run, error);
  if (!status)
    status = file_use_check(error);
  if (!status)
    status = outputs_spare_read(&json, 1, error);
  if (!status)
    status = add_text(&run, &text, error);
  if (status)
    text_free(&text);
  else
    status = reading_deliver(common, json_of(&run), &text, error);
  table_free(&run.course);
  json_decref(run.identity);
  return status;
}

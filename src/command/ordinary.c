#include "study/ordinary.h"

#include "base/file_write.h"
#include "base/json.h"
#include "command/batch_options.h"
#include "command/command.h"
#include "command/terminal.h"
#include "study/cost.h"
#include "study/outputs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESTS 0.3 /* of the attention: a sink, as the paper's text counts it */

struct ordinary_options {
  struct common_options common;
  struct batch_options batch;
  struct protocol protocol;
  const char *out;
};

static int parse(int argc, char **argv, struct ordinary_options *o, const char **path, bool *help,
                 struct error *error)
{
  const struct option_spec specs[] = {
      BATCH_OPTIONS(&o->batch, "not used here"),
      {"out", OPTION_STRING, &o->out, 0, 0, "FILE.csv", "write one row per head"},
      COMMON_OPTIONS(&o->common),
  };
  const struct option_list list = {
      "ordinary MODEL_DIR [OPTIONS]",
      "What belongs beside a screen of short sequences, of every head and on the same batch:\n"
      "attention to position 0 from ordinary positions (all queries but the first and the planted\n"
      "last one), and induction against a baseline without the neighbours of the answer.",
      specs, sizeof specs / sizeof *specs};
  size_t used;
  if (options_parse(argc, argv, &list, path, 1, &used, help, error) || *help)
    return error->code;
  if (used != 1)
    return error_set(error, EXIT_INPUT, "ordinary: MODEL_DIR is missing; see --help");
  if (batch_options_read(&o->batch, &o->protocol, error))
    return error->code;
  const struct output outputs[] = {{"--out", o->out, false}, {"--json", o->common.json, false}};
  return outputs_check(outputs, 2, error);
}

static void print(const struct ordinary_options *o, const char *path,
                  const struct ordinary_row *rows, size_t count, const struct table *table)
{
  struct text text = {0};
  size_t resting = 0, beyond = 0, induction = 0;
  for (size_t i = 0; i < count; i++) {
    beyond += rows[i].layer > 0;
    resting += rows[i].layer > 0 && rows[i].first >= RESTS;
    induction += rows[i].induction_apart >= CIRCUIT_THRESHOLD;
  }
  printf("%s: at ordinary positions %zu of %s beyond layer 0 give position 0 at least %g of "
         "their attention; induction >= %gx a baseline without the answer's neighbours: %s\n",
         text_shown(path).text, resting, text_counted(beyond, "head").text, RESTS,
         CIRCUIT_THRESHOLD, text_counted(induction, "head").text);
  if (!o->out)
    table_aligned(table, "  ", &text);
  if (text.data)
    fputs(text.data, stdout);
  text_free(&text);
}

static int deliver(const struct ordinary_options *o, const struct runtime *runtime,
                   const char *path, const struct ordinary_row *rows, size_t count,
                   struct error *error)
{
  struct table table = ordinary_table(rows, count);
  int status = o->out ? file_write_table(o->out, &table, error) : 0;
  if (!status && o->common.json) {
    json_t *all = json_pack("{s:s, s:o, s:o}", "model", text_shown(path).text, "protocol",
                            cost_protocol_json(&o->protocol), "heads", table_json(&table));
    status = all ? json_write(o->common.json, all, error)
                 : error_set(error, EXIT_RUN, "%s: out of memory", o->common.json);
    json_decref(all);
  }
  if (!status && runtime->text && !(o->out && strcmp(o->out, "-") == 0))
    print(o, path, rows, count, &table);
  table_free(&table);
  return status;
}

int command_ordinary(int argc, char **argv, struct error *error)
{
  struct ordinary_options o = {.batch = BATCH_OPTIONS_DEFAULT};
  struct runtime runtime = {0};
  struct ordinary_row *rows;
  const char *path;
  size_t count;
  bool help = false;
  if (parse(argc, argv, &o, &path, &help, error) || help ||
      runtime_start(&o.common, &runtime, error))
    return error->code;
  runtime.notices = terminal_notices(runtime.quiet);
  int status = ordinary_run(path, &o.protocol, &runtime, &rows, &count, error);
  if (!status)
    status = deliver(&o, &runtime, path, rows, count, error);
  free(rows);
  runtime_stop(&runtime);
  return status;
}

#include "command/reading.h"

#include "base/file_use.h"
#include "base/json.h"
#include "study/outputs.h"

#include <stdio.h>
#include <string.h>

int reading_load(const char *directory, const struct common_options *common,
                 struct trajectory *trajectory, struct error *error)
{
  const struct output json = {.option = "--json", .path = common->json};
  if (common_options_check(common, error) || trajectory_load(directory, trajectory, error))
    return error->code;
  if (!file_use_check(error) && !outputs_spare_read(&json, 1, error) &&
      !outputs_spare_folder(&json, 1, directory, error))
    return 0;
  trajectory_free(trajectory);
  return error->code;
}

int reading_revision(const struct trajectory *trajectory, const char *name, size_t *index,
                     struct error *error)
{
  *index = name ? trajectory_find(trajectory, name) : trajectory->count - 1;
  if (*index < trajectory->count)
    return 0;
  return error_set(error, EXIT_INPUT, "--revision %s: %s has none of this name; its last is %s",
                   name, trajectory->model, trajectory->revisions[trajectory->count - 1].name);
}

int reading_tokens(const char *option, const char *text, double *tokens, struct error *error)
{
  if (!text || (text_to_double(text, strlen(text), tokens) && *tokens > 0))
    return 0;
  return error_set(error, EXIT_INPUT, "%s %s: must be a number of tokens above 0", option, text);
}

void reading_source_text(const struct trajectory *trajectory, struct text *text)
{
  text_add(text, "%s (%s, %s)\n  %s\n", trajectory->model, trajectory_kind_name(trajectory->kind),
           text_counted(trajectory->count, "revision").text, text_shown(trajectory->source).text);
  if (*trajectory->caveat)
    text_add(text, "  Caveat: %s\n", text_shown(trajectory->caveat).text);
}

void reading_source_json(const struct trajectory *trajectory, json_t *object)
{
  json_put(object, "model", json_string(trajectory->model));
  json_put(object, "kind", json_string(trajectory_kind_name(trajectory->kind)));
  json_put(object, "source", json_string(trajectory->source));
  json_put(object, "caveat", json_string(trajectory->caveat));
}

int reading_deliver(const struct common_options *common, json_t *json, struct text *text,
                    struct error *error)
{
  bool to_stdout = common->json && strcmp(common->json, "-") == 0;
  int status = text->failed ? error_set(error, EXIT_RUN, "out of memory for the result") : 0;
  if (!status && common->json)
    status = json_write(common->json, json, error);
  if (!status && !common->quiet && !to_stdout)
    fputs(text->data ? text->data : "", stdout);
  json_decref(json);
  text_free(text);
  return status;
}

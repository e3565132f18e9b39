#include "study/pass.h"
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool pass_is_tables(const struct pass *pass)
{
  return strcmp(pass->manifest.kind, "published") == 0;
}

void pass_say(const struct pass *pass, const char *format, ...)
{
  va_list arguments;
  if (!pass->all->runtime->text)
    return;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  fflush(stdout); /* hours may pass until the next line */
}

void pass_fail(struct pass *pass, const char *line)
{
  pass->all->failures++;
  if (pass->all->runtime->quiet)
    fprintf(stderr, "attest: %s\n", line); /* --quiet is not silence */
  else if (isatty(STDERR_FILENO))
    fprintf(stderr, "\r\033[K"); /* a progress bar may stand there */
  pass_say(pass, "  FAILED: %s\n", line);
  json_add(json_object_get(pass->json, "failures"), json_string(line));
}

static void add_item(struct pass *pass, struct text *text, const char *key, const char *format,
                     va_list arguments)
{
  struct error line; /* for its escapes: paths come from the manifest */
  char item[900];
  vsnprintf(item, sizeof item, format, arguments);
  error_set(&line, EXIT_CHECK, "%s", item);
  text_add(text, "%s%s", text->length ? "; " : "", line.text);
  json_add(json_object_get(pass->json, key), json_string(line.text));
}

void pass_compared(struct pass *pass, const char *format, ...)
{
  va_list arguments;
  pass->comparisons++;
  va_start(arguments, format);
  add_item(pass, &pass->compared, "compared", format, arguments);
  va_end(arguments);
}

void pass_not_compared(struct pass *pass, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  add_item(pass, &pass->not_compared, "not_compared", format, arguments);
  va_end(arguments);
}

void pass_check_compared(struct pass *pass)
{
  if (pass->comparisons || pass->all->update_golden)
    return;
  pass->all->uncompared++;
  if (pass->all->allow_uncompared)
    pass_say(pass, "  NOT COMPARED: nothing was there to compare with\n");
  else
    pass_fail(pass, "NOT COMPARED: nothing was there to compare with; name a golden or published "
                    "tables in the manifest, run again to compare with a first run that was kept, "
                    "or use --allow-uncompared");
}

void pass_summarise(struct pass *pass)
{
  struct text *text = &pass->all->summary;
  const char *model = pass->manifest.model;
  text_add(text, "  %s: compared: %s\n", model,
           pass->compared.length ? pass->compared.data : "nothing");
  if (pass->not_compared.length)
    text_add(text, "  %s: not compared: %s\n", model, pass->not_compared.data);
}

void reproduction_free(struct reproduction *reproduction)
{
  for (size_t i = 0; i < reproduction->evaluated_count; i++) {
    struct claim_list *list = &reproduction->evaluated[i];
    struct trajectory *trajectories = list->trajectories;
    size_t count = list->trajectory_count;
    claims_free(list);
    for (size_t t = 0; t < count; t++)
      trajectory_free(&trajectories[t]);
    free(trajectories);
  }
  free(reproduction->evaluated);
}

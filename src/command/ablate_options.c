#include "command/ablate_options.h"

#include "base/file.h"
#include "command/reading.h"
#include "trajectory/integral.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Takes one item of a list; false when it is none. */
typedef bool take_item(void *context, const char *item, size_t length);

/* Items parted by commas, at least one. `what` are the items, for the message. */
static int read_list(const char *option, const char *text, const char *what, take_item *take,
                     void *context, struct error *error)
{
  for (const char *at = text;; at++) {
    size_t length = strcspn(at, ",");
    if (!take(context, at, length))
      return error_set(error, EXIT_INPUT, "%s %s: \"%.*s\" must be %s, separated by commas", option,
                       text, (int)(length < 80 ? length : 80), at, what);
    at += length;
    if (!*at)
      return 0;
  }
}

static bool take_threshold(void *context, const char *item, size_t length)
{
  struct ablate_options *o = context;
  double threshold;
  if (o->circuit_count == MOST_THRESHOLDS || !text_to_double(item, length, &threshold) ||
      !(threshold > 0))
    return false;
  for (size_t i = 0; i < o->circuit_count; i++)
    if (o->circuits[i].threshold >= threshold && o->circuits[i].threshold <= threshold)
      return false;
  o->circuits[o->circuit_count++].threshold = threshold;
  return true;
}

struct seed_list {
  uint32_t *seeds;
  size_t count;
};

static bool take_seed(void *context, const char *item, size_t length)
{
  struct seed_list *list = context;
  uint64_t seed;
  if (list->count == MOST_SEEDS || !text_to_u64(item, length, &seed) || seed > UINT32_MAX)
    return false;
  for (size_t i = 0; i < list->count; i++)
    if (list->seeds[i] == seed)
      return false;
  list->seeds[list->count++] = (uint32_t)seed;
  return true;
}

static bool take_control(void *context, const char *item, size_t length)
{
  struct control_choice *choice = context;
  for (int c = CONTROL_MATCHED_RANDOM; c < CONTROLS; c++) {
    const char *name = control_name((enum control)c);
    if (strlen(name) == length && strncmp(item, name, length) == 0) {
      choice->wanted[c] = true;
      return true;
    }
  }
  return false;
}

static int read_controls(struct ablate_options *o, struct control_choice *choice,
                         struct error *error)
{
  struct seed_list list = {o->seeds, 0};
  if (o->controls &&
      read_list("--controls", o->controls, "matched-random, any-layer or upper-bound", take_control,
                choice, error))
    return error->code;
  if (read_list("--seeds", o->seeds_text ? o->seeds_text : "123",
                "a whole number up to 4294967295, each once, 1000 at most", take_seed, &list,
                error))
    return error->code;
  choice->seeds = list.seeds;
  choice->seed_count = list.count;
  bool random = choice->wanted[CONTROL_MATCHED_RANDOM] || choice->wanted[CONTROL_ANY_LAYER];
  if (o->seeds_text && !random)
    return error_set(error, EXIT_INPUT,
                     "--seeds: belong to --controls matched-random or any-layer");
  if (o->published && !choice->wanted[CONTROL_MATCHED_RANDOM])
    return error_set(error, EXIT_INPUT, "--published-stream: draws --controls matched-random");
  return 0;
}

/* The last revision, or the one after the last colon. */
static int load_trajectory(struct ablate_options *o, const char *path, struct selection *s,
                           struct error *error)
{
  const char *colon = strrchr(path, ':'), *name = NULL;
  o->folder = strdup(path);
  if (!o->folder)
    return error_set(error, EXIT_RUN, "%s: out of memory", path);
  if (colon && !file_is_directory(path)) {
    o->folder[colon - path] = 0;
    name = colon + 1;
  }
  int status = trajectory_load(o->folder, &o->screened, error);
  size_t which = status || !o->screened.count ? 0
                 : name                       ? trajectory_find(&o->screened, name)
                                              : o->screened.count - 1;
  if (!status && which == o->screened.count)
    status = error_set(error, EXIT_INPUT, "--circuit-from %s: the trajectory has no such revision",
                       path);
  if (!status)
    s->screened = &o->screened.revisions[which];
  return status;
}

static int read_from(struct ablate_options *o, struct selection *s, struct error *error)
{
  if (file_exists(o->circuit_from) && !file_is_directory(o->circuit_from)) {
    if (!trajectory_read_csv(o->circuit_from, &o->single, error))
      s->screened = &o->single;
    return error->code;
  }
  return load_trajectory(o, o->circuit_from, s, error);
}

static int read_circuit(struct ablate_options *o, struct selection *s, struct error *error)
{
  bool previous = o->circuit && strcmp(o->circuit, "previous_token") == 0;
  if (o->circuit && !previous && strcmp(o->circuit, "induction") != 0)
    return error_set(error, EXIT_INPUT, "--circuit %s: must be induction or previous_token",
                     o->circuit);
  if (read_list("--threshold",
                o->threshold ? o->threshold
                : previous   ? "100"
                             : "50",
                "a number above 0, each once and 100 at most", take_threshold, o, error))
    return error->code;
  for (size_t i = 0, index; i < o->circuit_count; i++) {
    o->circuits[i].class = previous ? CLASS_PREVIOUS_TOKEN : CLASS_INDUCTION;
    if (o->published && control_stream_index(o->circuits[i].threshold, &index, error))
      return error_prefix(error, "--published-stream");
  }
  s->circuits = o->circuits;
  s->circuit_count = o->circuit_count;
  s->published = o->published;
  return o->circuit_from ? read_from(o, s, error) : 0;
}

static int read_top(struct ablate_options *o, struct selection *s, struct error *error)
{
  double tokens = INTEGRAL_FLOOR_PUBLISHED * 1e9;
  if (!o->trajectory)
    return error_set(error, EXIT_INPUT, "--top-integral: needs a --trajectory to rank heads by");
  if (reading_tokens("--floor", o->floor, &tokens, error) ||
      trajectory_load(o->trajectory, &o->screened, error) ||
      selection_top(&o->screened, (size_t)o->top, tokens / 1e9, &o->heads, error))
    return error->code;
  snprintf(o->name, sizeof o->name, "integral top %llu", (unsigned long long)o->top);
  s->heads = &o->heads;
  s->name = o->name;
  s->screened = &o->screened.revisions[o->screened.count - 1];
  return 0;
}

static int read_heads(struct ablate_options *o, struct selection *s, struct error *error)
{
  s->heads = &o->heads;
  s->name = "heads";
  return head_set_parse("--heads", o->heads_text, &o->heads, error);
}

/* What does not belong together. */
static int check(const struct ablate_options *o, struct error *error)
{
  bool circuit = o->circuit || o->circuit_from;
  if (!!o->heads_text + !!o->top + circuit != 1)
    return error_set(error, EXIT_INPUT,
                     "ablate: say what is ablated by one of --heads, --circuit and --top-integral; "
                     "see --help");
  if (!circuit && (o->threshold || o->published))
    return error_set(error, EXIT_INPUT, "--%s: belongs to --circuit",
                     o->threshold ? "threshold" : "published-stream");
  if (!o->top && (o->trajectory || o->floor))
    return error_set(error, EXIT_INPUT, "--%s: belongs to --top-integral",
                     o->trajectory ? "trajectory" : "floor");
  return 0;
}

int ablate_options_read(struct ablate_options *o, struct selection *s, struct error *error)
{
  *s = (struct selection){.as_published = o->as_published};
  if (check(o, error) || read_controls(o, &s->controls, error))
    return error->code;
  if (o->heads_text)
    return read_heads(o, s, error);
  return o->top ? read_top(o, s, error) : read_circuit(o, s, error);
}

void ablate_options_source(const struct ablate_options *o, struct text *text)
{
  const char *path = o->circuit_from ? o->circuit_from : o->trajectory;
  if (!path)
    return;
  text_add(text,
           "  chosen by the figures of %s%s%s, which do not say of which checkpoint they are\n",
           text_shown(path).text, o->screened.model ? ": " : "",
           o->screened.model ? text_shown(o->screened.model).text : "");
}

void ablate_options_free(struct ablate_options *o)
{
  head_set_free(&o->heads);
  trajectory_free(&o->screened);
  free(o->folder);
  trajectory_revision_free(&o->single);
}

#include "few_shot/data.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#define SPLIT_SEED 20
#define PUBLISHED_LABELS 5

const char *const few_set_names[FEW_SETS] = {"fsl_train", "fsl_val_rl", "fsl_train_valex",
                                             "fsl_test_class"};

/* Of five labels, in the order of a third party's log. */
static const int32_t published[][2] = {{1, 2}, {2, 3}, {0, 4}, {0, 3}, {0, 1},
                                       {2, 4}, {1, 4}, {3, 4}, {1, 3}, {0, 2}};

static int make_pairs(struct few_data *data, struct error *error)
{
  size_t labels = data->settings.labels, at = 0;
  data->pairs = labels * (labels - 1) / 2;
  data->train_pairs = data->pairs * 4 / 5;
  data->pair = memory_alloc(data->pairs, sizeof *data->pair, "pairs of labels", error);
  int32_t *order =
      data->pair ? memory_alloc(data->pairs, 3 * sizeof *order, "pairs of labels", error) : NULL;
  if (!order)
    return error->code;
  if (labels == PUBLISHED_LABELS) {
    memcpy(data->pair, published, sizeof published);
  } else {
    struct random random;
    int32_t(*sorted)[2] = (void *)(order + data->pairs);
    for (int32_t a = 0; a < (int32_t)labels; a++)
      for (int32_t b = a + 1; b < (int32_t)labels; b++, at++) {
        sorted[at][0] = a;
        sorted[at][1] = b;
      }
    random_seed(&random, SPLIT_SEED);
    random_permutation(&random, order, (int32_t)data->pairs);
    for (size_t i = 0; i < data->pairs; i++)
      memcpy(data->pair[i], sorted[order[i]], sizeof *sorted);
  }
  free(order);
  return 0;
}

int few_data_check(const char *name, const struct few_items *items,
                   const struct few_data_settings *s, struct error *error)
{
  if (s->classes < 2 || s->test_classes < 2 || s->classes > items->classes ||
      s->test_classes > items->classes - s->classes)
    return error_set(error, EXIT_INPUT,
                     "%s: has %zu classes; %zu for training and %zu others for testing are asked "
                     "for, at least 2 of each",
                     name, items->classes, s->classes, s->test_classes);
  if (items->exemplars < 2)
    return error_set(error, EXIT_INPUT,
                     "%s: has one exemplar a class; one evaluation set needs a second", name);
  if (s->labels < FEW_LEAST_LABELS || s->labels > FEW_MOST_LABELS)
    return error_set(error, EXIT_INPUT, "%s: %zu labels: must be %d to %d", name, s->labels,
                     FEW_LEAST_LABELS, FEW_MOST_LABELS);
  return 0;
}

uint64_t few_data_bytes(const struct few_data_settings *s, size_t exemplars, size_t width)
{
  return ((uint64_t)s->classes * (exemplars + 1) + s->test_classes) * width * sizeof(float);
}

int few_data_create(const char *name, const struct few_items *items,
                    const struct few_data_settings *settings, struct few_data *data,
                    struct error *error)
{
  size_t width = items->width, e = items->exemplars;
  *data = (struct few_data){.settings = *settings, .exemplars = e, .width = width};
  if (few_data_check(name, items, settings, error) || make_pairs(data, error))
    return error->code;
  size_t row = width * sizeof(float);
  data->train = memory_alloc(settings->classes * e, row, "few-shot items", error);
  if (data->train)
    data->train_first = memory_alloc(settings->classes, row, "few-shot items", error);
  if (data->train_first)
    data->test = memory_alloc(settings->test_classes, row, "few-shot items", error);
  if (!data->test || few_items_read(items, 0, settings->classes, e, data->train, error))
    return error->code;
  for (size_t c = 0; c < settings->classes; c++)
    memcpy(data->train_first + c * width, data->train + c * e * width, row);
  return few_items_read(items, items->classes - settings->test_classes, settings->test_classes, 1,
                        data->test, error);
}

void few_data_free(struct few_data *data)
{
  free(data->train);
  free(data->train_first);
  free(data->test);
  free(data->pair);
  *data = (struct few_data){.width = 0};
}

struct few_table few_data_table(const struct few_data *data, enum few_set set)
{
  if (set == FEW_SET_EXEMPLARS)
    return (struct few_table){data->train, data->settings.classes * data->exemplars};
  if (set == FEW_SET_TEST_CLASS)
    return (struct few_table){data->test, data->settings.test_classes};
  return (struct few_table){data->train_first, data->settings.classes};
}

static struct few_sequence draw(const struct few_data *data, enum few_set set,
                                struct random *random)
{
  bool test = set == FEW_SET_TEST_CLASS, relabel = set == FEW_SET_RELABEL;
  int64_t classes = (int64_t)(test ? data->settings.test_classes : data->settings.classes);
  int64_t pairs = (int64_t)(relabel ? data->pairs - data->train_pairs : data->train_pairs);
  int64_t asked = random_integer(random, 0, classes);
  int64_t other = random_integer(random, 0, classes - 1);
  other += other >= asked;
  const int32_t *pair =
      data->pair[(relabel ? (int64_t)data->train_pairs : 0) + random_integer(random, 0, pairs)];
  int64_t flip = random_integer(random, 0, 2), second = random_integer(random, 0, 2);
  int64_t e = (int64_t)data->exemplars;
  if (set == FEW_SET_EXEMPLARS) { /* rows of a table of all exemplars */
    asked = asked * e + random_integer(random, 1, e);
    other = other * e + random_integer(random, 1, e);
  }
  struct few_sequence s = {.query = (int32_t)second};
  s.items[second] = s.items[2] = (int32_t)asked;
  s.items[!second] = (int32_t)other;
  s.labels[second] = pair[flip];
  s.labels[!second] = pair[!flip];
  return s;
}

void few_data_draw(const struct few_data *data, enum few_set set, struct random *random,
                   struct few_sequence *sequences, size_t count)
{
  for (size_t i = 0; i < count; i++)
    sequences[i] = draw(data, set, random);
}

size_t few_data_all(const struct few_data *data)
{
  size_t classes = data->settings.classes;
  return classes * (classes - 1) * data->train_pairs * 4;
}

struct few_sequence few_data_sequence(const struct few_data *data, size_t index)
{
  size_t query = index % 2, flip = index / 2 % 2, rest = index / 4;
  const int32_t *pair = data->pair[rest % data->train_pairs];
  size_t others = data->settings.classes - 1;
  rest /= data->train_pairs;
  size_t first = rest / others, second = rest % others;
  struct few_sequence s = {.labels = {pair[flip], pair[!flip]}, .query = (int32_t)query};
  s.items[0] = (int32_t)first;
  s.items[1] = (int32_t)(second + (second >= first));
  s.items[2] = s.items[query];
  return s;
}

/* libFuzzer target: a few-shot recipe, and the header of a file of items. */
#include "few_shot/recipe.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_one_line(int status, const struct error *error)
{
  return status == error->code && (!status || (*error->text && !strchr(error->text, '\n')));
}

/* What a run relies on. */
static bool is_sound(const struct few_recipe *r)
{
  const struct few_sizes sizes = few_recipe_sizes(r, 1);
  struct error error;
  return r->name && r->batch && r->evaluation_sequences && r->beta1 < 1 && r->beta2 < 1 &&
         r->eps > 0 && (r->items == FEW_FILE) == (r->item_file != NULL) &&
         (r->clamp.graft != FEW_GRAFT_NONE) == (r->graft_file != NULL) &&
         !few_sizes_check("", &sizes, &error) && !few_clamp_check("", &r->clamp, &sizes, &error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct error error = {0};
  struct few_recipe recipe;
  struct few_items items;
  int status = few_recipe_parse("fuzz.json", data, size, &recipe, &error);
  if (!is_one_line(status, &error) || (!status && !is_sound(&recipe)))
    abort();
  few_recipe_free(&recipe);
  error = (struct error){0};
  status = few_items_parse("fuzz.npy", data, size, &items, &error);
  if (!is_one_line(status, &error) ||
      (!status && (items.values < data ||
                   items.values + items.classes * items.exemplars * items.width * sizeof(float) !=
                       data + size)))
    abort();
  return 0;
}

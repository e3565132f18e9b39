#include "study/verified.h"

/* One reason after the other. */
static void add_reason(struct text *text, size_t count, const char *noun, const char *which,
                       size_t *reasons)
{
  if (!count)
    return;
  text_add(text, "%s%s %s",
           (*reasons)++ ? ", " : "; not compared: ", text_counted(count, noun).text, which);
}

void verified_add_tensors(struct text *text, const struct manifest_check *check,
                          const struct manifest_result *result)
{
  const struct values_count *values = &result->values;
  size_t reasons = 0;
  if (check->manifest->content == MANIFEST_TABLES)
    return;
  if (check->only) {
    text_add(text, "; its tensors were not compared with those of other revisions");
    return;
  }
  text_add(text, "; %s of %s compared, each with all others",
           text_counted(values->compared, "tensor").text,
           text_counted(values->revisions, "revision").text);
  add_reason(text, check->manifest->revision_count - values->revisions, "revision",
             "whose files failed verification", &reasons);
  add_reason(text, values->left_out, "tensor", "that may be alike (constants, masks, frequencies)",
             &reasons);
  add_reason(text, values->other, "tensor", "of types that are not floating-point", &reasons);
  add_reason(text, values->not_finite, "tensor", "with elements that are not finite", &reasons);
  if (values->unpaired_neighbours)
    text_add(
        text,
        "; moves not known in %zu pairs of neighbouring revisions: %zu tensors have no partner "
        "of the same name and shape",
        values->unpaired_neighbours, values->unpaired);
}

void verified_add_pins(struct text *text, const struct manifest_result *result)
{
  if (result->by_sha256)
    text_add(text, "; pinned by SHA-256, without size or XXH3-128: %s",
             text_counted(result->by_sha256, "file").text);
  if (result->unpinned)
    text_add(text, "; UNPINNED: %s", text_counted(result->unpinned, "file").text);
}

json_t *verified_tensors_json(const struct manifest_result *result)
{
  const struct values_count *values = &result->values;
  return json_pack(
      "{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "revisions", (json_int_t)values->revisions, "compared",
      (json_int_t)values->compared, "left_out", (json_int_t)values->left_out, "other_types",
      (json_int_t)values->other, "not_finite", (json_int_t)values->not_finite, "unpaired",
      (json_int_t)values->unpaired, "unpaired_neighbours", (json_int_t)values->unpaired_neighbours);
}

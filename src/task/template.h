/* The "post_processor" of a tokenizer.json: the special tokens that it puts around a text. */
#ifndef ATTEST_TASK_TEMPLATE_H
#define ATTEST_TASK_TEMPLATE_H

#include "task/token_list.h"

#include <jansson.h>

/* All zero = nothing is added. Release with template_free. */
struct template
{
  struct token_list before, after;
  char unsupported[64]; /* the type of one that cannot be applied; "" = none */
};

/* TemplateProcessing, ByteLevel (which adds nothing), and a Sequence of them. Any other type is
 * remembered by name and refused when it is to be applied. Errors: EXIT_INPUT, EXIT_RUN. */
int template_read(const char *where, const json_t *root, struct template *t, struct error *error);
void template_free(struct template *t);

#endif

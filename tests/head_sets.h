/* Sets of heads, for tests. */
#ifndef ATTEST_TESTS_HEAD_SETS_H
#define ATTEST_TESTS_HEAD_SETS_H

#include "support.h"

#include "circuit/head_set.h"

#include <stdlib.h>
#include <string.h>

/* From names separated by blanks. Fails the test on what is not a head. */
static inline struct head_set set_of(const char *names)
{
  struct error error = {0};
  struct head_set set = {0};
  char *text = strdup(names);
  assert_non_null(text);
  for (char *p = text; *p; p++)
    *p = *p == ' ' ? ',' : *p;
  if (*text && head_set_parse("set", text, &set, &error))
    fail_msg("%s", error.text);
  free(text);
  return set;
}

#endif

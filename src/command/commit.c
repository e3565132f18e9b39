#include "command/commit.h"

const char *commit_built_from(void)
{
  return ATTEST_COMMIT; /* the Makefile's */
}

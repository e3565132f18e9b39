#include "base/version.h"

const char *version_commit(void)
{
  return ATTEST_COMMIT; /* the Makefile's */
}

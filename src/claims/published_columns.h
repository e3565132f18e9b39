/* A column of a published table, in the lists of schemas.c of each paper. */
#ifndef ATTEST_CLAIMS_PUBLISHED_COLUMNS_H
#define ATTEST_CLAIMS_PUBLISHED_COLUMNS_H

#include "claims/published.h"

#define KEY(name)                                                                                  \
  {                                                                                                \
    name, PUBLISHED_KEY                                                                            \
  }
#define TEXT(name)                                                                                 \
  {                                                                                                \
    name, PUBLISHED_TEXT                                                                           \
  }
#define HEADS(name)                                                                                \
  {                                                                                                \
    name, PUBLISHED_HEADS                                                                          \
  }
#define NUMBER(name)                                                                               \
  {                                                                                                \
    name, PUBLISHED_NUMBER                                                                         \
  }
#define OPTIONAL(name)                                                                             \
  {                                                                                                \
    name, PUBLISHED_OPTIONAL                                                                       \
  }

#endif

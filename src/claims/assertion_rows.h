/* How the tables of assertions are written. */
#ifndef ATTEST_CLAIMS_ASSERTION_ROWS_H
#define ATTEST_CLAIMS_ASSERTION_ROWS_H

/* The only reading; the first of several; another one, with where it is from; a remark, with why it
 * is no reading. Then the kind of evaluation and its arguments. */
#define READ(kind, ...)                                                                            \
  {                                                                                                \
    "as stated", NULL, false, kind,                                                                \
    {                                                                                              \
      __VA_ARGS__                                                                                  \
    }                                                                                              \
  }
#define FIRST(definition, kind, ...)                                                               \
  {                                                                                                \
    definition, NULL, false, kind,                                                                 \
    {                                                                                              \
      __VA_ARGS__                                                                                  \
    }                                                                                              \
  }
#define ALSO(definition, basis, kind, ...)                                                         \
  {                                                                                                \
    definition, basis, false, kind,                                                                \
    {                                                                                              \
      __VA_ARGS__                                                                                  \
    }                                                                                              \
  }
#define REMARK(definition, basis, kind, ...)                                                       \
  {                                                                                                \
    definition, basis, true, kind,                                                                 \
    {                                                                                              \
      __VA_ARGS__                                                                                  \
    }                                                                                              \
  }

#endif

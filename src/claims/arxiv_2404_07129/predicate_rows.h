/* How the tables of predicates are written: a reading with its limit and arguments. The first
 * reading of a predicate is the one that counts. */
#ifndef ATTEST_CLAIMS_ARXIV_2404_07129_PREDICATE_ROWS_H
#define ATTEST_CLAIMS_ARXIV_2404_07129_PREDICATE_ROWS_H

#define READ(definition, kind, limit, ...)                                                         \
  {                                                                                                \
    definition, kind, limit,                                                                       \
    {                                                                                              \
      __VA_ARGS__                                                                                  \
    }                                                                                              \
  }

#endif

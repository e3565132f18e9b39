/* test_formation_measures.c once more, of a model of five heads. */
#define PLAIN_HIDDEN 20
#define PLAIN_HEADS 5
#include "test_formation_measures.c"

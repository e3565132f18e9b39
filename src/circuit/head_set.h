/* Sets of attention heads, written L4H4 (layer 4, head 4, from 0), in an order that counts:
 * controls are drawn layer by layer, in the order in which a set names its layers first. */
#ifndef ATTEST_CIRCUIT_HEAD_SET_H
#define ATTEST_CIRCUIT_HEAD_SET_H

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>

struct head_name {
  size_t layer, head;
};

/* All zero: empty. Release with head_set_free. */
struct head_set {
  struct head_name *list;
  size_t count;
};

/* Room for `count` heads. Errors: EXIT_RUN. */
int head_set_create(size_t count, struct head_set *set, struct error *error);
void head_set_free(struct head_set *set);

/* The same heads once more. Errors: EXIT_RUN. */
int head_set_copy(const struct head_set *set, struct head_set *copy, struct error *error);

/* Adds one, for which there must be room. */
void head_set_add(struct head_set *set, size_t layer, size_t head);

bool head_set_has(const struct head_set *set, size_t layer, size_t head);

/* Whether the heads [first, count) are the first of their layer in the set. */
bool head_set_new_layer(const struct head_set *set, size_t first);

/* Puts the heads of a layer together, layers and their heads in the order in which they come. */
void head_set_group(struct head_set *set);

/* Sorts heads [first, count) by layer, then head. */
void head_set_sort(struct head_set *set, size_t first);

/* Reads "L4H4,L7H0"; every head once. `where` (an option) appears in messages. Errors: EXIT_INPUT,
 * EXIT_RUN. */
int head_set_parse(const char *where, const char *text, struct head_set *set, struct error *error);

/* Room for the longest name: two numbers of 20 digits, two letters. */
#define HEAD_NAME_SIZE 48
const char *head_name_format(const struct head_name *head, char name[HEAD_NAME_SIZE]);

/* Adds the names, parted by `separator`. */
void head_set_print(const struct head_set *set, char separator, struct text *text);

#endif

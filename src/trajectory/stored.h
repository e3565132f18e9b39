/* What reading and writing a trajectory's files have in common. */
#ifndef ATTEST_TRAJECTORY_STORED_H
#define ATTEST_TRAJECTORY_STORED_H

#include <stdbool.h>
#include <stddef.h>

#define STORED_INDEX "trajectory.json"
#define STORED_LIMIT ((size_t)64 << 20) /* bytes of a table: some 300,000 heads */
#define STORED_SENTENCE ((size_t)2000)  /* bytes of one sentence */

/* One sentence for the terminal, not too long: no control characters, C1 among them. */
bool stored_sentence(const char *text);

#endif

/* What this program was built from. */
#ifndef ATTEST_COMMAND_COMMIT_H
#define ATTEST_COMMAND_COMMIT_H

/* The commit, as tools/dist/commit.sh found it: its hash, with "-modified" when files differed from
 * it, or "unknown". */
const char *commit_built_from(void);

#endif

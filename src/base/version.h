#ifndef ATTEST_BASE_VERSION_H
#define ATTEST_BASE_VERSION_H

#define ATTEST_VERSION "0.1.0"
#define ATTEST_RELEASED "November 27, 2026" /* of this version's manual pages */

/* The commit that the program was built from, as tools/dist/commit.sh found it: its hash, with
 * "-modified" when files differed from it, or "unknown". */
const char *version_commit(void);

#endif

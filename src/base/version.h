#ifndef ATTEST_BASE_VERSION_H
#define ATTEST_BASE_VERSION_H

#define ATTEST_VERSION "0.1.0"
#define ATTEST_RELEASED "November 27, 2026" /* of this version's manual pages */

#endif

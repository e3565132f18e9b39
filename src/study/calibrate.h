/* How fast this machine multiplies matrices, for estimates of time only. */
#ifndef ATTEST_STUDY_CALIBRATE_H
#define ATTEST_STUDY_CALIBRATE_H

#include "pass/runtime.h"

/* GFLOP a second of the matrix product on all threads, from about `seconds` of work; 0 when memory
 * is short. */
double calibrate_gflops(const struct runtime *runtime, double seconds);

#endif

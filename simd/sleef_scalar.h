/* SLEEF's bit-reproducible scalar functions. sleef.h declares them only for compilers that set
 * FP_FAST_FMA, which clang 14 does not; the library exports them always. */
#ifndef ATTEST_SIMD_SLEEF_SCALAR_H
#define ATTEST_SIMD_SLEEF_SCALAR_H

float Sleef_finz_expf1_u10purecfma(float x);
float Sleef_finz_erff1_u10purecfma(float x);
float Sleef_finz_tanhf1_u10purecfma(float x);
double Sleef_finz_expd1_u10purecfma(double x);
double Sleef_finz_logd1_u10purecfma(double x);
double Sleef_finz_powd1_u10purecfma(double x, double y);
double Sleef_finz_sind1_u10purecfma(double x);
double Sleef_finz_cosd1_u10purecfma(double x);

#endif

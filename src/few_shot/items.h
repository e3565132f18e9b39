/* Items of the few-shot task: a vector for every exemplar of a class (arXiv 2404.07129, whose items
 * are features of handwritten characters).
 *
 * Three sources:
 *   features  the declared surrogate F: rectified vectors with a common mean and correlated classes
 *   gaussian  isotropic classes: sqrt(3/4) n(7, [C][N]) + 1/2 n(8, [C][E][N])
 *   file      .npy, '<f4' in C order, [classes][exemplars][width], as numpy.save writes it
 *
 * The first two are integer hashing and + - x / sqrt in double, rounded once to fp32: the same bits
 * everywhere. n(stream, i), with i counting an array's elements row by row: z = (seed 2^56 +
 * stream 2^48 + i + 1) 0x9E3779B97F4A7C15 mod 2^64, then the two rounds of SplitMix64; u = the sum
 * of its four 16-bit digits; n = ((u + 2) / 65536 - 2) * 1.7320508075688772.
 *
 * Surrogate F: K = 64, N = 512, C = 1623 classes, E = 5 exemplars. A = n(1, [K][N]), row k times
 * sqrt(1 / ((k + 1) H_K)), H_K = 1 + 1/2 + ... + 1/K added in order; m = n(2, [N]); s = 0.5 + 0.5
 * n(3, [N])^2; h = n(4, [C][K]); h' = n(5, [C][E][K]); e = n(6, [C][E][N]). g_c = sum over k of
 * h_ck A_k, g'_ce = sum over k of h'_cek A_k, k ascending from +0, products rounded. x_ce = max(0,
 * 0.7 s (0.9 (1 + m) + 0.7 g_c + 0.4 g'_ce + 0.32 e_ce)) from left to right; +0 unless greater. */
#ifndef ATTEST_FEW_SHOT_ITEMS_H
#define ATTEST_FEW_SHOT_ITEMS_H

#include "base/digest.h"

#include <stdbool.h>

enum few_items_kind { FEW_FEATURES, FEW_GAUSSIAN, FEW_FILE };

#define FEW_CLASSES 1623 /* of the two surrogates */
#define FEW_EXEMPLARS 5
#define FEW_WIDTH 512
#define FEW_MOST_ITEM_SEED 255

struct few_items {
  enum few_items_kind kind;
  uint32_t seed; /* of the surrogates */
  size_t classes, exemplars, width;
  struct blob blob;      /* of a file; owned */
  const uint8_t *values; /* of a file: [classes][exemplars][width] little-endian */
  struct digest digest;  /* of the file */
};

/* One of the two surrogates; needs no closing. seed <= FEW_MOST_ITEM_SEED. */
struct few_items few_items_surrogate(enum few_items_kind kind, uint32_t seed);

/* The array that the bytes of a file hold; `name` appears in messages. The bytes must outlive the
 * result, and belong to it if it was few_items_open. Errors: EXIT_INPUT (another format, type,
 * order or rank; sizes that do not fit together or are out of range). */
int few_items_parse(const char *name, const void *data, size_t size, struct few_items *items,
                    struct error *error);

/* Maps a file and looks at every value: all must be finite. Owner: the caller, few_items_close.
 * Errors: those of few_items_parse, of file_map; EXIT_INPUT (a value with its place), EXIT_RUN. */
int few_items_open(const char *path, struct few_items *items, struct error *error);
void few_items_close(struct few_items *items);

/* out [count][exemplars][width] of the classes first, first + 1, ..., of which only the first
 * `exemplars` exemplars. Errors: EXIT_RUN. */
int few_items_read(const struct few_items *items, size_t first, size_t count, size_t exemplars,
                   float *out, struct error *error);

#endif

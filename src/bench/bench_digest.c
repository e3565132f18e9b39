/* The digests of files: each alone, and both in one pass, which is what verification costs. */
#include "base/digest.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/reserve.h"
#include "bench/bench.h"
#include "bench/bench_measure.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#define BYTES ((size_t)256 << 20)
#define QUICK_BYTES ((size_t)64 << 20)
#define ROUNDS 9
#define QUICK_ROUNDS 5

enum contender { SHA256, XXH3_128, BOTH, CONTENDERS };

struct digests {
  uint8_t *data;
  size_t size;
  struct threads *threads; /* one */
  struct samples speed[CONTENDERS];
  struct samples ratio; /* both in one pass against the slower one alone, round by round */
};

static int run(const struct digests *d, enum contender contender, struct error *error)
{
  unsigned char sha[EVP_MAX_MD_SIZE];
  char hex[33];
  struct digest digest;
  switch (contender) {
  case SHA256:
    if (EVP_Digest(d->data, d->size, sha, NULL, EVP_sha256(), NULL) != 1 || reserve_touched())
      return error_set(error, EXIT_RUN, "bench: out of memory, or libcrypto has no SHA-256");
    return 0;
  case XXH3_128:
    digest_xxh3(d->data, d->size, hex);
    return 0;
  default:
    return digest_of(d->data, d->size, &digest, error);
  }
}

static int measure_round(struct digests *d, struct error *error)
{
  double speed[CONTENDERS];
  for (int i = 0; i < CONTENDERS; i++) {
    double start = bench_clock(d->threads);
    if (run(d, (enum contender)i, error))
      return error->code;
    speed[i] = 1e-9 * (double)d->size / (bench_clock(d->threads) - start);
    samples_add(&d->speed[i], speed[i]);
  }
  samples_add(&d->ratio,
              speed[BOTH] / (speed[SHA256] < speed[XXH3_128] ? speed[SHA256] : speed[XXH3_128]));
  return 0;
}

static void report(struct bench *b, const struct digests *d, enum contender contender)
{
  static const char *const names[] = {"sha256", "xxh3_128", "both"};
  struct spread s = samples_spread(&d->speed[contender]), r = samples_spread(&d->ratio);
  bool both = contender == BOTH;
  char range[32];
  if (b->text)
    printf("  %-12s %9.2f %16s", names[contender], s.median, spread_range(&s, 2, range));
  if (b->text && both)
    printf(" %9.2f %16s", r.median, spread_range(&r, 2, range));
  if (b->text)
    printf("\n");
  json_add(b->digest,
           json_pack("{s:s, s:I, s:f, s:o, s:o, s:o}", "digest", names[contender], "bytes",
                     (json_int_t)d->size, "gb_per_second", s.median, "gb_range", spread_json(&s),
                     "ratio_to_slower", both ? json_real(r.median) : json_null(), "ratio_range",
                     both ? spread_json(&r) : json_null()));
}

int bench_digest(struct bench *b, struct error *error)
{
  struct digests d = {.size = (b->options.quick ? QUICK_BYTES : BYTES) / b->options.shrink};
  int rounds = b->options.quick ? QUICK_ROUNDS : ROUNDS;
  d.data = memory_alloc(d.size, 1, "bench", error);
  if (!d.data)
    return error->code;
  bench_fill(DTYPE_F32, d.data, d.size / sizeof(float));
  int status = threads_start(1, &d.threads, error);
  for (int round = 0; !status && bench_round(b, round, rounds, 0.9); round++)
    status = measure_round(&d, error);
  if (!status && b->text)
    printf("\nDigests, one thread, %zu MiB\n  %-12s %9s %16s %9s %16s\n", d.size >> 20, "digest",
           "GB/s", "min..max", "/ slower", "min..max");
  for (int i = 0; i < CONTENDERS && !status; i++)
    report(b, &d, (enum contender)i);
  threads_stop(d.threads);
  free(d.data);
  return status;
}

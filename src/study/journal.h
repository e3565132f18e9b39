/* The journal of a run: what was read, with which hashes, what was checked and found, what was
 * compared with what and what was not, what failed, and when. Entry follows entry as things
 * happen, and whoever watches sees each at once; what is printed and the JSON are made from it. */
#ifndef ATTEST_STUDY_JOURNAL_H
#define ATTEST_STUDY_JOURNAL_H

#include "base/digest.h"
#include "claims/claims.h"
#include "manifest/manifest.h"
#include "study/bands.h"

/* With what the text of an entry is, and what else it holds. */
enum journal_event {
  JOURNAL_MANIFEST,  /* a manifest begins; no text */
  JOURNAL_READ,      /* a file was read: its path, `file` */
  JOURNAL_NOTICE,    /* what is about to be read, or about how long it will take */
  JOURNAL_NOTE,      /* what should be known of the files and is no finding */
  JOURNAL_FOUND,     /* what a check found, or what was done: the same in every run */
  JOURNAL_DONE,      /* what this run did of it, with the time that it took: not in the JSON */
  JOURNAL_FAILURE,   /* a check that failed */
  JOURNAL_TABLES,    /* published tables were loaded; no text, `tables` */
  JOURNAL_REVISION,  /* a revision has its figures: its name, `revision` */
  JOURNAL_SKIPPED,   /* it has none, because its files failed verification: its name, `revision` */
  JOURNAL_AGREEMENT, /* a revision against its published table: its name, `agreement` */
  JOURNAL_VERDICTS,  /* verdicts against those of the published tables; no text, `verdicts` */
  JOURNAL_FIRST_RUN, /* against our own first run; no text, `first_run` */
  JOURNAL_CLAIMS,    /* claims were evaluated; no text, `claims` */
  JOURNAL_RESULT,    /* figures as a table: CSV with a header, `result` */
  JOURNAL_COMPARED,  /* what was compared, with what */
  JOURNAL_NOT_COMPARED, /* what was not, and why */
  JOURNAL_END           /* the manifest is done; no text */
};

/* What the rows of a result are called, and how a report draws them: y over x, a line for each
 * value of the column `series`. Strings are static or of the manifest; series "": one line; x, y
 * and series NULL: they are not drawn like that. */
struct journal_result {
  const char *name; /* "ablations" */
  const char *title;
  const char *x, *y, *series; /* columns */
  const char *group;          /* a column: a plot for each of its values; NULL = one plot */
  bool log;                   /* x on a logarithmic axis */
  const char *about;          /* a sentence below the plot; NULL = none */
  const char *level;          /* label of a line across at y = `at`; NULL = none */
  double at;
};

/* One line (a result: lines), "" where there is none; what is not printable stands as \xNN. The
 * union holds what the event says. */
struct journal_entry {
  enum journal_event event;
  size_t manifest; /* which it is about */
  double seconds;  /* since the run began */
  const char *text;
  union {
    struct {
      uint64_t bytes;
      struct digest digest; /* "" = that one was not computed */
    } file;
    struct {
      size_t tables, models;
    } tables;
    struct {
      double seconds; /* it took */
      bool resumed;   /* from an earlier run */
      bool joined;    /* from the parts of several machines */
      char xxh3_128[33];
    } revision;
    struct agreement agreement;
    struct {
      size_t count, different;
    } verdicts;
    bool first_run; /* whether this is it */
    struct journal_result result;
    size_t claims; /* which list of the journal */
  };
};

struct journal_manifest {
  struct manifest manifest;
  size_t unpinned; /* files of it without a pin */
  bool uncompared; /* nothing was there to compare it with */
};

struct journal;
typedef void journal_watcher(void *context, const struct journal *journal,
                             const struct journal_entry *entry);

/* All zero but for the watcher, and journal_start before the first entry. Owns all that it holds:
 * journal_free. */
struct journal {
  journal_watcher *watch; /* gets each entry as it is made; NULL = nobody */
  void *context;
  double start; /* on progress_clock */
  struct journal_manifest **manifests;
  size_t manifest_count;
  struct journal_entry *entries;
  size_t count, capacity;
  struct claim_list *claims; /* a list for each manifest whose claims were evaluated, with the
                                trajectories that it is about */
  size_t claims_count;
  bool failed; /* memory ran out; journal_check */
};

void journal_start(struct journal *journal);
void journal_free(struct journal *journal);

/* Errors: EXIT_RUN, when an entry is missing for lack of memory. */
int journal_check(const struct journal *journal, struct error *error);

/* From here on all is about this manifest, which it takes over. NULL and EXIT_RUN without memory,
 * the manifest released. */
struct journal_manifest *journal_begin(struct journal *journal, struct manifest *manifest,
                                       struct error *error);

/* An entry with what is in its union; manifest and seconds are filled in, the text is copied. */
void journal_add(struct journal *journal, struct journal_entry entry);

/* An entry that is nothing but its text. */
void journal_say(struct journal *journal, enum journal_event event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A JOURNAL_NOTICE, as a notice_line (base/notice.h) with the journal as its context. */
void journal_notice(void *journal, const char *line);

/* JOURNAL_CLAIMS: takes over the list and its trajectories (an array from calloc). Returns it where
 * it lies until the next one. NULL and EXIT_RUN without memory; then nothing was taken over. */
const struct claim_list *journal_claims(struct journal *journal, struct claim_list *list,
                                        struct error *error);

/* Entries of a kind, of all manifests. */
size_t journal_count(const struct journal *journal, enum journal_event event);

#endif

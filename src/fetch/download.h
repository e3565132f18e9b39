/* One file: what is there, what is asked for, what is believed. */
#ifndef ATTEST_FETCH_DOWNLOAD_H
#define ATTEST_FETCH_DOWNLOAD_H

#include "fetch/fetch.h"
#include "fetch/http.h"

/* Called with each change of the bytes of a file that are on the disk. */
typedef void download_progress(void *context, int64_t change);

struct download {
  const struct fetch_options *options;
  struct http *http;
  const char *url, *final; /* address; where it goes */
  download_progress *progress;
  notice_line *notice; /* of a try that failed and is not the last */
  void *context;
};

/* Fills `result` (FETCH_LEFT after an interrupt). */
void download_file(const struct download *download, struct fetch_result *result);

/* Asks the server for the size (FETCH_FAILED after an error). */
void download_size(const struct download *download, struct fetch_result *result);

/* Whether a status other than 200 and 206 is worth another try; if not, `error` tells why. */
bool download_refused(const struct http_answer *answer, const char *url, struct error *error);

#endif

/* Sliding windows in a screen: what lies before one has no attention by construction. */
#ifndef ATTEST_STUDY_WINDOW_NOTICE_H
#define ATTEST_STUDY_WINDOW_NOTICE_H

#include "base/notice.h"
#include "model/config.h"
#include "probe/protocol.h"

/* Says how many layers have a window shorter than the sequences, and how many baseline positions of
 * the last query lie before it, where attention counts as 0: so nobody takes the lack of BOS heads
 * there for a finding. Nothing when no window is that short. Errors: EXIT_INPUT, EXIT_RUN (as
 * batch_baseline_positions). */
int window_notice(const char *path, const struct protocol *protocol,
                  const struct model_config *config, const struct notices *notices,
                  struct error *error);

#endif

/* What every run over a batch asks and says of the checkpoint that it reads. */
#ifndef ATTEST_STUDY_SUBJECT_H
#define ATTEST_STUDY_SUBJECT_H

#include "base/notice.h"
#include "model/model.h"
#include "probe/protocol.h"

/* Whether the model can take the protocol's sequences. Errors: EXIT_INPUT. */
int subject_check(const struct model *model, const struct protocol *protocol, bool beyond_context,
                  const char *path, struct error *error);

/* Says which names of tensors are read, and which of several files or snapshots. */
void subject_say_naming(const struct checkpoint *checkpoint, const char *path,
                        const struct notices *notices);
void subject_say_choice(const struct checkpoint *checkpoint, const char *path,
                        const struct notices *notices);

#endif

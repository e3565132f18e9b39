/* The shape and options of a model -> the config.json that transformers would write. */
#ifndef ATTEST_MODEL_CONFIG_WRITE_H
#define ATTEST_MODEL_CONFIG_WRITE_H

#include "checkpoint/checkpoint.h"
#include "model/config.h"

/* Each setting of the family by the key that its writers use; `dtype` of the weights, which is F32,
 * BF16 or F16; `origin`, UTF-8, stands as "_name_or_path". model_config_parse reads back the same
 * config. A zero-terminated string, free(). NULL and EXIT_RUN without memory. */
char *model_config_write(const struct model_config *config, enum dtype dtype, const char *origin,
                         struct error *error);

#endif

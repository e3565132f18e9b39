#include "train/data.h"

#include "base/path.h"

#include <stdlib.h>
#include <string.h>

static int open_tokens(const char *directory, size_t vocab, uint64_t steps, struct data *data,
                       struct error *error)
{
  const char *name = data->settings.file, *wanted = data->settings.sha256;
  char *path = path_resolve(*name == '/' ? "" : directory, name, error);
  int status = path ? token_file_open(path, vocab, &data->file, error) : error->code;
  if (!status && wanted && strcmp(wanted, data->file.digest.sha256) != 0)
    status = error_set(error, EXIT_INPUT, "%s: SHA-256 is %s, the recipe says %s", path,
                       data->file.digest.sha256, wanted);
  if (!status && data->file.steps < steps)
    status = error_set(error, EXIT_INPUT, "%s: holds %zu batches, the recipe has %llu steps", path,
                       data->file.steps, (unsigned long long)steps);
  free(path);
  data->settings.sequences = data->file.sequences;
  data->settings.length = data->file.length;
  return status;
}

int data_open(const struct data_settings *settings, uint32_t seed, const char *directory,
              size_t vocab, uint64_t steps, struct data *data, struct error *error)
{
  *data = (struct data){.settings = *settings, .seed = seed};
  random_seed(&data->random, seed);
  return settings->kind == DATA_TOKENS ? open_tokens(directory, vocab, steps, data, error) : 0;
}

void data_close(struct data *data)
{
  token_file_close(&data->file);
}

static void draw_batch(struct data *data, int32_t *tokens)
{
  size_t width = data->settings.length + 1;
  for (size_t i = 0; i < data->settings.sequences; i++)
    phrases_document(&data->settings.phrases, &data->random, tokens + i * width, width);
  data->at++;
}

void data_batch(struct data *data, uint64_t step, int32_t *tokens)
{
  if (data->settings.kind == DATA_TOKENS) {
    token_file_batch(&data->file, (size_t)step, tokens);
    return;
  }
  if (data->at >= step) {
    random_seed(&data->random, data->seed);
    data->at = 0;
  }
  while (data->at < step)
    draw_batch(data, tokens);
}

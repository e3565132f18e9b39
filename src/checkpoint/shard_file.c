#include "checkpoint/shard_file.h"

#include "base/mistaken.h"
#include "files/lfs.h"

static int parse_safetensors(const struct fileset_file *file, struct shard_file *shard,
                             struct error *error)
{
  struct safetensors *owner = &shard->owner.safetensors;
  if (safetensors_parse(file->label, file->blob.data, file->blob.size, owner, error))
    return error->code;
  shard->count = owner->count;
  shard->tensors = owner->tensors;
  return 0;
}

static int parse_pytorch(const struct fileset_file *file, struct shard_file *shard,
                         struct error *error)
{
  struct pytorch *owner = &shard->owner.pytorch;
  if (pytorch_parse(file->label, file->blob.data, file->blob.size, owner, error))
    return error->code;
  shard->count = owner->count;
  shard->tensors = owner->tensors;
  return 0;
}

int shard_file_parse(const struct fileset_file *file, enum shard_format format,
                     struct shard_file *shard, struct error *error)
{
  *shard = (struct shard_file){.format = format};
  if (lfs_refuse(file->label, file->blob.data, file->blob.size, error) ||
      mistaken_refuse(file->label, format == SHARD_PYTORCH ? READS_PYTORCH : READS_SAFETENSORS,
                      file->blob.data, file->blob.size, error))
    return error->code;
  int status = format == SHARD_PYTORCH ? parse_pytorch(file, shard, error)
                                       : parse_safetensors(file, shard, error);
  for (size_t i = 0; !status && i < shard->count; i++)
    shard->tensors[i].mapped &= file->blob.mapped;
  return status;
}

void shard_file_free(struct shard_file *shard)
{
  if (shard->format == SHARD_PYTORCH)
    pytorch_free(&shard->owner.pytorch);
  else
    safetensors_free(&shard->owner.safetensors);
  *shard = (struct shard_file){0};
}

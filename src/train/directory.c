#include "train/directory.h"

#include "base/file.h"
#include "base/temporary.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int run_directory_take(const char *out, struct lock *lock, struct error *error)
{
  if (file_make_directory(out, error))
    return error->code;
  char *path = file_join(out, RUN_LOCK_FILE, error);
  int status = path ? lock_take(path, out, lock, error) : error->code;
  if (!status)
    temporary_sweep(path);
  free(path);
  return status;
}

static int check_entry(DIR *stream, const char *out, const char *name, bool fresh,
                       struct error *error)
{
  struct stat info;
  bool known = !fstatat(dirfd(stream), name, &info, AT_SYMLINK_NOFOLLOW);
  if (known && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode))
    return error_set(error, EXIT_INPUT,
                     "%s/%s: is a %s; a run writes into a directory of its own files alone: "
                     "remove it or choose another --out",
                     out, text_shown(name).text,
                     S_ISLNK(info.st_mode) ? "link" : "pipe, socket or device");
  if (!fresh || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
      strcmp(name, RUN_LOCK_FILE) == 0)
    return 0;
  return error_set(error, EXIT_INPUT,
                   "%s: holds %s and no " RUN_IDENTITY_FILE
                   " of a run; --out must be new, empty or of the same run",
                   out, text_shown(name).text);
}

/* No links: what one leads to may be anybody's, the recipe itself or another run. And a directory
 * of this run has its identity; a new one is empty but for the lock. */
static int check_directory(const char *out, bool fresh, struct error *error)
{
  DIR *stream = opendir(out);
  if (!stream)
    return error_set(error, EXIT_RUN, "%s: cannot be read: %s", out, error_reason(errno));
  int status = 0;
  for (struct dirent *entry; !status && (entry = readdir(stream));)
    status = check_entry(stream, out, entry->d_name, fresh, error);
  closedir(stream);
  return status;
}

static int check_identity(const char *out, const char *path, const struct text *canonical,
                          uint64_t disk_bytes, bool *fresh, struct error *error)
{
  struct blob blob;
  *fresh = !file_exists(path);
  if (check_directory(out, *fresh, error))
    return error->code;
  if (*fresh)
    return file_check_space(out, disk_bytes, error)
               ? error->code
               : file_write(path, canonical->data, canonical->length, error);
  if (file_read(path, (size_t)1 << 24, &blob, error))
    return error->code;
  bool same = blob.size == canonical->length && memcmp(blob.data, canonical->data, blob.size) == 0;
  blob_free(&blob);
  if (same)
    return 0;
  return error_set(error, EXIT_INPUT,
                   "%s: belongs to another recipe, model, task or settings, or was changed; choose "
                   "another --out",
                   path);
}

int run_directory_claim(const char *out, const struct text *canonical, uint64_t disk_bytes,
                        bool *fresh, struct error *error)
{
  char *path = file_join(out, RUN_IDENTITY_FILE, error);
  int status = path ? check_identity(out, path, canonical, disk_bytes, fresh, error) : error->code;
  free(path);
  return status;
}

/* Whether there is more than the identity; so if that cannot be seen. */
static bool holds_more(const char *out)
{
  static const char *const own[] = {".", "..", RUN_IDENTITY_FILE, RUN_LOCK_FILE};
  DIR *stream = opendir(out);
  bool more = !stream;
  for (struct dirent *entry; !more && (entry = readdir(stream));) {
    more = true;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
      more = more && strcmp(entry->d_name, own[i]) != 0;
  }
  if (stream)
    closedir(stream);
  return more;
}

void run_directory_withdraw(const char *out, bool fresh)
{
  struct error ignored;
  if (!fresh || holds_more(out))
    return;
  char *path = file_join(out, RUN_IDENTITY_FILE, &ignored);
  if (path)
    unlink(path);
  free(path);
  rmdir(out);
}

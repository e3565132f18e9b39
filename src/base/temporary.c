#define _GNU_SOURCE
#include "base/temporary.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PREFIX ".attest.tmp."

/* Signal handlers walk this list: nodes are reused and never freed. */
struct node {
  struct node *next;
  _Atomic(const char *) name; /* NULL = free */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(struct node *) nodes;
static struct stat swept; /* the folder that was looked through last */
static time_t begun;      /* when this program first looked; 0 = not yet */

void temporary_list(const char *name)
{
  pthread_mutex_lock(&lock);
  struct node *node = nodes;
  while (node && node->name)
    node = node->next;
  if (!node && (node = calloc(1, sizeof *node))) {
    node->next = nodes;
    nodes = node;
  }
  if (node) /* else it may stay behind, until the next program clears it away */
    node->name = name;
  pthread_mutex_unlock(&lock);
}

void temporary_done(const char *name)
{
  pthread_mutex_lock(&lock);
  for (struct node *node = nodes; node; node = node->next)
    if (node->name == name)
      node->name = NULL;
  pthread_mutex_unlock(&lock);
}

void temporary_remove_all(void)
{
  for (const struct node *node = nodes; node; node = node->next)
    if (node->name)
      unlink(node->name);
}

/* Whether a file of this name, in whatever folder, is one of this program. */
static bool is_ours(const char *name)
{
  for (const struct node *node = nodes; node; node = node->next) {
    const char *slash = node->name ? strrchr(node->name, '/') : NULL;
    if (node->name && strcmp(slash ? slash + 1 : node->name, name) == 0)
      return true;
  }
  return false;
}

/* Whether the process that made the file is gone, or had the number of this one (`same`), as
 * happens in containers. */
static bool is_orphan(const char *name, bool *same)
{
  long pid, number;
  char again[64];
  if (sscanf(name, PREFIX "%ld.%ld", &pid, &number) != 2 || pid <= 0)
    return false;
  snprintf(again, sizeof again, PREFIX "%ld.%ld", pid, number);
  if (strcmp(again, name) != 0)
    return false;
  *same = pid == getpid();
  return *same ? !is_ours(name) : kill((pid_t)pid, 0) != 0 && errno == ESRCH;
}

/* In a folder that several machines or containers share a number says little: a lock does, and
 * that a file of this program's number is `older` than it. */
static void remove_unlocked(int folder, const char *name, bool older)
{
  struct stat info;
  int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0)
    return;
  if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_uid == geteuid() &&
      (!older || info.st_mtime < begun) && flock(fd, LOCK_EX | LOCK_NB) == 0)
    (void)unlinkat(folder, name, 0);
  close(fd);
}

/* Bytes of a path up to and with its last slash. */
static int folder_length(const char *path)
{
  const char *slash = strrchr(path, '/');
  return slash ? (int)(slash - path + 1) : 0;
}

void temporary_sweep(const char *path)
{
  int head = folder_length(path);
  char *folder = head ? strndup(path, (size_t)head) : strdup(".");
  struct stat info;
  DIR *stream = folder ? opendir(folder) : NULL;
  free(folder);
  if (!stream)
    return;
  pthread_mutex_lock(&lock);
  if (fstat(dirfd(stream), &info) == 0 &&
      (info.st_dev != swept.st_dev || info.st_ino != swept.st_ino)) {
    swept = info;
    begun = begun ? begun : time(NULL);
    bool same;
    for (struct dirent *entry; (entry = readdir(stream));)
      if (is_orphan(entry->d_name, &same))
        remove_unlocked(dirfd(stream), entry->d_name, same);
  }
  pthread_mutex_unlock(&lock);
  closedir(stream);
}

int temporary_open(const char *path, char **name)
{
  int head = folder_length(path);
  temporary_sweep(path);
  for (int attempt = 0; attempt < 1000; attempt++) {
    if (asprintf(name, "%.*s" PREFIX "%ld.%d", head, path, (long)getpid(), attempt) < 0)
      break;
    int fd = open(*name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0) {
      (void)flock(fd, LOCK_EX | LOCK_NB); /* not every file system has locks */
      temporary_list(*name);
      return fd;
    }
    int reason = errno;
    free(*name);
    errno = reason;
    if (reason != EEXIST)
      break;
  }
  return -1;
}

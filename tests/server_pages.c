/* Bodies of the tests' server that are not the file: pages, pointers and notes with status 200, and
 * errors in words. */
#include "server_call.h"

#include <string.h>

#define POINTER                                                                                    \
  "version https://git-lfs.github.com/spec/v1\noid sha256:"                                        \
  "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"

struct page {
  const char *name;
  int status;
  const char *fields, *body;
  size_t size; /* 0 = that of the string */
};

#define PAGE "<!DOCTYPE html><html><head><title> Sign\n in </title></head></html>"

static const struct page pages[] = {
    {"page.safetensors", 200, "", PAGE, 0},
    {"page.bin", 200, "", PAGE, 0},
    {"page.json", 200, "", PAGE, 0},
    {"page.txt", 200, "", PAGE, 0},
    {"page.md", 200, "", PAGE, 0},
    {"marked.safetensors", 200, "", "\xef\xbb\xbf" PAGE, 0},
    {"xml.bin", 200, "", "<?xml version=\"1.0\"?><Error><Message>no</Message></Error>", 0},
    {"pointer.safetensors", 200, "", POINTER, 0},
    {"pointer.bin", 200, "", POINTER, 0},
    {"pointer.json", 200, "", POINTER, 0},
    {"pointer.txt", 200, "", POINTER, 0},
    {"note.safetensors", 200, "", "Entry not found", 0},
    {"note.bin", 200, "", "Entry not found", 0},
    {"note.json", 200, "", "Entry not found", 0},
    {"short.safetensors", 200, "", "No", 0},
    {"json.safetensors", 200, "", "{\"error\": \"Repository not found\"}", 0},
    {"json.bin", 200, "", "{\"error\": \"Repository not found\"}", 0},
    {"error.json", 200, "", "{\"error\": \"Repository not found\"}", 0},
    {"torch.safetensors", 200, "", "PK\3\4 and so on", 0},
    {"packed.json", 200, "", "\x1f\x8b\x08", 0},
    {"wide.json", 200, "", "\xff\xfe{", 0},
    {"safe.bin", 200, "", "\x02\0\0\0\0\0\0\0{}", 10},
    {"empty.safetensors", 200, "", "", 0},
    {"empty.json", 200, "", "", 0},
    {"good.safetensors", 200, "", "\x02\0\0\0\0\0\0\0{}", 10},
    {"good.bin", 200, "", "PK\3\4 and so on", 0},
    {"old.bin", 200, "", "\x80\x02 and so on", 0},
    {"good.json", 200, "", " {\"model_type\": \"olmo\", \"error\": 1}", 0},
    {"bom.json", 200, "", "\xef\xbb\xbf{}", 0},
    {"text-401", 401, "", "Access to the model is restricted.\r\n\x1b[2J You\tmust\x07 log in.\n",
     0},
    {"json-403", 403, "", "{\"error\": \"Your token\\u0007 may\\nnot.\"}", 0},
    {"nested-403", 403, "", "{\"error\": {\"message\": \"Ask its owner.\"}}", 0},
    {"html-404", 404, "", "<html><head><title> Gone\n fishing </title></head>", 0},
    {"xml-404", 404, "", "<?xml version=\"1.0\"?><Error><Message>No key.</Message></Error>", 0},
    {"field-401", 401, "X-Error-Message: Gated: \x1b[31mask\xff first\r\n", "another text", 0},
    {"latin-404", 404, "", "caf\xe9 ferm\xe9", 0},
    {"zeros-404", 404, "", "a\0b", 3},
    {"packed-404", 404, "Content-Encoding: gzip\r\n", "plain, in truth", 0},
    {"empty-401", 401, "", "", 0},
    {"user-text-401", 401, "", "see http://" SERVER_USER "@hub/x", 0},
    {"echo-401", 401, "", "Bad password " SERVER_TOKEN ".", 0},
    {"echo-json-401", 401, "", "{\"error\": \"\\u0068f_ofTheNetrc is bad\"}", 0},
    {"echo-field-401", 401, "X-Error-Message: " SERVER_TOKEN " is bad\r\n", "", 0},
    {"echo-redirect", 302, "Location: /x/" SERVER_TOKEN "/continue\r\n", "", 0},
    {"echo-page.json", 200, "", "<html>" SERVER_TOKEN, 0},
};

/* Words without end, and a secret where a message is cut. */
static bool long_page(struct call *call, bool *done)
{
  char body[3000];
  *done = true;
  if (call_named(call, "long-401") || call_named(call, "echo-long-401")) {
    memset(body, 'w', sizeof body);
    if (call_named(call, "echo-long-401"))
      memcpy(body + 230, SERVER_TOKEN, strlen(SERVER_TOKEN));
    return call_say(call->fd, "HTTP/1.1 401 Fault\r\nContent-Length: %zu\r\n\r\n", sizeof body) &&
           call_put(call->fd, body, sizeof body);
  }
  if (call_named(call, "long.safetensors")) {
    call_say(call->fd, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" PAGE, 1 << 30);
    memset(body, ' ', sizeof body);
    while (call_put(call->fd, body, sizeof body))
      __atomic_add_fetch(&call->shared->served, (int64_t)sizeof body, __ATOMIC_SEQ_CST);
    return false;
  }
  *done = false;
  return true;
}

bool call_page(struct call *call, bool *done)
{
  for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
    const struct page *page = &pages[i];
    size_t size = page->size ? page->size : strlen(page->body);
    if (!call_named(call, page->name))
      continue;
    *done = true;
    return call_say(call->fd, "HTTP/1.1 %d Status\r\n%sContent-Length: %zu\r\n\r\n", page->status,
                    page->fields, size) &&
           (call->head || call_put(call->fd, page->body, size));
  }
  return long_page(call, done);
}

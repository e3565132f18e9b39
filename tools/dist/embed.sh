#!/bin/sh
# Usage: embed.sh: reads lines "NAME FILE" and prints assembler that makes each FILE the embedded file NAME of
# src/base/embedded.h, ordered by name. Bytes are taken as they are.
set -eu
LC_ALL=C sort | awk '
  { name[NR] = $1; file[NR] = substr($0, length($1) + 2) }
  END {
    print ".section .rodata.attest_embedded, \"a\", %progbits"
    for (i = 1; i <= NR; i++)
      printf "name_%d: .asciz \"%s\"\n.balign 64\ndata_%d: .incbin \"%s\"\nend_%d:\n", i, name[i], i, file[i], i
    print ".balign 8\n.globl attest_embedded_count\nattest_embedded_count: .quad " NR
    print ".globl attest_embedded\nattest_embedded:"
    for (i = 1; i <= NR; i++)
      printf ".quad name_%d, data_%d, end_%d - data_%d\n", i, i, i, i
    print ".section .note.GNU-stack, \"\", %progbits"
  }'

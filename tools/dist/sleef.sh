#!/bin/sh
# Usage: sleef.sh LIBSLEEF.SO.3 READELF FUNCTION...: prints assembler for SLEEF as part of a static program.
#
# Debian has SLEEF as a shared object alone, and all our figures rest on its machine code. So that very code is taken,
# byte for byte: the shared object's code and constants become one section `.sleef` at the distances that they were
# linked with (code finds its constants by distance), and the functions that attest calls get their names there. They
# call nothing and write nothing; the addresses of tables that code looks up (AArch64: digits of 1/pi) are filled in.
# .ci/dist compares the section with the shared object.
set -eu
library=$1 readelf=$2
shift 2
{
  "$readelf" -SW "$library" | sed -n 's/^ *\[ *[0-9]*\] *\(\.[a-z]*\) *[A-Z]* *\([0-9a-f]*\) \([0-9a-f]*\) \([0-9a-f]*\).*/section \1 \2 \3 \4/p'
  "$readelf" --dyn-syms -W "$library" | awk '$4 == "FUNC" { print "function", $8, $2 }'
  "$readelf" -rW "$library" | awk '$3 ~ /_RELATIVE$/ { printf "slot %s %16s\n", $1, $4 }'
  printf 'want %s\n' "$@"
} | awk -v library="$library" '
  function fail(what) { print "sleef.sh: " library ": " what >"/dev/stderr"; failed = 1; exit 1 }
  $1 == "section" { address[$2] = $3; size[$2] = $5; flat[$2] = substr($3, length($3) - length($4) + 1) == $4 }
  $1 == "function" { place[$2] = $3 }
  $1 == "slot" && $2 >= address[".got"] { slots[++count] = $2; target[count] = $3 }
  $1 == "want" && !($2 in place) { fail("has no " $2) }
  $1 == "want" { names = names sprintf(".globl %s\n.type %s, %%function\n.set %s, sleef + 0x%s\n", $2, $2, $2, place[$2]) }
  END {
    if (failed) exit 1
    if (!flat[".text"] || !flat[".rodata"] || address[".rodata"] < address[".text"]) fail("is laid out in another way")
    print ".section .sleef, \"ax\", %progbits\n.balign 4096\n.set sleef, first - (0x" address[".text"] ")"
    print ".skip 0x" address[".text"] " & 4095\nfirst:"
    print ".incbin \"" library "\", 0x" address[".text"] ", 0x" address[".rodata"] " + 0x" size[".rodata"] " - 0x" address[".text"]
    for (i = 1; i <= count && slots[i] < address[".data"]; i++)
      print ".org first + 0x" slots[i] " - 0x" address[".text"] "\n.quad sleef + 0x" target[i]
    printf "%s.section .note.GNU-stack, \"\", %%progbits\n", names
  }'

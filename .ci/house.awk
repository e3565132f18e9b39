# Checks the house (docs/DESIGN.md): no file of a room of src/ includes a header of a later room, no files of
# it need each other in a circle, and none below command/ prints. Prints what it finds; exit code 1 then.
# Usage: { grep -H '#include "' SOURCES; nm -A OBJECTS; } | awk -f .ci/house.awk
BEGIN {
  split("base files checkpoint model pass tape probe task train few_shot circuit manifest trajectory fetch claims " \
        "study report command bench main", order, " ")
  for (i in order) floor_of[order[i]] = i
  # Help and progress bars, the last line of a guard; base/file sees to what was printed before it writes.
  split("base/options base/progress files/archive_guard base/file", list, " ")
  for (i in list) may_print[list[i]] = 1
  split("stdout stderr printf vprintf puts putchar perror", list, " ")
  for (i in list) prints[list[i]] = 1
}

# build/src/claims/figure.o -> claims/figure; src/main.c -> main
function unit(path) {
  sub(/^.*src\//, "", path)
  sub(/\.[cho]$/, "", path)
  return path
}

function room(name,   parts) {
  split(name, parts, "/")
  return parts[1]
}

function complain(line) {
  print line
  bad = 1
}

# src/probe/head.c:#include "base/text.h"
/:#include "[^"]*\// {
  split($0, quoted, "\"")
  from = room(unit(substr($0, 1, index($0, ":") - 1)))
  to = room(quoted[2])
  if (!(from in floor_of) || !(to in floor_of))
    complain($0 ": a room that is not in the list of .ci/house.awk")
  else if (floor_of[to] + 0 > floor_of[from] + 0)
    complain($0 ": " from "/ must not include headers of the later room " to "/")
  next
}

# build/src/base/text.o:0000000000000120 T text_add, and "... U text_add" where it is needed
NF >= 3 && $(NF - 1) ~ /^[BCDGRSTV]$/ { home[$NF] = unit(substr($1, 1, index($1, ":") - 1)) }
NF >= 2 && $(NF - 1) == "U" {
  name = unit(substr($1, 1, index($1, ":") - 1))
  needs[name] = needs[name] " " $NF
  if ($NF in prints && floor_of[room(name)] + 0 < floor_of["command"] + 0 && !(name in may_print))
    complain(name ": uses " $NF ", but nothing below command/ prints; use a journal or base/notice.h")
}

# Depth first; a file that is met again while it is on the path closes a circle.
function visit(name, path,   list, count, i, to) {
  state[name] = "open"
  count = split(needs[name], list, " ")
  for (i = 1; i <= count; i++) {
    if (!(list[i] in home) || (to = home[list[i]]) == name)
      continue
    if (state[to] == "open")
      complain("circle of files:" substr(path, index(path " ", " " to " ")) " " to " (by " list[i] ")")
    else if (state[to] == "")
      visit(to, path " " to)
  }
  state[name] = "done"
}

END {
  for (name in needs)
    if (state[name] == "")
      visit(name, " " name)
  exit bad
}

#!/bin/sh
# Runs manifests on a Slurm cluster: an array of shards, then their merge.
# Usage: docs/slurm/submit.sh SHARDS WORK MANIFEST... [-- OPTIONS of sbatch, such as --mem=8G --cpus-per-task=8]
# WORK, the manifests and the checkpoints must be on a file system that all nodes see. ATTEST names the binary.
# What to ask for says: attest plan MANIFEST --shards SHARDS
set -eu
[ $# -ge 3 ] || { sed -n '3p' "$0" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
SHARDS=$1 WORK=$2
shift 2
MANIFESTS=
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  case $1 in *[[:space:]]*) echo "$1: has a blank in its name, which the array cannot take" >&2; exit 2 ;; esac
  MANIFESTS="$MANIFESTS $1"
  shift
done
[ $# -eq 0 ] || shift
: "${ATTEST:=attest}"
mkdir -p "$WORK"
WORK=$(cd "$WORK" && pwd)
export ATTEST SHARDS WORK MANIFESTS
array=$(sbatch --parsable --array="1-$SHARDS" --output="$WORK/shard-%a.log" "$@" "$here/shards.sbatch")
merge=$(sbatch --parsable --dependency="afterok:$array" --kill-on-invalid-dep=yes \
  --output="$WORK/merge.log" "$@" "$here/merge.sbatch")
echo "array $array, merge $merge; the result will be in $WORK/merge.log and $WORK/result.json"

#!/usr/bin/env bash
# readme.sh FILE…
#
# Runs the commands of the `sh` blocks of each file, and compares what the last one prints with the block that follows it
# (if that one has no language). Keeps documents true.
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
source "$(dirname "$0")/common.sh"

for file in "$@"; do
  printf '%s\n' "$file"
  commands=$(awk '/^```sh$/ {on = 1; next} /^```$/ {on = 0} on' "$file")
  expected=$(awk '/^```sh$/ {sh = 1; next} /^```$/ && sh {sh = 0; next} /^```$/ {on = !on; next} on' "$file")
  [[ -n $commands ]] || die 1 "$file has no commands"
  output=$(bash -euo pipefail -c "$commands") || die 1 "$file: its commands fail"
  [[ -z $expected || $output == "$expected" ]] || die 1 "$file: its commands print
$output
and not
$expected"
done

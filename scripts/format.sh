#!/usr/bin/env bash
# format.sh [COMMIT]
#
# Formats what changed since COMMIT (default HEAD): clang-format on the changed lines of C and C++, ruff on changed Python files.
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
source "$(dirname "$0")/common.sh"

commit="${1:-HEAD}"
git clang-format-22 --binary clang-format-22 --quiet --force "$commit" -- '*.c' '*.cpp' '*.h' '*.hpp' || true # exits 1 when it changed something
mapfile -t new < <(git ls-files -o --exclude-standard -- '*.c' '*.cpp' '*.h' '*.hpp')
((${#new[@]} == 0)) || clang-format-22 -i "${new[@]}"
mapfile -t changed < <({ git diff --name-only --diff-filter=d "$commit" -- '*.py'; git ls-files -o --exclude-standard -- '*.py'; } | sort -u)
((${#changed[@]} == 0)) || .venv/bin/ruff format --quiet "${changed[@]}"

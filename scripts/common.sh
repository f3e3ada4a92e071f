# What the scripts share: where things are, how they speak. Sourced, not run.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# shellcheck shell=bash disable=SC2034
#
# HONE_DEPS    the ONNX C++ library (default ~/.cache/hone/deps)
# HONE_MODELS  test models (default ~/.cache/hone/models)
# HONE_BUILD   build folder of the preset in use (default build; other presets build-PRESET)

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export HONE_DEPS="${HONE_DEPS:-$HOME/.cache/hone/deps}"
export HONE_MODELS="${HONE_MODELS:-$HOME/.cache/hone/models}"
export HONE_BUILD="${HONE_BUILD:-$PWD/build}"
llvm=/usr/lib/llvm-22
python="$PWD/.venv/bin/python"

say() { printf '\n== %s\n' "$*"; }
die() { # die EXIT-CODE MESSAGE
  printf 'error: %s\n' "$2" >&2
  exit "$1"
}
usage() { # prints the comment block at the head of the calling script
  sed -n '2,/^[^#]/{/^#/!d;s/^# \{0,1\}//;/^SPDX/d;p}' "$0"
}
case "${1:-}" in -h | --help) usage; exit 0 ;; esac

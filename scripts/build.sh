#!/usr/bin/env bash
# build.sh [PRESET [TARGET…]]
#
# Configures and builds a preset of CMakePresets.json: dev (default, in build/), release, asan, tsan, fuzz (in build-PRESET/).
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
source "$(dirname "$0")/common.sh"

preset="${1:-dev}"
shift || true
folder=build-$preset
[[ $preset == dev ]] && folder=$HONE_BUILD

launcher=()
if command -v ccache >/dev/null; then
  # The sloppiness is what lets precompiled headers be cached. Paths below the project are hashed relative to the build
  # folder, so that every clone finds what another one compiled; debug information has relative paths too (HoneRules.cmake).
  ccache="env;CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime;CCACHE_BASEDIR=$PWD;CCACHE_NOHASHDIR=1;ccache"
  launcher=("-DCMAKE_C_COMPILER_LAUNCHER=$ccache" "-DCMAKE_CXX_COMPILER_LAUNCHER=$ccache")
fi
cmake --preset "$preset" -B "$folder" --log-level=WARNING "-DMLIR_DIR=$llvm/lib/cmake/mlir" "-DLLD_DIR=$llvm/lib/cmake/lld" \
  "-DONNX_DIR=$HONE_DEPS/lib/cmake/ONNX" "${launcher[@]}"

# A file that includes MLIR may take a gigabyte: no more jobs than the memory carries.
cores=$(nproc)
memory=$(awk '/MemTotal/ {print int($2 / 1500000)}' /proc/meminfo)
jobs=$((cores < memory ? cores : memory > 0 ? memory : 1))
ninja -C "$folder" -j "$jobs" "$@"

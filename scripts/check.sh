#!/usr/bin/env bash
# check.sh
#
# What no compiler checks: which folder may include what, file sizes, leftovers, generated files in git, paths of one
# machine, licence headers, format. Prints each finding with its place; exits 1 if there is one.
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
source "$(dirname "$0")/common.sh"

found=0
complain() { # complain TITLE LINES: prints the lines, if there are any, under the title
  [[ -n $2 ]] || return 0
  printf '%s\n%s\n\n' "$1:" "$2"
  found=1
}

# Tracked files and new ones that git would take, without deleted ones.
mapfile -t files < <(git ls-files -co --exclude-standard | while read -r file; do [[ ! -f $file ]] || echo "$file"; done)
pick() { # pick REGEX [EXCEPT]: the files whose path matches
  printf '%s\n' "${files[@]}" | grep -E "$1" | grep -vE "${2:-^$}"
}

# layer FOLDER ALLOWED [EXCEPT]: every header that a file under FOLDER includes by a path must match ALLOWED. Names without
# a path are files beside the includer, generated ones, or the standard library.
layer() {
  complain "$1 may not include" "$(pick "^$1/.*\.(c|cpp|h|hpp|td)\$" "${3:-}" |
    xargs -r grep -nHE '^ *#? *include *["<][^">]*/' | grep -vE "include *[\"<]($2)")"
}
llvm_support='llvm/(ADT|Support|BinaryFormat|Object|TargetParser|Config)/'
layer runtime 'hone/|sys/|linux/'
layer support "support/|$llvm_support|sys/"
layer dialects "dialects/|mlir/|$llvm_support|hone/abi\.h"
layer frontends "frontends/|dialects/|support/|mlir/|$llvm_support|sys/" '/OnnxLibrary([A-Z][a-z]*\.(h|cpp)|\.cpp)$'
layer passes "passes/|dialects/|mlir/|$llvm_support"
layer compiler 'compiler/|passes/|frontends/|dialects/|support/|mlir/|llvm/|lld/|hone/(abi|hone|ops)\.h|sys/'
layer compiler/codegen/generic 'compiler/codegen/(generic/|[A-Z])|dialects/|mlir/|llvm/'
layer '(examples|bench)' 'hone/|sys/'
complain "the runtime is C: no C++ headers" "$(pick '^runtime/(src|ops)/' | xargs -r grep -nHE '^ *# *include *<[a-z_]+>')"

# Rooms ask what an op does (its interfaces, its structure), not what op it is. What looks for what exporters write, and a family's
# own files, may.
kinds=$(grep -hoE 'def Hone_[A-Za-z0-9]+Op\b' dialects/hone/{Elementwise,Linear,Norm,Reduce,Shape}.td | sed 's/def Hone_//' | paste -sd'|')
# Who makes an op has to say which one.
complain "asks for a kind of op, or for an attribute by its name" \
  "$(pick '^(passes/[a-z]+|compiler)/.*\.(cpp|h)$' '^(passes/(simplify|state)/|compiler/codegen/cpu/.*Family\.cpp$)' |
    xargs grep -nH '' | sed -E "s/\b($kinds)::create\b//g; s/(::)?\bhone:://g" |
    grep -E "^[^:]*:[0-9]+:(.*[^:A-Za-z])?($kinds)\b|\"axis\"")"

complain "too long (at most 1200 lines, aim at 400)" \
  "$(pick '\.(c|cpp|h|hpp|td|py|sh)$' | xargs wc -l | awk '$2 != "total" && $1 > 1200 {print $2 ": " $1 " lines"}')"
complain "unfinished" "$(pick . '^(LICENSE|scripts/check\.sh)$' | xargs grep -nIE '\b(TODO|FIXME|XXX|HACK)\b')"
complain "generated, not for git" "$(pick '\.(inc|o|a|so|pyc)$|^docs/generated/|^build')"
complain "a path of one machine" \
  "$(pick . '^scripts/check\.sh$' | xargs grep -nIE '(^|[^A-Za-z0-9_.$}-])/(home|root|work|tmp|Users|mnt)/')"
complain "no licence header" "$(pick '(\.(c|cpp|h|hpp|td|py|sh)|^\.ci/run)$' '/pch_|lit(\.site)?\.cfg\.py' |
  xargs grep -L 'SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception')"

complain "a file starts with a line on what it is, without a frame" \
  "$(pick '\.(c|cpp|h|hpp)$' | xargs grep -nE '^//===-+( \S+\.|=)')"
complain "a header's guard is HONE_ and its path" "$(pick '\.h$' '^(runtime/include|cmake|test/abi)/' | while read -r file; do
  guard=$(tr -c 'A-Za-z0-9\n' _ <<<"HONE_$file" | tr a-z A-Z)
  grep -qx "#ifndef $guard" "$file" || echo "$file: $guard"
done)"
complain "a constant of a file is called kName" "$(pick '\.(cpp|h)$' '^(test|examples|runtime)/' |
  xargs grep -nE '^((static|inline) )*constexpr [^=({]*[ *]([a-jl-zA-Z]|k[^A-Z])[A-Za-z0-9]*(\[[^]]*\])* *[={]')"

complain "a link to nowhere" "$(pick '\.md$' | while read -r file; do
  grep -oE '\]\([^)#:]+' "$file" | cut -c3- | while read -r link; do
    [[ -e $(dirname "$file")/$link ]] || echo "$file: $link"
  done
done)"

complain "a page that no other links to" "$(pick '^docs/.*\.md$' | while read -r page; do
  pick '\.md$' "^$page\$" | xargs grep -qE "\]\(([^)]*/)?$(basename "$page")[)#]" || echo "$page"
done)"

complain "not formatted (scripts/format.sh)" \
  "$(pick '\.(c|cpp|h|hpp)$' | xargs clang-format-22 --dry-run 2>&1 | grep -oE '^[^:]+:.*warning:' | sort -u -t: -k1,1)"
if [[ -x .venv/bin/ruff ]]; then
  complain "Python" "$(.venv/bin/ruff check --quiet --output-format=concise .)"
  complain "not formatted (scripts/format.sh)" "$(.venv/bin/ruff format --check --quiet .)"
  complain "types" "$(.venv/bin/mypy --strict --no-error-summary --cache-dir="$HONE_BUILD/mypy" python/hone)"
fi
((found)) || echo "nothing found in ${#files[@]} files"
exit $found

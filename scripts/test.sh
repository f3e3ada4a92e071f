#!/usr/bin/env bash
# test.sh [SUITE…]
#
# Installs what is missing, builds, and runs the tests. Suites:
#   lit           one IR step each                      conformance   ONNX's node tests in test/conformance/scope.json
#   unit          C and C++ functions                   models        whole models against ONNX Runtime
#   python        the Python package, test/abi,         examples      the commands of the examples' READMEs
#                 test/programs
#   docs          the commands and snippets of README and docs, and of the generated reference
#   sanitizers    of `unit`, the runtime's tests under ASan, UBSan and TSan
#   fuzz          test/fuzz, each for a minute          demo          scripts/demo.sh
#   bench         the benchmarks, briefly               check         scripts/check.sh
#   operators     docs/operators.md against the compiler
#   exported      all graphs of test/models/graphs, of which `models` has the small ones; 2 GB of models in $HONE_MODELS
#   large         models of 3 GB, which take 9 GB of the disk meanwhile
# Without arguments: the first seven, which is what continuous integration runs. `all`: also fuzz, demo, bench, check,
# operators, exported and large.
# The last line counts the test cases: "N passed, N failed, N skipped". Exits 1 if one failed. Where CI is set a skipped one
# fails, unless it needs an instruction set that the machine lacks.
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
source "$(dirname "$0")/common.sh"

suites=("$@")
[[ $# == 0 ]] && suites=(lit unit python conformance models examples docs)
[[ "$*" == all ]] && suites=(lit unit python conformance models examples docs fuzz demo bench check operators exported large)
for suite in "${suites[@]}"; do
  [[ " lit unit python conformance models examples docs sanitizers fuzz demo bench check operators exported large " == *" $suite "* ]] ||
    die 2 "unknown suite '$suite'; try scripts/test.sh --help"
done

scripts/deps.sh
say "building"
scripts/build.sh

results="$HONE_BUILD/test-results"
rm -rf "$results"
mkdir -p "$results"
export PYTHONPATH="$PWD/python" PATH="$HONE_BUILD/compiler:$PATH"
passed=0 failed=0 skipped=0 summary=()

# suite NAME COMMAND…: runs a command that leaves JUnit XML in $results/NAME*.xml and adds up what is in there. A command
# that fails without naming a failed test counts as one.
suite() {
  local name=$1 start=$SECONDS code=0 good bad left_out
  shift
  say "$name"
  "$@" </dev/null || code=$?
  read -r good bad left_out < <("$python" scripts/junit.py "$results/$name"*.xml)
  ((code == 0 || bad > 0)) || bad=1
  ((passed += good, failed += bad, skipped += left_out)) || true
  summary+=("$(printf '%-12s %5d passed %5d failed %5d skipped   %4d s' "$name" "$good" "$bad" "$left_out" $((SECONDS - start)))")
}

# plain NAME COMMAND…: one test that passes when the command succeeds.
plain() {
  local name=$1 outcome=""
  shift
  "$@" || outcome="<failure/>"
  echo "<testsuite><testcase name='$name'>$outcome</testcase></testsuite>" >"$results/$name.xml"
}

units() { # units CTEST-ARGUMENT…: the tests that CMake knows
  ctest --test-dir "$HONE_BUILD" --output-on-failure --no-tests=error -j "$(nproc)" --output-junit "$results/$name.xml" "$@"
}

models() {
  local code=0
  "$python" -m pytest -q test/models --junitxml "$results/models.xml" || code=1
  # Twice the model may take 2.3 times as long to compile.
  plain models-compile-time "$python" bench/compile_time.py --sizes 2500,5000 --repeat 3 --limit 2.3 \
    --kinds layers,encoder,chain,shapes,initializers,moved,rejoined,functions,calls,join,decoder,states || code=1
  return $code
}

examples() {
  local folder code=0
  for folder in examples/*/; do
    plain "examples-$(basename "$folder")" scripts/readme.sh "${folder}README.md" || code=1
  done
  return $code
}

fuzz() {
  local target code=0
  scripts/build.sh fuzz fuzzers || return 1
  for target in build-fuzz/test/fuzz/fuzz-*; do
    [[ -x $target && -f $target ]] || continue
    # Seeds are put in by mutators, which need room for them from the start.
    plain "fuzz-$(basename "$target")" "$target" -max_total_time=60 -rss_limit_mb=4096 -timeout=60 -len_control=0 \
      -max_len=16384 -artifact_prefix="$results/" || code=1
  done
  "$python" test/fuzz/shape_data.py --seed "$(date +%Y%m%d)" --seconds 60 --keep "$results/shape-data" \
    --junit "$results/fuzz-shape-data.xml" || code=1
  return $code
}

bench() {
  local program code=0
  for program in minilm rows loops state; do
    plain "bench-$program" "$python" "bench/$program.py" --smoke || code=1
  done
  plain bench-models "$python" bench/models.py --quick --only minilm-dynamo || code=1
  plain bench-kernel-costs "$python" bench/kernel_costs.py --dims input_ids=1x16,attention_mask=1x16 --repeat 1 || code=1
  return $code
}

for name in "${suites[@]}"; do
  case $name in
  lit) suite lit lit-22 -sv --xunit-xml-output "$results/lit.xml" "$HONE_BUILD/test/lit" ;;
  unit) suite unit units -E '^lit$' ;;
  sanitizers) suite sanitizers units -R 'san$' ;;
  python) suite python "$python" -m pytest -q test/python test/abi test/programs --junitxml "$results/python.xml" ;;
  conformance)
    suite conformance "$python" test/conformance/onnx_conformance.py --adapter hone --kinds node \
      --ulp 2 --scope test/conformance/scope.json --junit "$results/conformance.xml"
    ;;
  exported)
    suite exported "$python" -m pytest -q test/models/test_exported.py --large --junitxml "$results/exported.xml"
    ;;
  large)
    suite large "$python" -m pytest -q test/models/test_large.py --large --junitxml "$results/large.xml"
    ;;
  docs) suite docs "$python" -m pytest -q test/docs --junitxml "$results/docs.xml" ;;
  operators) suite operators plain operators "$python" scripts/operators.py --check ;;
  demo) suite demo plain demo scripts/demo.sh ;;
  check) suite check plain check scripts/check.sh ;;
  *) suite "$name" "$name" ;;
  esac
done

say "summary"
printf '%s\n' "${summary[@]}"
printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
((failed == 0))

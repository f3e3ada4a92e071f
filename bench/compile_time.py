#!/usr/bin/env python3
"""Time of compiling against the size of the model: CPU seconds, and how they grow when the model doubles.

    compile_time.py [--hone FILE]... [--kinds NAMES] [--sizes N,N,...] [--repeat N] [--limit RATIO] [--json FILE]

Kinds of models: `layers` (MatMul, Add, Relu, Add, LayerNormalization, with weights of their own), `encoder` (attention
with projections of their own for queries, keys and values), `chain` (of element-wise operators), `shapes` (arithmetic
on a dim), `concats` (each result a dim longer), `join` (one Concat of as many inputs), `pads` (one after the other),
`wide` (as many inputs and outputs as operators), `initializers` (constants of different sizes, each used once), `moved`
(constants that are transposed and cast), `rejoined` (constants that one Concat joins and one Split takes apart),
`functions` (each calls the next one, 90 deep), `calls` (100 functions, called over and over), `decoder` (layers like
Llama's: RMS norm, grouped-query attention with rotary embedding and a cache, SwiGLU; 32 layers are 2,054 nodes), and
`states` (pasts that grow by one input, compiled with --state). Sizes are numbers of nodes, as nearly as the kind
allows. Several --hone are measured in turn. A figure is the least of --repeat runs, user time of all threads. With
--limit it exits 1 where twice the nodes take more than RATIO times as long.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WIDTH = 20  # so that matrices are weights: 1 KiB and less is a constant
MAX_CALL_DEPTH = 90  # of functions that call each other; the importer takes 100


def tensor(name, dims):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)


def model(nodes, inputs, outputs, initializers=(), functions=()):
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(initializers))
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("local", 1)]
    result = helper.make_model(graph, ir_version=9, opset_imports=opsets[: 1 + bool(functions)])
    result.functions.extend(functions)
    return result


def in_a_row(count, make):
    """`count` nodes, of which make(i, input, output) makes each."""
    nodes = [make(i, f"v{i - 1}" if i else "x", f"v{i}") for i in range(count)]
    return model(nodes, [tensor("x", ["n", WIDTH])], [tensor(nodes[-1].output[0], ["m", WIDTH])])


def chain(count):
    return in_a_row(count, lambda i, x, y: helper.make_node("Neg" if i % 2 else "Relu", [x], [y]))


def concats(count):
    return in_a_row(count, lambda i, x, y: helper.make_node("Concat", [x, "x"], [y], axis=0))


def layers(count):
    random = np.random.default_rng(0)
    nodes, weights, x = [], [], "x"
    for i in range(count // 5):
        for name, shape in (("w", (WIDTH, WIDTH)), ("b", (WIDTH,)), ("s", (WIDTH,))):
            weights.append(numpy_helper.from_array(random.standard_normal(shape).astype(np.float32), f"{name}{i}"))
        nodes += [
            helper.make_node("MatMul", [x, f"w{i}"], [f"m{i}"]),
            helper.make_node("Add", [f"m{i}", f"b{i}"], [f"a{i}"]),
            helper.make_node("Relu", [f"a{i}"], [f"r{i}"]),
            helper.make_node("Add", [f"r{i}", x], [f"d{i}"]),
            helper.make_node("LayerNormalization", [f"d{i}", f"s{i}"], [f"n{i}"]),
        ]
        x = f"n{i}"
    return model(nodes, [tensor("x", ["n", WIDTH])], [tensor(x, ["n", WIDTH])], weights)


def encoder(count):
    random = np.random.default_rng(0)
    heads = numpy_helper.from_array(np.array([0, 0, 2, WIDTH // 2]), "heads")
    joined = numpy_helper.from_array(np.array([0, 0, WIDTH]), "joined")
    nodes, weights, x = [], [heads, joined], "x"
    for i in range(count // 18):
        for name in "qkv":
            for kind, shape in (("w", (WIDTH, WIDTH)), ("b", (WIDTH,))):
                values = random.standard_normal(shape).astype(np.float32)
                weights.append(numpy_helper.from_array(values, f"{kind}{name}{i}"))
            turn = [0, 2, 3, 1] if name == "k" else [0, 2, 1, 3]
            nodes += [
                helper.make_node("MatMul", [x, f"w{name}{i}"], [f"m{name}{i}"]),
                helper.make_node("Add", [f"m{name}{i}", f"b{name}{i}"], [f"a{name}{i}"]),
                helper.make_node("Reshape", [f"a{name}{i}", "heads"], [f"r{name}{i}"]),
                helper.make_node("Transpose", [f"r{name}{i}"], [f"{name}{i}"], perm=turn),
            ]
        nodes += [
            helper.make_node("MatMul", [f"q{i}", f"k{i}"], [f"s{i}"]),
            helper.make_node("Softmax", [f"s{i}"], [f"p{i}"], axis=-1),
            helper.make_node("MatMul", [f"p{i}", f"v{i}"], [f"o{i}"]),
            helper.make_node("Transpose", [f"o{i}"], [f"t{i}"], perm=[0, 2, 1, 3]),
            helper.make_node("Reshape", [f"t{i}", "joined"], [f"j{i}"]),
            helper.make_node("Add", [f"j{i}", x], [f"x{i}"]),
        ]
        x = f"x{i}"
    return model(nodes, [tensor("x", ["n", "s", WIDTH])], [tensor(x, ["n", "s", WIDTH])], weights)


def shapes(count):
    nodes = [helper.make_node("Shape", ["x"], ["v"])]
    for i in range(count - 2):
        x = f"v{i - 1}" if i else "v"
        nodes.append(helper.make_node("Add" if i % 2 else "Mul", [x, "three"], [f"v{i}"]))
    nodes.append(helper.make_node("Expand", ["x", nodes[-1].output[0]], ["y"]))
    three = numpy_helper.from_array(np.array([3]), "three")
    return model(nodes, [tensor("x", ["n"])], [tensor("y", ["m"])], [three])


def wide(count):
    nodes = [helper.make_node("Relu", [f"x{i}"], [f"y{i}"]) for i in range(count)]
    dims = [["n", WIDTH]] * count
    inputs, outputs = ([tensor(f"{letter}{i}", d) for i, d in enumerate(dims)] for letter in "xy")
    return model(nodes, inputs, outputs)


def initializers(count):
    random = np.random.default_rng(0)
    constants = [random.standard_normal((14 + i % 7, WIDTH)).astype(np.float32) for i in range(count)]
    nodes = []
    for i in range(0, count, 10):
        names = [f"c{j}" for j in range(i, min(i + 10, count))]
        nodes.append(helper.make_node("Concat", ["x", *names], [f"y{i}"], axis=0))
    outputs = [tensor(node.output[0], [f"m{i}", WIDTH]) for i, node in enumerate(nodes)]
    weights = [numpy_helper.from_array(constant, f"c{i}") for i, constant in enumerate(constants)]
    return model(nodes, [tensor("x", ["n", WIDTH])], outputs, weights)


def moved(count):
    """Weights of which each is read through a transposition and a cast, four at a time."""
    random = np.random.default_rng(0)
    weights, nodes, outputs = [], [], []
    for i in range(count // 9):
        for name in (f"{i}_{j}" for j in range(4)):
            weights.append(numpy_helper.from_array(random.standard_normal((WIDTH, 40)), f"w{name}"))
            nodes.append(helper.make_node("Transpose", [f"w{name}"], [f"t{name}"]))
            nodes.append(helper.make_node("Cast", [f"t{name}"], [f"c{name}"], to=TensorProto.FLOAT))
        nodes.append(helper.make_node("Concat", ["x", *(f"c{i}_{j}" for j in range(4))], [f"y{i}"], axis=0))
        outputs.append(tensor(f"y{i}", [f"m{i}", WIDTH]))
    return model(nodes, [tensor("x", ["n", WIDTH])], outputs, weights)


def rejoined(count):
    """Weights that one Concat joins and one Split takes apart, each of which is used."""
    random = np.random.default_rng(0)
    parts = [random.standard_normal((1, 15 * WIDTH)).astype(np.float32) for _ in range(count)]
    weights = [numpy_helper.from_array(part, f"w{i}") for i, part in enumerate(parts)]
    made = in_a_row(count, lambda i, x, y: helper.make_node("Add", [x, f"s{i}"], [y]))
    join = helper.make_node("Concat", [weight.name for weight in weights], ["joined"], axis=0)
    split = helper.make_node("Split", ["joined"], [f"s{i}" for i in range(count)], axis=0, num_outputs=count)
    y = made.graph.output[0].name
    dims = ["n", 15 * WIDTH]
    return model([join, split, *made.graph.node], [tensor("x", dims)], [tensor(y, dims)], weights)


def functions(count):
    """Function i computes and calls function i + 1, up to the depth that is allowed."""
    depth = min(count, MAX_CALL_DEPTH)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("local", 1)]
    made = []
    for i in range(depth):
        body = [helper.make_node("Relu", ["a"], ["b"])]
        body.append(helper.make_node(f"F{i + 1}", ["b"], ["c"], domain="local") if i + 1 < depth else
                    helper.make_node("Neg", ["b"], ["c"]))  # fmt: skip
        made.append(helper.make_function("local", f"F{i}", ["a"], ["c"], body, opsets))
    result = in_a_row(max(count // depth, 1), lambda i, x, y: helper.make_node("F0", [x], [y], domain="local"))
    result.opset_import.append(helper.make_opsetid("local", 1))
    result.functions.extend(made)
    return result


def join(count):
    names = [f"x{i}" for i in range(count)]
    node = helper.make_node("Concat", names, ["y"], axis=0)
    return model([node], [tensor(name, ["n", WIDTH]) for name in names], [tensor("y", ["m", WIDTH])])


def pads(count):
    made = in_a_row(count, lambda i, x, y: helper.make_node("Pad", [x, "pads"], [y]))
    made.graph.initializer.append(numpy_helper.from_array(np.array([0, 0, 1, 0]), "pads"))
    return made


def calls(count):
    opsets = [helper.make_opsetid("", 18)]
    bodies = [[helper.make_node("Relu" if i % 2 else "Neg", ["a"], ["b"])] for i in range(100)]
    made = [helper.make_function("local", f"F{i}", ["a"], ["b"], body, opsets) for i, body in enumerate(bodies)]
    result = in_a_row(count, lambda i, x, y: helper.make_node(f"F{i % 100}", [x], [y], domain="local"))
    result.opset_import.append(helper.make_opsetid("local", 1))
    result.functions.extend(made)
    return result


class Decoder:
    """Nodes and weights of a decoder of as many layers, with widths of toys."""

    HEADS, GROUPS, SIZE = 4, 2, 8  # of queries, of keys and values; columns of a head

    def __init__(self, layers):
        self.random, self.layers = np.random.default_rng(0), layers
        self.nodes, self.weights, self.inputs, self.outputs = [], [], [], []

    def weight(self, *shape, dtype=np.float32):
        return self.constant(self.random.standard_normal(shape).astype(dtype))

    def constant(self, array):
        self.weights.append(numpy_helper.from_array(np.asarray(array), f"w{len(self.weights)}"))
        return self.weights[-1].name

    def __call__(self, op, *inputs, outputs=1, **attributes):
        names = [f"v{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, **attributes))
        return names[0] if outputs == 1 else names

    def norm(self, x):
        mean = self("ReduceMean", self("Mul", x, x), self.constant([-1]), keepdims=1)
        root = self("Sqrt", self("Add", mean, self.constant(np.float32(1e-5))))
        return self("Mul", self("Div", x, root), self.weight(self.HEADS * self.SIZE))

    def heads(self, x, count):
        columns = self("MatMul", x, self.weight(self.HEADS * self.SIZE, count * self.SIZE))
        split = self("Reshape", columns, self.constant([0, 0, count, self.SIZE]))
        return self("Transpose", split, perm=[0, 2, 1, 3])

    def rotated(self, x):
        first, second = self("Split", x, outputs=2, axis=3, num_outputs=2)
        turned = self("Concat", self("Neg", second), first, axis=3)
        return self("Add", self("Mul", x, "cos"), self("Mul", turned, "sin"))

    def cached(self, x, name):
        dims = ["batch", self.GROUPS, None, self.SIZE]
        self.inputs.append(tensor(f"past_{name}", [*dims[:2], "past", self.SIZE]))
        whole = self("Concat", f"past_{name}", x, axis=2)
        self.outputs.append(tensor(whole, [*dims[:2], f"length_{name}", self.SIZE]))
        apart = self("Unsqueeze", whole, self.constant([2]))
        times = self.HEADS // self.GROUPS
        shape = self(
            "Concat", self("Shape", whole, end=2), self.constant([times]), self("Shape", whole, start=2), axis=0
        )
        many = self("Expand", apart, shape)
        return self("Reshape", many, self.constant([0, self.HEADS, -1, self.SIZE]))

    def layer(self, x, i):
        width = self.HEADS * self.SIZE
        normed = self.norm(x)
        queries = self.rotated(self.heads(normed, self.HEADS))
        keys = self.cached(self.rotated(self.heads(normed, self.GROUPS)), f"key_{i}")
        values = self.cached(self.heads(normed, self.GROUPS), f"value_{i}")
        scores = self("MatMul", queries, self("Transpose", keys, perm=[0, 1, 3, 2]))
        scores = self("Add", self("Mul", scores, self.constant(np.float32(self.SIZE**-0.5))), "mask")
        attended = self("MatMul", self("Softmax", scores, axis=-1), values)
        attended = self("Reshape", self("Transpose", attended, perm=[0, 2, 1, 3]), self.constant([0, 0, width]))
        x = self("Add", x, self("MatMul", attended, self.weight(width, width)))
        normed = self.norm(x)
        gate = self("MatMul", normed, self.weight(width, 2 * width))
        gate = self("Mul", gate, self("Sigmoid", gate))
        up = self("Mul", gate, self("MatMul", normed, self.weight(width, 2 * width)))
        return self("Add", x, self("MatMul", up, self.weight(2 * width, width)))

    def build(self):
        width = self.HEADS * self.SIZE
        self.inputs += [tensor("x", ["batch", "sequence", width]), tensor("mask", ["batch", 1, "sequence", "all"])]
        self.inputs += [tensor(name, ["batch", 1, "sequence", self.SIZE]) for name in ("cos", "sin")]
        x = "x"
        for i in range(self.layers):
            x = self.layer(x, i)
        self.outputs.append(tensor(self.norm(x), ["batch", "sequence", width]))
        return model(self.nodes, self.inputs, self.outputs, self.weights)


def decoder(count):
    return Decoder(max(1, count // 64)).build()


def states(count):
    names = [f"past_{i}" for i in range(count - 1)]
    presents = [name.replace("past", "present") for name in names]
    nodes = [helper.make_node("Concat", [past, "x"], [now], axis=0) for past, now in zip(names, presents)]
    nodes.append(helper.make_node("Relu", ["x"], ["y"]))
    inputs = [tensor("x", ["n", WIDTH]), *(tensor(name, ["past", WIDTH]) for name in names)]
    return model(nodes, inputs, [tensor("y", ["n", WIDTH]), *(tensor(name, ["all", WIDTH]) for name in presents)])


KINDS = {
    make.__name__: make
    for make in (
        layers,
        encoder,
        chain,
        shapes,
        concats,
        join,
        pads,
        wide,
        initializers,
        moved,
        rejoined,
        functions,
        calls,
        decoder,
        states,
    )
}


FLAGS = {"states": ["--state"]}


def seconds(hone, path, folder, flags=()):
    """User time of one compile."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = subprocess.run([hone, "compile", path, "-o", f"{folder}/m.so", *flags], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{path}: {done.stderr[:1000]}")
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def measure(kind, sizes, compilers, repeat):
    """[[seconds of each compiler] for each size]"""
    with tempfile.TemporaryDirectory() as folder:
        paths = [f"{folder}/{kind}-{size}.onnx" for size in sizes]
        for path, size in zip(paths, sizes):
            onnx.save(KINDS[kind](size), path)
        runs = [
            [[seconds(hone, path, folder, FLAGS.get(kind, ())) for hone in compilers] for path in paths]
            for _ in range(repeat)
        ]
    return np.min(runs, axis=0).tolist()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hone", action="append", help="compiler; default: the one in PATH")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--sizes", default="100,1000,2500,5000,10000,20000")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--limit", type=float, help="most that twice the nodes may take, as a ratio")
    parser.add_argument("--json", help="write the figures there, too")
    options = parser.parse_args()
    compilers = options.hone or [shutil.which("hone") or "hone"]
    sizes = [int(size) for size in options.sizes.split(",")]
    rows, failed = [], False
    for kind in options.kinds.split(","):
        figures = measure(kind, sizes, compilers, options.repeat)
        for i, (size, own) in enumerate(zip(sizes, figures)):
            rows.append({"kind": kind, "nodes": size, "seconds": own})
            grown = ""
            if i:
                # What a doubling costs, where the sizes are further apart than that.
                doublings = np.log2(size / sizes[i - 1])
                ratio = (own[-1] / figures[i - 1][-1]) ** (1 / doublings)
                grown = f"  x{ratio:.2f} for twice the nodes"
                if options.limit and ratio > options.limit:
                    failed, grown = True, grown + f", more than {options.limit}"
            print(f"{kind:13}{size:7} nodes" + "".join(f"{t:9.2f} s" for t in own) + grown, flush=True)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"compilers": [os.path.basename(hone) for hone in compilers], "rows": rows}, file, indent=1)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

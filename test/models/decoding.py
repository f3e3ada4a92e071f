"""Decoders with a cache, as exporters write them, and a Loop around one that generates tokens.

    decoder(SMOLLM2._replace(layers=2), random)   its graph, with random weights
    greedy(model)                                 the same as a graph of one Loop

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

from typing import NamedTuple

import numpy as np
from building import model_of, value
from onnx import TensorProto, helper, numpy_helper


class Size(NamedTuple):
    layers: int
    width: int
    heads: int  # of queries
    groups: int  # heads of keys and values
    inner: int  # width of the layer behind the attention
    vocabulary: int


EPSILON, ROTARY_BASE = 1e-5, 1e5
SMOLLM2 = Size(layers=30, width=576, heads=9, groups=3, inner=1536, vocabulary=49152)  # of 135 million parameters


def random_weights(random):
    def weight(name, shape, mean, deviation):
        return np.float32(mean) + random.standard_normal(shape, np.float32) * np.float32(deviation)

    return weight


class _Decoder:
    def __init__(self, size, source):
        self.size, self.source, self.columns = size, source, size.width // size.heads
        self.nodes, self.weights, self.inputs, self.outputs = [], {}, [], []

    def __call__(self, op, *inputs, name=None, **attributes):
        name = name or f"{op}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], name=f"{op}_{len(self.nodes)}", **attributes))
        return name

    def weight(self, name, *shape, deviation, mean=0):
        self.weights[name] = self.source(name, shape, mean, deviation)
        return name

    def number(self, number):
        self.weights[f"f32_{number}"] = np.float32(number)
        return f"f32_{number}"

    def integers(self, *numbers):
        name = "_".join(["i64", *map(str, numbers)])
        self.weights[name] = np.array(numbers)
        return name

    def integer(self, number):
        self.weights[f"scalar_{number}"] = np.array(number)
        return f"scalar_{number}"

    def linear(self, x, name, rows, columns):
        return self("MatMul", x, self.weight(name, rows, columns, deviation=rows**-0.5))

    def norm(self, x, name):
        mean = self("ReduceMean", self("Pow", x, self.number(2)), axes=[-1])
        root = self("Sqrt", self("Add", mean, self.number(EPSILON)))
        return self("Mul", self.weight(name, self.size.width, mean=1, deviation=1 / 8), self("Div", x, root))

    def split(self, x, heads):
        shape = self.integers(0, 0, heads, self.columns)
        return self("Transpose", self("Reshape", x, shape), perm=[0, 2, 1, 3])

    def rotated(self, x):
        ends = [self.integers(at) for at in (0, self.columns // 2, self.columns)]
        low, high = (self("Slice", x, *ends[i : i + 2], self.integers(-1)) for i in (0, 1))
        turned = self("Concat", self("Neg", high), low, axis=-1)
        return self("Add", self("Mul", x, "cos"), self("Mul", turned, "sin"))

    def angles(self):
        """Cosine and sine of each position's angles."""
        frequencies = ROTARY_BASE ** (-np.arange(0, self.columns, 2) / self.columns)
        self.weights["frequencies"] = frequencies.astype(np.float32)[None]
        positions = self("Cast", self("Unsqueeze", "position_ids", self.integers(-1)), to=TensorProto.FLOAT)
        angles = self("MatMul", positions, "frequencies")
        angles = self("Unsqueeze", self("Concat", angles, angles, axis=-1), self.integers(1))
        self("Cos", angles, name="cos")
        self("Sin", angles, name="sin")

    def mask(self):
        """Hides what comes later."""
        zero, one = self.integer(0), self.integer(1)
        count, total = (self("Gather", self("Shape", name), one, axis=0) for name in ("input_ids", "attention_mask"))
        every = self("Unsqueeze", self("Range", zero, total, one), self.integers(0))
        own = self("Unsqueeze", self("Range", self("Sub", total, count), total, one), self.integers(1))
        real = self("Cast", self("Unsqueeze", "attention_mask", self.integers(1, 2)), to=TensorProto.BOOL)
        seen = self("And", self("LessOrEqual", every, own), real)
        self("Where", seen, self.number(0), self.number(np.finfo(np.float32).min), name="mask")

    def cached(self, x, name):
        dims = ["batch", self.size.groups, "past", self.columns]
        self.inputs.append(value(f"past_key_values.{name}", *dims))
        self.outputs.append(value(f"present.{name}", *dims[:2], "total", self.columns))
        return self("Concat", f"past_key_values.{name}", x, axis=2, name=f"present.{name}")

    def repeated(self, x):
        """Each head of keys or values as often as heads of queries share it."""
        apart = self("Unsqueeze", x, self.integers(2))

        def dims(first, last):
            return self("Slice", self("Shape", x), self.integers(first), self.integers(last), self.integers(0))

        many = self.integers(self.size.heads // self.size.groups)
        shape = self("Concat", dims(0, 2), many, dims(2, 4), axis=0)
        joined = self("Concat", dims(0, 1), self.integers(self.size.heads), dims(2, 4), axis=0)
        return self("Reshape", self("Expand", apart, shape), joined)

    def attention(self, queries, keys, values):
        if self.size.heads != self.size.groups:
            keys, values = self.repeated(keys), self.repeated(values)
        scores = self("MatMul", queries, self("Transpose", keys, perm=[0, 1, 3, 2]))
        scores = self("Add", self("Mul", scores, self.number(self.columns**-0.5)), "mask")
        return self("MatMul", self("Softmax", scores, axis=-1), values)

    def layer(self, x, i):
        _, width, heads, groups, inner, _ = self.size
        normed = self.norm(x, f"{i}.attention.norm")
        queries, keys, values = (
            self.split(self.linear(normed, f"{i}.{name}", width, count * self.columns), count)
            for name, count in (("queries", heads), ("keys", groups), ("values", groups))
        )
        keys, values = self.cached(self.rotated(keys), f"{i}.key"), self.cached(values, f"{i}.value")
        attended = self("Transpose", self.attention(self.rotated(queries), keys, values), perm=[0, 2, 1, 3])
        attended = self("Reshape", attended, self.integers(0, 0, width))
        x = self("Add", x, self.linear(attended, f"{i}.output", width, width))
        normed = self.norm(x, f"{i}.inner.norm")
        gate = self.linear(normed, f"{i}.gate", width, inner)
        up = self("Mul", self("Mul", gate, self("Sigmoid", gate)), self.linear(normed, f"{i}.up", width, inner))
        return self("Add", x, self.linear(up, f"{i}.down", inner, width))

    def build(self):
        _, width, _, _, _, vocabulary = self.size
        self.angles()
        self.mask()
        # Small beside what the layers add: or the next token would be the token again.
        x = self("Gather", self.weight("embedding", vocabulary, width, deviation=0.02), "input_ids", axis=0)
        for i in range(self.size.layers):
            x = self.layer(x, i)
        self("MatMul", self.norm(x, "norm"), self("Transpose", "embedding", perm=[1, 0]), name="logits")
        inputs = [
            value("input_ids", "batch", "sequence", dtype="i8"),
            value("attention_mask", "batch", "total", dtype="i8"),
            value("position_ids", "batch", "sequence", dtype="i8"),
        ]
        outputs = [value("logits", "batch", "sequence", vocabulary), *self.outputs]
        return model_of(self.nodes, inputs + self.inputs, outputs, self.weights)


class _SlotDecoder(_Decoder):
    """With a cache of a fixed size, into which each row of the batch writes where it has come to: TensorScatter, and
    Attention with the lengths of rows."""

    def __init__(self, size, source, room):
        super().__init__(size, source)
        self.room = room

    def norm(self, x, name):
        weight = self.weight(name, self.size.width, mean=1, deviation=1 / 8)
        return self("RMSNormalization", x, weight, epsilon=EPSILON)

    def cached(self, x, name):
        dims = ["batch", self.size.groups, self.room, self.columns]
        self.inputs.append(value(f"past_key_values.{name}", *dims))
        self.outputs.append(value(f"present.{name}", *dims))
        return self("TensorScatter", f"past_key_values.{name}", x, "before", name=f"present.{name}")

    def attention(self, queries, keys, values):
        return self("Attention", queries, keys, values, "", "", "", "lengths", is_causal=1)

    def build(self):
        _, width, _, _, _, vocabulary = self.size
        count = self("Gather", self("Shape", "input_ids"), self.integer(1), axis=0)
        own = self("Unsqueeze", self("Range", self.integer(0), count, self.integer(1)), self.integers(0))
        self("Add", self("Unsqueeze", "before", self.integers(1)), own, name="position_ids")
        self("Add", "before", count, name="lengths")
        self.angles()
        x = self("Gather", self.weight("embedding", vocabulary, width, deviation=0.02), "input_ids", axis=0)
        for i in range(self.size.layers):
            x = self.layer(x, i)
        self("MatMul", self.norm(x, "norm"), self("Transpose", "embedding", perm=[1, 0]), name="logits")
        inputs = [value("input_ids", "batch", "sequence", dtype="i8"), value("before", "batch", dtype="i8")]
        outputs = [value("logits", "batch", "sequence", vocabulary), *self.outputs]
        return model_of(self.nodes, inputs + self.inputs, outputs, self.weights, opset=24, ir_version=10)


def slot_decoder(size, random, room):
    """A model of that kind whose cache has a fixed room: input_ids, before [batch] (how many tokens each row has had),
    past_key_values.I.key and .value [batch, groups, room, columns] → logits, present.I.key and .value."""
    return _SlotDecoder(size, random_weights(random), room).build()


def decoder(size, weights):
    """A model of the kind of Llama: input_ids, attention_mask, position_ids, past_key_values.I.key and .value → logits,
    present.I.key and .value. weights: a random generator, or a function (name, shape, mean, deviation) → array."""
    return _Decoder(size, weights if callable(weights) else random_weights(weights)).build()


def stored_as(model, type):
    """The same decoder, whose matrices are stored in this type of ONNX, and cast to f32 where they are read."""
    if type == TensorProto.FLOAT:
        return model
    graph, casts = model.graph, []
    for tensor in graph.initializer:
        if len(tensor.dims) == 2 and tensor.data_type == TensorProto.FLOAT:
            name, array = tensor.name, numpy_helper.to_array(tensor)
            array = array.astype(helper.tensor_dtype_to_np_dtype(type))
            tensor.CopyFrom(numpy_helper.from_array(array, f"{name}.stored"))
            casts.append(helper.make_node("Cast", [tensor.name], [name], name=f"{name}.cast", to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return model


def greedy(model):
    """A Loop that runs such a decoder `steps` times, one token each, and takes the likeliest one as the next:
    steps, input_ids [batch, 1], attention_mask [batch, past], past_key_values… → tokens [steps, batch], present…

    The loop carries the cache and the mask, which grow in each step; weights lie in the graph around it.
    """
    graph = model.graph
    pasts, presents = list(graph.input)[3:], list(graph.output)[1:]
    constants = {"one": np.array([1]), "1": np.array(1)}
    before = [
        helper.make_node("Shape", ["input_ids"], ["loop.shape"]),
        helper.make_node("Expand", ["loop.one", "loop.shape"], ["loop.ones"]),
        helper.make_node("Concat", ["loop.mask", "loop.ones"], ["attention_mask"], axis=1),
        helper.make_node("ReduceSum", ["attention_mask", "loop.one"], ["loop.length"], keepdims=1),
        helper.make_node("Sub", ["loop.length", "loop.1"], ["position_ids"]),
    ]
    after = [
        helper.make_node("ArgMax", ["logits"], ["loop.next"], axis=-1, keepdims=0),
        helper.make_node("Squeeze", ["loop.next", "loop.one"], ["loop.token"]),
        helper.make_node("Identity", ["loop.goes_on"], ["loop.goes_on.next"]),
    ]
    token, mask = value("input_ids", "batch", 1, dtype="i8"), value("loop.mask", "batch", "past", dtype="i8")
    body = helper.make_graph(
        before + list(graph.node) + after,
        "step",
        [value("loop.step", dtype="i8"), value("loop.goes_on", dtype="?"), token, mask, *pasts],
        [
            value("loop.goes_on.next", dtype="?"),
            value("loop.next", "batch", 1, dtype="i8"),
            value("attention_mask", "batch", "total", dtype="i8"),
            *presents,
            value("loop.token", "batch", dtype="i8"),
        ],
    )
    carried = ["input_ids", "attention_mask", *(each.name for each in pasts)]
    # Names of the graph around a body are seen in it, and may not be given again.
    initial, last = ([f"{when}.{name}" for name in carried] for when in ("first", "last"))
    loop = helper.make_node("Loop", ["steps", "", *initial], [*last, "tokens"], name="generate", body=body)

    def renamed(info, name):
        copy = type(info)()
        copy.CopyFrom(info)
        copy.name = name
        return copy

    inputs = [value("steps", dtype="i8"), renamed(token, initial[0]), renamed(mask, initial[1])]
    inputs += [renamed(past, name) for past, name in zip(pasts, initial[2:], strict=True)]
    outputs = [value("tokens", "count", "batch", dtype="i8")]
    outputs += [renamed(present, name) for present, name in zip(presents, last[2:], strict=True)]
    initializers = list(graph.initializer)
    initializers += [numpy_helper.from_array(array, f"loop.{name}") for name, array in constants.items()]
    outer = helper.make_graph([loop], "greedy", inputs, outputs, initializers)
    return helper.make_model(outer, opset_imports=model.opset_import, ir_version=model.ir_version)


def first_inputs(model, token, random, past=0, batch=1, steps=8):
    """Inputs of greedy(decoder): a first token, behind so many positions of random keys and values."""
    inputs = {
        "steps": np.array(steps),
        "first.input_ids": np.full((batch, 1), token),
        "first.attention_mask": np.ones((batch, past), np.int64),
    }
    for info in list(model.graph.input)[3:]:
        dims = [dim.dim_value for dim in info.type.tensor_type.shape.dim]
        inputs[info.name] = random.standard_normal((batch, dims[1], past, dims[3]), np.float32)
    return inputs

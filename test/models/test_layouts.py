"""Networks whose inner ops want channels last, between transpositions, against ONNX Runtime.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import numpy as np
import pytest
from building import model_of, onnx_runtime, value
from onnx import helper
from tolerance import WHOLE_MODEL, assert_all_close

CHANNELS = 6


class Network:
    """Nodes one after the other, with constants of their own."""

    def __init__(self):
        self.nodes, self.constants = [], {}
        self.random = np.random.default_rng(5)

    def constant(self, array):
        name = f"constant{len(self.constants)}"
        self.constants[name] = np.asarray(array)
        return name

    def numbers(self, *shape):
        return self.constant(self.random.standard_normal(shape).astype("f4") / 2)

    def add(self, operator, *inputs, **attributes):
        name = f"{operator}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def reshape(self, x, *shape):
        return self.add("Reshape", x, self.constant(np.array(shape)))

    def mix(self, x, to=CHANNELS, of=CHANNELS):
        """A product over channels, which wants them last."""
        x = self.add("Transpose", x, perm=[0, 2, 3, 1])
        return self.add("Transpose", self.add("MatMul", x, self.numbers(of, to)), perm=[0, 3, 1, 2])


def residual(net, x):
    y = net.add("PRelu", net.mix(x), net.numbers(CHANNELS, 1, 1))
    return net.add("Add", net.mix(y), x)


def gate(net, x):
    mean = net.add("ReduceMean", net.mix(x), axes=[2, 3], keepdims=1)
    return net.add("Mul", net.mix(x), net.add("Sigmoid", net.mix(mean)))


def branches(net, x):
    y = net.add("Concat", net.mix(x), net.mix(x), x, axis=1)
    return net.mix(net.add("Relu", y), of=3 * CHANNELS)


def cut(net, x):
    x = net.add("Pad", net.mix(x), net.constant([0, 0, 1, 2, 0, 0, 1, 0]), mode="reflect")
    bounds = [net.constant(each) for each in ([1, 1], [100, -1], [2, 3], [1, 1])]
    return net.mix(net.add("Slice", x, *bounds))


def shuffle(net, x):
    x = net.reshape(net.mix(x), 0, 2, 3, 4, 5)
    x = net.reshape(net.add("Transpose", x, perm=[0, 2, 1, 3, 4]), 0, 6, 4, 5)
    return net.mix(x)


def depth_to_space(net, x):
    x = net.reshape(net.mix(x, to=8), 0, 2, 2, 2, 4, 5)
    x = net.reshape(net.add("Transpose", x, perm=[0, 3, 4, 1, 5, 2]), 0, 2, 8, 10)
    return net.mix(x, of=2)


def sequence(net, x):
    x = net.add("Transpose", net.reshape(net.mix(x), 0, CHANNELS, -1), perm=[0, 2, 1])
    return net.add("Softmax", x, axis=2)


def rows(net, x):
    x = net.add("Softmax", net.mix(x), axis=1)
    x = net.add("LayerNormalization", x, net.numbers(CHANNELS, 4, 5), net.numbers(CHANNELS, 4, 5), axis=1)
    return net.mix(net.add("CumSum", x, net.constant(np.int64(2))))


def classes(net, x):
    x = net.add("ReduceMax", net.mix(x), axes=[2, 3], keepdims=1)
    return net.add("Flatten", x)


def labels(net, x):
    return net.add("Cast", net.add("ArgMax", net.mix(x), axis=1, keepdims=0), to=1)


def masked(net, x):
    mask = net.constant(np.arange(20).reshape(4, 5) % 3 == 0)
    return net.mix(net.add("Where", mask, net.mix(x), net.numbers(CHANNELS, 4, 5)))


PARTS = [residual, gate, branches, cut, shuffle, depth_to_space, sequence, rows, classes, labels, masked]


@pytest.mark.parametrize("batch", [2, "batch"])
@pytest.mark.parametrize("part", PARTS)
def test_part(part, batch, compile_model):
    net = Network()
    stem = net.mix("x")
    last = part(net, stem)
    names = [last, stem]  # what is read inside is a result, too
    rank = {"sequence": 3, "classes": 2, "labels": 3}.get(part.__name__, 4)
    outputs = [value(last, *[None] * rank), value(stem, *[None] * 4)]
    model = model_of(net.nodes, [value("x", batch, CHANNELS, 4, 5)], outputs, net.constants)
    inputs = {"x": np.random.default_rng(6).standard_normal((2, CHANNELS, 4, 5)).astype("f4")}
    got = compile_model(model).run(inputs)
    assert sorted(got) == sorted(names)
    assert_all_close(got, onnx_runtime(model)(inputs), WHOLE_MODEL)

"""RNN, GRU and LSTM, against ONNX Runtime and the standard's formulas in NumPy.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import itertools
from typing import NamedTuple

import hone
import numpy as np
import pytest
from building import model_of, onnx_runtime, value
from onnx import helper, numpy_helper
from tolerance import Tolerance, assert_all_close

TOLERANCE = Tolerance(relative=1e-5, absolute=2e-6)
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
DEFAULTS = {"RNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"]}
DIRECTIONS = ["forward", "reverse", "bidirectional"]
INPUT, HIDDEN = 5, 7


# ---- What the standard says


FUNCTIONS = {
    "Relu": lambda x, a, b: np.maximum(x, 0),
    "Tanh": lambda x, a, b: np.tanh(x),
    "Sigmoid": lambda x, a, b: 1 / (1 + np.exp(-x)),
    "Affine": lambda x, a, b: a * x + b,
    "LeakyRelu": lambda x, a, b: np.where(x >= 0, x, a * x),
    "ThresholdedRelu": lambda x, a, b: np.where(x >= a, x, 0),
    "ScaledTanh": lambda x, a, b: a * np.tanh(b * x),
    "HardSigmoid": lambda x, a, b: np.clip(a * x + b, 0, 1),
    "Elu": lambda x, a, b: np.where(x >= 0, x, a * (np.exp(np.minimum(x, 0)) - 1)),
    "Softsign": lambda x, a, b: x / (1 + np.abs(x)),
    "Softplus": lambda x, a, b: np.log1p(np.exp(x)),
}
# How many numbers a function takes, and those it has where none are given.
NUMBERS = {
    "Affine": (1, 0),
    "LeakyRelu": (0.01,),
    "ThresholdedRelu": (1,),
    "ScaledTanh": (1, 1),
    "HardSigmoid": (0.2, 0.5),
    "Elu": (1,),
}


def functions_of(kind, count, attributes):
    """The functions of each direction: alphas and betas are taken in order by those that have some."""
    names = attributes.get("activations") or DEFAULTS[kind] * count
    alphas, betas = (iter(attributes.get(f"activation_{name}", ())) for name in ("alpha", "beta"))
    clip = attributes.get("clip", np.inf)
    result = []
    for i, name in enumerate(names):
        numbers = NUMBERS.get(name, ())
        a = next(alphas, numbers[0]) if len(numbers) > 0 else 0
        b = next(betas, numbers[1]) if len(numbers) > 1 else 0
        # The third function of LSTM gets c, which ONNX Runtime does not clip.
        most = clip if i % len(DEFAULTS[kind]) < 2 else np.inf
        result.append(lambda x, f=FUNCTIONS[name], a=a, b=b, most=most: f(np.clip(x, -most, most), a, b))
    return np.reshape(result, (count, -1))


def step(kind, x, h, c, recurrence, bias, peepholes, functions, attributes):
    """x: what the input gives to the gates, its biases in it. Returns the new h and c."""
    f, g = functions[0], functions[min(1, len(functions) - 1)]
    if kind == "RNN":
        return f(x + h @ recurrence.T + bias), c
    if kind == "GRU":
        (xz, xr, xn), (wz, wr, wn), (bz, br, bn) = (
            np.split(each, 3, -1 if each is x else 0) for each in (x, recurrence, bias)
        )
        z, r = f(xz + h @ wz.T + bz), f(xr + h @ wr.T + br)
        n = g(xn + (r * (h @ wn.T + bn) if attributes.get("linear_before_reset") else (r * h) @ wn.T + bn))
        return (1 - z) * n + z * h, c
    i, o, forget, new = np.split(x + h @ recurrence.T + bias, 4, -1)
    pi, po, pf = np.split(peepholes, 3)
    i = f(i + pi * c)
    forget = 1 - i if attributes.get("input_forget") else f(forget + pf * c)
    c = forget * c + i * g(new)
    return f(o + po * c) * functions[2](c), c


def expected_of(kind, inputs, **attributes):
    """The outputs by name, computed in f64."""
    layout, direction = attributes.get("layout", 0), attributes.get("direction", "forward")
    given = {name: array.astype("f8") if array.dtype.kind == "f" else array for name, array in inputs.items()}
    swap = (lambda array: array.swapaxes(0, 1)) if layout else (lambda array: array)
    x = swap(given["X"])
    (length, batch, _), count = x.shape, len(given["W"])
    hidden, gates = given["R"].shape[2], GATES[kind]
    biases = given.get("B", np.zeros((count, 2 * gates * hidden)))
    peepholes = given.get("P", np.zeros((count, 3 * hidden)))
    lengths = given.get("sequence_lens", np.full(batch, length))
    zero = np.zeros((count, batch, hidden))
    states = [swap(given[name]).copy() if name in given else zero.copy() for name in ("initial_h", "initial_c")]
    y = np.zeros((length, count, batch, hidden))
    functions = functions_of(kind, count, attributes)
    for d, row in itertools.product(range(count), range(batch)):
        h, c = (state[d, row : row + 1] for state in states)
        bias, other = np.split(biases[d], 2)
        steps = range(lengths[row])
        for t in reversed(steps) if direction == "reverse" or d == 1 else steps:
            gate = x[t, row : row + 1] @ given["W"][d].T + bias
            h, c = step(kind, gate, h, c, given["R"][d], other, peepholes[d], functions[d], attributes)
            y[t, d, row] = h[0]
        states[0][d, row], states[1][d, row] = h[0], c[0]
    outputs = {"Y": y.transpose(2, 0, 1, 3) if layout else y, "Y_h": swap(states[0]), "Y_c": swap(states[1])}
    names = ("Y", "Y_h", "Y_c") if kind == "LSTM" else ("Y", "Y_h")
    return {name: outputs[name].astype(inputs["X"].dtype) for name in names}


# ---- Models


INPUTS = ["X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P"]
WEIGHTS = ("W", "R", "B", "P")


class Cell(NamedTuple):
    """A model of one node, its weights, and how to feed it."""

    kind: str
    model: object
    weights: dict
    options: tuple
    attributes: dict

    def feed(self, length, batch, seed=1, lengths=None):
        random = np.random.default_rng(seed)
        count, layout = len(self.weights["W"]), self.attributes.get("layout", 0)
        dtype = self.weights["W"].dtype
        state = (batch, count, HIDDEN) if layout else (count, batch, HIDDEN)
        x = (batch, length, INPUT) if layout else (length, batch, INPUT)
        feed = {"X": random.standard_normal(x).astype(dtype)}
        feed |= {
            name: random.standard_normal(state).astype(dtype)
            for name in ("initial_h", "initial_c")
            if name in self.options
        }
        if "sequence_lens" in self.options:
            feed["sequence_lens"] = np.asarray(
                random.integers(min(1, length), length + 1, batch) if lengths is None else lengths, "i4"
            )
        return feed

    def expected(self, feed):
        return expected_of(self.kind, {**feed, **self.weights}, **self.attributes)


def cell(kind, direction="forward", options=("B",), outputs=None, dims=("t", "b"), dtype="f4", opset=17, **attributes):
    """options: which inputs there are beside X, W and R; dims: numbers or symbols of the steps and of the batch."""
    random = np.random.default_rng(0)
    count, rows, (t, b) = (2 if direction == "bidirectional" else 1), GATES[kind] * HIDDEN, dims
    shapes = {"W": (count, rows, INPUT), "R": (count, rows, HIDDEN), "B": (count, 2 * rows), "P": (count, 3 * HIDDEN)}
    options = tuple(name for name in options if kind == "LSTM" or name not in ("P", "initial_c"))
    present = ("X", "W", "R", *options)
    weights = {name: random.normal(0, 0.5, shapes[name]).astype(dtype) for name in WEIGHTS if name in present}
    layout = attributes.get("layout", 0)
    state = (b, count, HIDDEN) if layout else (count, b, HIDDEN)
    declared = {
        "X": value("X", *((b, t) if layout else (t, b)), INPUT, dtype=dtype),
        "sequence_lens": value("sequence_lens", b, dtype="i4"),
        "initial_h": value("initial_h", *state, dtype=dtype),
        "initial_c": value("initial_c", *state, dtype=dtype),
    }
    names = [name if name in present else "" for name in INPUTS[: 8 if kind == "LSTM" else 6]]
    all_outputs = ["Y", "Y_h", *(["Y_c"] if kind == "LSTM" else [])]
    given = [name if name in (outputs or all_outputs) else "" for name in all_outputs]
    attributes["direction"] = direction
    node = helper.make_node(kind, names, given, hidden_size=HIDDEN, **attributes)
    ranks = {"Y": 4, "Y_h": 3, "Y_c": 3}
    results = [value(name, *[None] * ranks[name], dtype=dtype) for name in given if name]
    inputs = [declared[name] for name in names if name in declared]
    model = model_of([node], inputs, results, weights, opset=opset)
    return Cell(kind, model, weights, options, attributes)


def check(made, compile_model, feeds, runtime=True):
    """As the formulas say, and as ONNX Runtime does."""
    library = compile_model(made.model)
    other = onnx_runtime(made.model) if runtime else None
    for feed in feeds:
        outputs, expected = library.run(feed), made.expected(feed)
        assert_all_close(outputs, {name: expected[name] for name in outputs}, TOLERANCE)
        if other and made_by_runtime(feed):
            assert_all_close(outputs, other(feed), TOLERANCE)


def made_by_runtime(feed):
    """ONNX Runtime takes no empty sequences."""
    return feed["X"].size > 0


LENGTHS_AND_BATCHES = [(5, 3), (1, 1), (1, 3), (6, 1), (0, 2), (3, 2)]

OPTIONS = {
    "plain": dict(options=()),
    "biased": dict(options=("B",)),
    "all": dict(options=("B", "initial_h", "initial_c", "P")),
    "lengths": dict(options=("B", "sequence_lens", "initial_h", "initial_c", "P")),
    "clipped": dict(options=("B", "P", "initial_h", "initial_c"), clip=0.4),
}
OF_KIND = {
    ("GRU", "linear"): dict(options=("B", "initial_h"), linear_before_reset=1),
    ("GRU", "linear_plain"): dict(options=("sequence_lens",), linear_before_reset=1),
    ("GRU", "linear_clipped"): dict(options=("B", "initial_h"), linear_before_reset=1, clip=0.3),
    ("LSTM", "coupled"): dict(options=("B", "P", "initial_h", "initial_c"), input_forget=1),
}
CASES = [(kind, name, given) for kind in GATES for name, given in OPTIONS.items()]
CASES += [(kind, name, given) for (kind, name), given in OF_KIND.items()]


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("kind, name, given", CASES, ids=[f"{kind}-{name}" for kind, name, _ in CASES])
def test_options(kind, name, given, direction, compile_model):
    made = cell(kind, direction, **given)
    check(made, compile_model, [made.feed(*sizes) for sizes in LENGTHS_AND_BATCHES])


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("kind", GATES)
def test_batch_first(kind, direction, compile_model):  # ONNX Runtime has no such layout
    made = cell(kind, direction, OPTIONS["lengths"]["options"], layout=1)
    check(made, compile_model, [made.feed(*sizes) for sizes in LENGTHS_AND_BATCHES], runtime=False)


@pytest.mark.parametrize(
    "kind, outputs", [(kind, [name]) for kind in GATES for name in ("Y", "Y_h")] + [("LSTM", ["Y_c"])]
)
def test_outputs_left_out(kind, outputs, compile_model):
    made = cell(kind, "bidirectional", outputs=outputs)
    check(made, compile_model, [made.feed(4, 2)])


@pytest.mark.parametrize("dims", [(4, 2), (1, 1), (1, "b"), ("t", 1), (0, 2)])
@pytest.mark.parametrize("kind", GATES)
def test_fixed_dims(kind, dims, compile_model):
    made = cell(kind, "bidirectional", OPTIONS["all"]["options"], dims=dims)
    check(made, compile_model, [made.feed(*(dim if isinstance(dim, int) else 3 for dim in dims))])


NAMED = [
    {"activations": [name], **({"activation_alpha": [0.4]} if len(numbers) > 0 else {}),
     **({"activation_beta": [0.3]} if len(numbers) > 1 else {})}
    for name, numbers in ((name, NUMBERS.get(name, ())) for name in FUNCTIONS)
]  # fmt: skip


@pytest.mark.parametrize("attributes", NAMED, ids=[each["activations"][0] for each in NAMED])
def test_activation(attributes, compile_model):
    made = cell("RNN", **attributes)
    check(made, compile_model, [made.feed(3, 2)])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_activation_without_numbers(name, compile_model):
    made = cell("RNN", activations=[name])
    # ONNX Runtime has other defaults than the standard.
    differs = name in ("Affine", "ScaledTanh", "ThresholdedRelu")
    check(made, compile_model, [made.feed(3, 2)], runtime=not differs)


def test_threshold_is_let_through(compile_model):
    made = cell("RNN", activations=["ThresholdedRelu"], activation_alpha=[0.0], options=())
    feed = {"X": np.zeros((2, 1, INPUT), "f4")}
    check(made, compile_model, [feed])


@pytest.mark.parametrize(
    "kind, direction, attributes",
    [
        ("LSTM", "forward", {"activations": ["HardSigmoid", "Tanh", "LeakyRelu"], "activation_alpha": [0.3, 0.5],
                             "activation_beta": [0.1]}),
        ("LSTM", "bidirectional", {"activations": ["Sigmoid", "Tanh", "Elu", "HardSigmoid", "Softsign", "Tanh"],
                                   "activation_alpha": [0.5, 0.3], "activation_beta": [0.4]}),
        ("GRU", "reverse", {"activations": ["Tanh", "Sigmoid"]}),
        ("GRU", "bidirectional", {"activations": ["Sigmoid", "Affine", "HardSigmoid", "Tanh"],
                                  "activation_alpha": [0.5, 0.3], "activation_beta": [0.4, 0.2], "clip": 0.7}),
        ("RNN", "bidirectional", {"activations": ["Relu", "Tanh"]}),
    ],
)  # fmt: skip
def test_activations(kind, direction, attributes, compile_model):
    made = cell(kind, direction, OPTIONS["all"]["options"], **attributes)
    check(made, compile_model, [made.feed(3, 2)])


@pytest.mark.parametrize("kind", GATES)
def test_a_row_without_steps(kind, compile_model):
    """It keeps the state that it begins with; ONNX Runtime gives 0."""
    made = cell(kind, "bidirectional", OPTIONS["lengths"]["options"])
    library = compile_model(made.model)
    for lengths in ([0, 3, 2], [3, 0, 0], [0, 0, 0]):
        feed = made.feed(3, 3, lengths=lengths)
        assert_all_close(library.run(feed), made.expected(feed), TOLERANCE)
    feed = made.feed(3, 0)
    assert library.run(feed)["Y"].shape == (3, 2, 0, HIDDEN)


@pytest.mark.parametrize("kind", GATES)
def test_behind_the_end_nothing_counts(kind, compile_model):
    made = cell(kind, "bidirectional", OPTIONS["lengths"]["options"])
    feed = made.feed(4, 2, lengths=[2, 3])
    feed["X"][2:, 0] = np.nan
    feed["X"][3:, 1] = np.inf
    outputs = compile_model(made.model).run(feed)
    assert_all_close(outputs, made.expected(feed), TOLERANCE)
    assert all(np.isfinite(array).all() for array in outputs.values())


@pytest.mark.parametrize("lengths, number", [([4, 1], 4), ([1, -1], -1)])
def test_wrong_lengths(lengths, number, compile_model):
    made = cell("LSTM", options=("sequence_lens",))
    with pytest.raises(hone.HoneError, match=rf"\(LSTM\): a length in sequence_lens is {number}, but may be 3 at most"):
        compile_model(made.model).run(made.feed(3, 2, lengths=lengths))


@pytest.mark.parametrize("kind", GATES)
def test_nan_stays_in_its_row(kind, compile_model):
    made = cell(kind, options=OPTIONS["all"]["options"])
    feed = made.feed(4, 3)
    feed["X"][1, 1, 0] = np.nan
    outputs = compile_model(made.model).run(feed)
    assert_all_close(outputs, made.expected(feed), TOLERANCE)
    assert np.isnan(outputs["Y"][1:, 0, 1]).all()


@pytest.mark.parametrize(
    "dtype, tolerance", [("f8", Tolerance(relative=1e-12, absolute=1e-14)), ("f2", Tolerance(absolute=2e-3))]
)
@pytest.mark.parametrize("kind", GATES)
def test_types(kind, dtype, tolerance, compile_model):
    made = cell(kind, "bidirectional", OPTIONS["lengths"]["options"], dtype=dtype)
    feed = made.feed(5, 3)
    assert_all_close(compile_model(made.model).run(feed), made.expected(feed), tolerance)


@pytest.mark.parametrize("kind", GATES)
def test_weights_that_are_inputs(kind, compile_model):
    """And whose dims the model does not tell, nor its hidden_size."""
    made = cell(kind, "bidirectional", OPTIONS["all"]["options"])
    model, graph = made.model, made.model.graph
    for name, array in made.weights.items():
        graph.input.append(value(name, *[f"{name}{i}" for i in range(array.ndim)]))
    graph.ClearField("initializer")
    del graph.node[0].attribute[[each.name for each in graph.node[0].attribute].index("hidden_size")]
    library = compile_model(model)
    feed = {**made.feed(4, 3), **made.weights}
    assert_all_close(library.run(feed), made.expected(feed), TOLERANCE)
    with pytest.raises(hone.HoneError, match="dim 1 of R and"):
        library.run({**feed, "R": np.zeros((2, GATES[kind] * HIDDEN + 1, HIDDEN), "f4")})


def test_lengths_that_are_known(compile_model, save, run_hone):
    """All rows as long as the tensor: nothing is masked."""
    made = cell("GRU", options=("sequence_lens",), dims=(3, 2))
    del made.model.graph.input[1]
    made.model.graph.initializer.append(numpy_helper.from_array(np.array([3, 3], "i4"), "sequence_lens"))
    feed = made.feed(3, 2, lengths=[3, 3])
    expected = made.expected(feed)
    del feed["sequence_lens"]
    assert_all_close(compile_model(made.model).run(feed), expected, TOLERANCE)
    text = run_hone("compile", save(made.model), "--emit=import", "-o", "-").stdout
    assert "scf.for" in text and "hone.select" not in text


def test_cells_in_a_row(compile_model):
    """Two bidirectional layers, as exporters write them, with a transposition and a reshape between."""
    random, nodes, constants = np.random.default_rng(3), [], {"shape": np.array([0, 0, -1])}
    for i, size in enumerate((INPUT, 2 * HIDDEN)):
        constants |= {f"W{i}": random.normal(0, 0.5, (2, 4 * HIDDEN, size)).astype("f4")}
        constants |= {f"R{i}": random.normal(0, 0.5, (2, 4 * HIDDEN, HIDDEN)).astype("f4")}
        nodes += [
            helper.make_node(
                "LSTM", [f"x{i}", f"W{i}", f"R{i}"], [f"y{i}"], hidden_size=HIDDEN, direction="bidirectional"
            ),
            helper.make_node("Transpose", [f"y{i}"], [f"t{i}"], perm=[0, 2, 1, 3]),
            helper.make_node("Reshape", [f"t{i}", "shape"], [f"x{i + 1}"]),
        ]
    model = model_of(nodes, [value("x0", "t", "b", INPUT)], [value("x2", "t", "b", 2 * HIDDEN)], constants)
    library, other = compile_model(model), onnx_runtime(model)
    for length, batch in ((5, 3), (1, 1), (9, 2)):
        feed = {"x0": random.standard_normal((length, batch, INPUT)).astype("f4")}
        assert_all_close(library.run(feed), other(feed), TOLERANCE)


def test_cell_in_a_loop(compile_model):
    """A loop in a loop: each step runs a cell over the whole sequence, and hands on its state."""
    made = cell("GRU", options=("initial_h",))
    node = made.model.graph.node[0]
    condition = [value(name, dtype="?") for name in ("ci", "co")]
    body_nodes = [helper.make_node("Identity", ["ci"], ["co"]), node]
    state = [value(name, 1, "b", HIDDEN) for name in ("initial_h", "Y_h")]
    body = helper.make_graph(
        body_nodes, "body", [value("i", dtype="i8"), condition[0], state[0]], [condition[1], state[1]]
    )
    loop = helper.make_node("Loop", ["m", "", "h"], ["last"], body=body)
    inputs = [value("m", dtype="i8"), value("X", "t", "b", INPUT), value("h", 1, "b", HIDDEN)]
    model = model_of([loop], inputs, [value("last", 1, "b", HIDDEN)], made.weights)
    library, other, feed = compile_model(model), onnx_runtime(model), made.feed(3, 2)
    for m in (0, 1, 4):
        given = {"m": np.array(m), "X": feed["X"], "h": feed["initial_h"]}
        assert_all_close(library.run(given), other(given), TOLERANCE)

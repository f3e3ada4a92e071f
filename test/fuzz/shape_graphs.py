"""Random models whose data decide on shapes, and data sets for them at the edges of 64 bits.

A graph has float and integer tensors with open dims (also empty ones with huge dims), int64 inputs of a few elements,
and arithmetic over both. The results are shapes, positions, counts, paddings and axes of further operators. Everything
comes from one random.Random, so that a seed is a graph.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import dataclasses

import numpy as np
from onnx import TensorProto, helper, numpy_helper

TYPES = {
    "f32": (TensorProto.FLOAT, np.float32),
    "f64": (TensorProto.DOUBLE, np.float64),
    "i32": (TensorProto.INT32, np.int32),
    "i64": (TensorProto.INT64, np.int64),
    "i8": (TensorProto.INT8, np.int8),
    "u8": (TensorProto.UINT8, np.uint8),
    "u64": (TensorProto.UINT64, np.uint64),
    "bool": (TensorProto.BOOL, np.bool_),
}
MAX_RANK = 4
MAX_DATA_INPUTS = 6
MAX_NODES = 60
MAX_OUTPUTS = 6
MAX_ELEMENTS = 4096  # of an input that is not empty


@dataclasses.dataclass(frozen=True)
class Value:
    name: str
    type: str
    rank: int
    length: int | None = None  # of a vector whose length is fixed


@dataclasses.dataclass(frozen=True)
class Input:
    name: str
    type: str
    dims: tuple  # sizes, or symbols
    hint: str  # what its elements are used for


def wrap(number):
    """As a signed number of 64 bits."""
    return (number + 2**63) % 2**64 - 2**63


def edge(random):
    power = random.choice([31, 32, 33, 46, 47, 48, 52, 53, 59, 60, 61, 61, 62, 62, 63, 63, 63, 64])
    return wrap(random.choice([-1, 1]) * 2**power + random.choice([0, 0, 0, 1, -1, 2, -2, random.randint(-20, 20)]))


POSITIONS = [0, 0, 1, 2, 3, -1, -2, -3, 5, 8, 2**20, 2**20 + 1, 2**31 - 1, 2**63 - 1, -(2**63)]

#: Values that are usual for each use.
USUAL = {
    "any": lambda r: r.randint(-3, 6),
    "dims": lambda r: r.choice([0, 1, 1, 2, 2, 3, 4]),
    "repeats": lambda r: r.choice([0, 1, 1, 2, 3]),
    "position": lambda r: r.choice(POSITIONS + [r.randint(-9, 9)]),
    "step": lambda r: r.choice([1, 1, 2, -1, -1, -2, 3]),
    "padding": lambda r: r.randint(-2, 3),
    "index": lambda r: r.choice([0, 0, 1, -1, 2, -2]),
    "axis": lambda r: r.choice([0, 0, 1, -1]),
    "count": lambda r: r.choice([0, 1, 1, 2, 3]),
    "product": lambda r: r.choice([-1, 0, 1, 1, 2, 3, 4]),
    "sum": lambda r: r.choice([0, 1, 1, 2, 3]),
}


class Graph:
    """model: the ONNX model; inputs: what it takes, in order."""

    def __init__(self, random):
        self.random = random
        self.nodes, self.initializers = [], []
        self.inputs, self.tensors, self.vectors = [], [], []
        self.used, self.indexed = set(), set()
        self.opset = random.choice([18, 21])
        for i in range(random.randint(1, 2)):
            rank = random.choice([1, 1, 2, 2, 3])
            dims = tuple(random.choice("nmknmknmk1230") for _ in range(rank))
            dims = tuple(int(dim) if dim.isdigit() else dim for dim in dims)
            self.tensors.append(self.input(f"x{i}", random.choice(["f32", "f32", "f32", "i64", "i32"]), dims, "data"))
        for _ in range(random.randint(1, 4)):
            if len(self.nodes) < MAX_NODES:
                # A chain: what one operator made of hostile values is what the next one reads.
                source = self.tensors[-1] if random.random() < 0.6 else random.choice(self.tensors)
                random.choice(STEPS)(self, source)
        self.model = self.finish()

    def finish(self):
        # What reads at positions from data is a result, so that no compiler can leave it out.
        results = [v for v in self.tensors if v.name in self.indexed]
        results += [v for v in self.tensors + self.vectors if v.name not in self.used and v.name[0] == "v"]
        results = list({v.name: v for v in results}.values())
        self.random.shuffle(results)
        results.sort(key=lambda v: v.name not in self.indexed)
        extra = [v for v in self.tensors + self.vectors if v.name in self.used and v.name[0] == "v"]
        self.random.shuffle(extra)
        results = (results + extra[: self.random.randint(0, 2)])[:MAX_OUTPUTS]
        if not results:
            results = [self.node("Identity", [self.tensors[0]], like=self.tensors[0])]
        outputs = [helper.make_tensor_value_info(v.name, TYPES[v.type][0], [None] * v.rank) for v in results]
        self.drop_unused({v.name for v in results})
        inputs = [helper.make_tensor_value_info(i.name, TYPES[i.type][0], i.dims) for i in self.inputs]
        graph = helper.make_graph(self.nodes, "g", inputs, outputs, self.initializers)
        return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", self.opset)])

    def drop_unused(self, needed):
        kept = []
        for node in reversed(self.nodes):
            if needed.intersection(node.output):
                needed |= set(node.input)
                kept.append(node)
        self.nodes = kept[::-1]
        self.initializers = [i for i in self.initializers if i.name in needed]
        self.inputs = [i for i in self.inputs if i.name in needed]

    # -- Nodes

    def input(self, name, type_, dims, hint):
        self.inputs.append(Input(name, type_, dims, hint))
        length = dims[0] if len(dims) == 1 and isinstance(dims[0], int) else None
        return Value(name, type_, len(dims), length)

    def node(self, op, inputs, type=None, rank=None, length=None, like=None, outputs=1, **attributes):
        """A node with results of one type and rank; `like` gives what is not said. None is an input left out."""
        if like:
            type, length = type or like.type, like.length if rank is None else length
            rank = like.rank if rank is None else rank
        names = [f"v{len(self.nodes)}_{i}" for i in range(outputs)]
        inputs = [v.name if v else "" for v in inputs]
        while inputs and not inputs[-1]:
            inputs.pop()
        self.used.update(inputs)
        self.nodes.append(helper.make_node(op, inputs, names, **attributes))
        if op.startswith(("Gather", "Scatter", "Slice")) and not (length and type == "i64"):
            self.indexed.update(names)
        values = [Value(name, type, rank, length) for name in names]
        return values[0] if outputs == 1 else values

    def constant(self, array, type_="i64"):
        name = f"c{len(self.initializers)}"
        array = np.array(array, TYPES[type_][1])
        self.initializers.append(numpy_helper.from_array(array, name))
        return Value(name, type_, array.ndim, array.shape[0] if array.ndim == 1 else None)

    # -- Vectors and scalars of int64

    def number(self, hint="any", edges=0.15):
        return edge(self.random) if self.random.random() < edges else USUAL[hint](self.random)

    def vector(self, length, hint="any", depth=None):
        """An int64 vector of `length` elements."""
        depth = self.random.choice([0, 0, 1, 1, 2, 3]) if depth is None else depth
        if length == 0:
            return self.constant(np.zeros(0))
        if depth <= 0 or len(self.nodes) >= MAX_NODES:
            return self.leaf(length, hint)
        arithmetic = ARITHMETIC if self.random.random() < 0.995 else [chain]
        result = self.random.choice(arithmetic)(self, length, hint, depth - 1)
        assert result.length == length and result.type == "i64", result
        if self.random.random() < 0.2:
            self.vectors.append(result)
        return result

    def leaf(self, length, hint):
        choice = self.random.random()
        if choice < 0.45 and sum(i.hint != "data" for i in self.inputs) < MAX_DATA_INPUTS:
            if self.random.random() < 0.2:
                type_ = self.random.choice(["i32", "i32", "i8", "u8", "u64", "bool"])
                other = self.input(f"s{len(self.inputs)}", type_, (length,), hint)
                return self.node("Cast", [other], "i64", 1, length, to=TensorProto.INT64)
            return self.input(f"s{len(self.inputs)}", "i64", (length,), hint)
        tensors = [t for t in self.tensors if t.rank]
        if choice < 0.85 and tensors:
            tensor = self.random.choice(tensors)
            shape = self.node("Shape", [tensor], "i64", 1, tensor.rank)
            if tensor.rank == length and self.random.random() < 0.6:
                return shape
            indices = [self.random.randint(-tensor.rank, tensor.rank - 1) for _ in range(length)]
            return self.node("Gather", [shape, self.constant(indices)], "i64", 1, length)
        if self.random.random() < 0.2:
            return self.constant([self.number(hint)] * length)  # one value that widens what it meets
        return self.constant([self.number(hint) for _ in range(length)])

    def scalar(self, hint="any", depth=None):
        """An int64 tensor without dims."""
        choice = self.random.random()
        if choice < 0.2:
            return self.constant(self.number(hint))
        if choice < 0.4 and sum(i.hint != "data" for i in self.inputs) < MAX_DATA_INPUTS:
            return self.input(f"s{len(self.inputs)}", "i64", (), hint)
        if choice < 0.5:
            return self.node("Size", [self.random.choice(self.tensors)], "i64", 0)
        if choice < 0.6:
            vector = self.vector(self.random.randint(1, 3), hint, depth)
            op = self.random.choice(["ReduceProd", "ReduceSum", "ReduceMax", "ReduceMin"])
            return self.node(op, [vector], "i64", 0, keepdims=0)
        if choice < 0.8:
            vector = self.vector(self.random.randint(1, 3), hint, depth)
            index = self.random.randint(-vector.length, vector.length - 1)
            return self.node("Gather", [vector, self.constant(index)], "i64", 0)
        return self.node("Squeeze", [self.vector(1, hint, depth), self.constant([0])], "i64", 0)


# -- How a vector of a length comes to be. Each takes (graph, length, hint, depth).


def binary(g, length, hint, depth):
    op = g.random.choice(["Add", "Add", "Sub", "Mul", "Mul", "Mul", "Div", "Mod"])
    left = g.vector(length, hint, depth)
    if g.random.random() < 0.15:
        return g.node(op, [left, left], like=left)
    right = g.vector(g.random.choice([length, 1]), "any" if op in ("Add", "Sub") else "dims", depth - 1)
    if op in ("Div", "Mod") and g.random.random() < 0.8:
        right = g.node("Max", [right, g.constant([1])], like=right)
    return g.node(op, [left, right] if g.random.random() < 0.7 or op in ("Div", "Mod") else [right, left], like=left)


def there_and_back(g, length, hint, depth):
    """Arithmetic that undoes itself modulo 2^64, so that usual values come out of huge intermediate ones."""
    value = g.vector(length, hint, depth)
    if g.random.random() < 0.5:
        number = edge(g.random)
        there = g.node("Add", [value, g.constant([number])], like=value)
        return g.node("Sub", [there, g.constant([number])], like=value)
    odd = g.random.choice([3, 5, 7, g.random.getrandbits(63) | 1])
    there = g.node("Mul", [value, g.constant([wrap(odd)])], like=value)
    return g.node("Mul", [there, g.constant([wrap(pow(odd, -1, 2**64))])], like=value)


def times_inverse(g, length, hint, depth):
    value = g.vector(length, hint, depth)
    odd = g.random.choice([3, 5, 7])
    return g.node("Mul", [value, g.constant([wrap(pow(odd, -1, 2**64))])], like=value)


def bounded(g, length, hint, depth):
    value = g.vector(length, hint, depth)
    low = g.constant([g.random.choice([0, 0, 1, -1, 2, -(2**63)])])
    high = g.constant([g.random.choice([2**63 - 1, 2**63 - 2, 2**62, 2**47, 2**31, 8, 4])])
    choice = g.random.random()
    if choice < 0.4:
        value = g.node("Max", [value, low], like=value)
        return g.node("Min", [value, high], like=value) if g.random.random() < 0.7 else value
    if choice < 0.6:
        return g.node("Min", [value, high], like=value)
    if choice < 0.8:
        return g.node(g.random.choice(["Max", "Min"]), [value, g.vector(length, "any", depth - 1)], like=value)
    scalars = [g.constant(g.random.choice([0, -1, 1])), g.constant(g.random.choice([2**63 - 2, 2**40, 5]))]
    return g.node("Clip", [value, *scalars], like=value)


def scaled(g, length, hint, depth):
    """A bounded value or a dim, times a small number: range analysis may think that it cannot wrap."""
    value = bounded(g, length, hint, depth) if g.random.random() < 0.5 else g.vector(length, hint, 0)
    if g.random.random() < 0.5:
        return g.node("Add", [value, value], like=value)
    return g.node("Mul", [value, g.constant([g.random.choice([2, 4, 8, 16])])], like=value)


def unary(g, length, hint, depth):
    value = g.vector(length, hint, depth)
    op = g.random.choice(["Neg", "Abs", "Sign", "Identity"])
    return g.node(op, [value], like=value)


def narrow(g, length, hint, depth):
    value = g.vector(length, hint, depth)
    small = g.node("Cast", [value], "i32", 1, length, to=TensorProto.INT32)
    if g.random.random() < 0.5:
        op = g.random.choice(["Add", "Mul", "Sub", "Max"])
        small = g.node(op, [small, g.constant([g.random.choice([1, 2, 3, 2**31 - 1])], "i32")], like=small)
    return g.node("Cast", [small], "i64", 1, length, to=TensorProto.INT64)


def through_floats(g, length, hint, depth):
    value = g.vector(length, hint, depth)
    type_ = g.random.choice(["f32", "f64"])
    number = g.node("Cast", [value], type_, 1, length, to=TYPES[type_][0])
    choice = g.random.random()
    if choice < 0.4:
        factor = g.random.choice([0.5, 2.0, 1.5, 0.25, 3.0, 4.0, -1.0, 1e10])
        number = g.node(g.random.choice(["Mul", "Div"]), [number, g.constant([factor], type_)], like=number)
    if choice < 0.6:
        number = g.node(g.random.choice(["Floor", "Ceil"]), [number], like=number)
    elif choice < 0.7:
        number = g.node("Sqrt", [number], like=number)
    return g.node("Cast", [number], "i64", 1, length, to=TensorProto.INT64)


def where(g, length, hint, depth):
    left, right = g.vector(length, hint, depth), g.vector(g.random.choice([length, 1]), "any", depth - 1)
    op = g.random.choice(["Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual"])
    condition = g.node(op, [left, right], "bool", 1, length)
    if g.random.random() < 0.3:
        condition = g.node("Not", [condition], like=condition)
    if g.random.random() < 0.3:
        other = g.node("Less", [left, g.constant([g.number(hint)])], "bool", 1, length)
        condition = g.node(g.random.choice(["And", "Or", "Xor"]), [condition, other], like=condition)
    return g.node("Where", [condition, left, g.vector(length, hint, depth - 1)], like=left)


def concat(g, length, hint, depth):
    if length < 2:
        return g.node("Concat", [g.vector(1, hint, depth)], "i64", 1, 1, axis=0)
    first = g.random.randint(1, length - 1)
    parts = [g.vector(first, hint, depth), g.vector(length - first, hint, depth)]
    return g.node("Concat", parts, "i64", 1, length, axis=g.random.choice([0, -1]))


def part(g, length, hint, depth):
    more = g.random.randint(0, 2)
    whole = g.vector(length + more, hint, depth)
    choice = g.random.random()
    if choice < 0.4:
        first = g.random.randint(0, more)
        ends = [first + length] if first + length < whole.length or g.random.random() < 0.5 else [2**63 - 1]
        return g.node("Slice", [whole, g.constant([first]), g.constant(ends), g.constant([0])], "i64", 1, length)
    if choice < 0.6:
        ends = [length - 1 - whole.length - length] if more == 0 else [more - 1 - whole.length]
        inputs = [whole, g.constant([-1]), g.constant(ends), g.constant([0]), g.constant([-1])]
        return g.node("Slice", inputs, "i64", 1, length)
    if choice < 0.8 and more:
        parts = g.constant([length, more])
        return dataclasses.replace(g.node("Split", [whole, parts], "i64", 1, length, outputs=2, axis=0)[0])
    indices = g.constant([g.random.randint(-whole.length, whole.length - 1) for _ in range(length)])
    return g.node(g.random.choice(["Gather", "GatherElements"]), [whole, indices], "i64", 1, length, axis=0)


def from_scalar(g, length, hint, depth):
    value = g.node("Unsqueeze", [g.scalar(hint, depth), g.constant([0])], "i64", 1, 1)
    return value if length == 1 else g.node("Expand", [value, g.constant([length])], "i64", 1, length)


def reduced(g, length, hint, depth):
    rows = g.random.randint(1, 3)
    flat = g.vector(rows * length, hint, depth)
    matrix = g.node("Reshape", [flat, g.constant([rows, length])], "i64", 2)
    op = g.random.choice(["ReduceProd", "ReduceProd", "ReduceSum", "ReduceMax", "ReduceMin"])
    return g.node(op, [matrix, g.constant([0])], "i64", 1, length, keepdims=0)


def along(g, length, hint, depth):
    """Operators whose elements depend on each other."""
    value = g.vector(length, hint, depth)
    choice = g.random.random()
    if choice < 0.4:
        flags = {"exclusive": g.random.randint(0, 1), "reverse": g.random.randint(0, 1)}
        return g.node("CumSum", [value, g.constant(0)], like=value, **flags)
    if choice < 0.6:
        largest = g.random.randint(0, 1)
        return g.node("TopK", [value, g.constant([length])], like=value, outputs=2, largest=largest)[0]
    indices = g.constant([[g.random.randint(-length, length - 1)]])
    return g.node("ScatterND", [value, indices, g.vector(1, hint, depth - 1)], like=value)


def from_matrix(g, length, hint, depth):
    """One row of an input of rank 2."""
    if sum(i.hint != "data" for i in g.inputs) >= MAX_DATA_INPUTS:
        return g.leaf(length, hint)
    rows = g.random.choice([1, 2, 3, "n"])
    matrix = g.input(f"s{len(g.inputs)}", "i64", (rows, length), hint)
    return g.node("Gather", [matrix, g.scalar("index", 0)], "i64", 1, length, axis=0)


def from_table(g, length, hint, depth):
    """Elements of a constant of a few KiB, at positions from data."""
    table = g.constant([g.number(hint, 0.05) for _ in range(g.random.choice([130, 500, 4096]))])
    indices = g.vector(length, "index", depth)
    if g.random.random() < 0.5:
        indices = g.node("Mod", [indices, g.constant([table.length])], like=indices)
    return g.node("Gather", [table, indices], "i64", 1, length, axis=0)


def chain(g, length, hint, depth):
    """Hundreds of operators, each on the one before."""
    value = g.vector(length, hint, depth)
    for i in range(g.random.choice([100, 300])):
        op = g.random.choice(["Add", "Sub", "Mul", "Max", "Min"])
        other = {"Mul": -1, "Max": -(2**62), "Min": 2**62}.get(op, g.random.randint(-1, 1))
        value = g.node(op, [value, g.constant([other])], like=value)
    return value


ARITHMETIC = [binary] * 4 + [bounded] * 3 + [scaled] * 3 + [concat] * 3
ARITHMETIC += [there_and_back, times_inverse, unary, narrow, through_floats, where, where, part, part, from_scalar]
ARITHMETIC += [reduced, along, from_matrix, from_table]


# -- Operators on tensors. Each takes (graph, tensor) and appends what it makes to graph.tensors.


def step(function):
    def run(g, x):
        results = function(g, x)
        results = results if isinstance(results, list) else [results]
        g.tensors.extend(v for v in results if v and v.rank <= MAX_RANK)

    return run


def reshape(g, x):
    rank = g.random.randint(1, 3)
    allow_zero = g.random.choice([0, 0, 1])
    return g.node("Reshape", [x, g.vector(rank, "product")], x.type, rank, allowzero=allow_zero)


def reshape_mixed(g, x):
    """[-1, …], [0, …]: dims of the input beside given ones."""
    parts = [g.constant([g.random.choice([-1, -1, 0])])] + [g.vector(1, "dims") for _ in range(g.random.randint(1, 2))]
    g.random.shuffle(parts)
    shape = g.node("Concat", parts, "i64", 1, len(parts), axis=0)
    return g.node("Reshape", [x, shape], x.type, len(parts), allowzero=g.random.choice([0, 0, 1]))


def view_and_read(g, x):
    """Positions in a tensor whose dims came from data."""
    rank = g.random.randint(2, 3)
    view = g.node("Reshape", [x, g.vector(rank, "product", g.random.choice([0, 0, 0, 1]))], x.type, rank)
    if g.random.random() < 0.3:
        return gather(g, view)
    count = g.random.randint(1, rank)
    starts, ends = (g.vector(count, "position", g.random.choice([0, 0, 1])) for _ in range(2))
    return g.node("Slice", [view, starts, ends], x.type, rank)


def expand(g, x):
    count = g.random.randint(1, 3)
    return g.node("Expand", [x, g.vector(count, "dims")], x.type, max(x.rank, count))


def tile(g, x):
    return g.node("Tile", [x, g.vector(x.rank, "repeats")], x.type, x.rank) if x.rank else None


def slice_(g, x):
    if not x.rank:
        return None
    count = g.random.randint(1, x.rank)
    starts, ends = g.vector(count, "position"), g.vector(count, "position")
    axes, steps = None, None
    if g.random.random() < 0.6:
        axes = g.constant(g.random.sample(range(x.rank), count))
        if g.random.random() < 0.2 and count == 1:
            axes = g.vector(1, "axis")
        if g.random.random() < 0.6:
            steps = g.vector(count, "step")
    return g.node("Slice", [x, starts, ends, axes, steps], x.type, x.rank)


def split(g, x):
    if not x.rank:
        return None
    count = g.random.randint(1, 4)
    axis = g.random.randint(-x.rank, x.rank - 1)
    if g.random.random() < 0.15:
        return g.node("Split", [x], x.type, x.rank, outputs=count + 1, axis=axis, num_outputs=count + 1)
    parts = g.node("Split", [x, g.vector(count, "sum")], x.type, x.rank, outputs=count, axis=axis)
    parts = parts if isinstance(parts, list) else [parts]
    return g.random.sample(parts, g.random.randint(1, count))  # what nobody uses need not fit into memory


def pad(g, x):
    if not x.rank:
        return None
    mode = g.random.choice(["constant", "constant", "edge", "reflect"] + ["wrap"] * (g.opset >= 19))
    value = g.constant(7, x.type) if g.random.random() < 0.4 else None
    axes, count = None, x.rank
    if g.random.random() < 0.3:
        count = g.random.randint(1, x.rank)
        axes = g.constant(g.random.sample(range(x.rank), count))
    return g.node("Pad", [x, g.vector(2 * count, "padding"), value, axes], x.type, x.rank, mode=mode)


def constant_of_shape(g, x):
    rank = g.random.randint(1, 3)
    value = numpy_helper.from_array(np.array([g.random.randint(0, 3)], TYPES[x.type][1]))
    return g.node("ConstantOfShape", [g.vector(rank, "dims")], x.type, rank, value=value)


def range_(g, x):
    scalars = [g.scalar("any"), g.scalar("any"), g.scalar("step")]
    type_ = g.random.choice(["i64", "i64", "i64", "i32", "f32"])
    if type_ != "i64":
        scalars = [g.node("Cast", [s], type_, 0, to=TYPES[type_][0]) for s in scalars]
    return g.node("Range", scalars, type_, 1)


def gather(g, x):
    if not x.rank:
        return None
    axis = g.random.randint(-x.rank, x.rank - 1)
    if g.random.random() < 0.4:
        return g.node("Gather", [x, g.scalar("index")], x.type, x.rank - 1, axis=axis)
    indices = g.vector(g.random.randint(1, 3), "index")
    return g.node("Gather", [x, indices], x.type, x.rank, axis=axis)


def gather_elements(g, x):
    if not x.rank:
        return None
    axis = g.random.randint(0, x.rank - 1)
    length = g.random.randint(1, 3)
    indices = g.vector(length, "index")
    if x.rank > 1:
        dims = [1] * x.rank
        dims[axis] = length
        indices = g.node("Reshape", [indices, g.constant(dims)], "i64", x.rank)
    return g.node("GatherElements", [x, indices], x.type, x.rank, axis=axis)


def gather_nd(g, x):
    if not x.rank:
        return None
    length = g.random.randint(1, x.rank)
    indices = g.vector(length, "index")
    if g.random.random() < 0.5:
        indices = g.node("Reshape", [indices, g.constant([1, length])], "i64", 2)
    return g.node("GatherND", [x, indices], x.type, indices.rank - 1 + x.rank - length)


def scatter_elements(g, x):
    if x.rank != 1:
        return None
    length = g.random.randint(1, 3)
    updates = g.node("Cast", [g.vector(length)], x.type, 1, length, to=TYPES[x.type][0])
    reduction = g.random.choice(["none", "add", "max"])
    inputs = [x, g.vector(length, "index"), updates]
    return g.node("ScatterElements", inputs, x.type, 1, axis=0, reduction=reduction)


def scatter_nd(g, x):
    if not x.rank:
        return None
    full = x.rank == 1 or g.random.random() < 0.5
    length = x.rank if full else 1
    indices = g.node("Reshape", [g.vector(length, "index"), g.constant([1, length])], "i64", 2)
    if full:
        updates = g.node("Cast", [g.vector(1)], x.type, 1, to=TYPES[x.type][0])
    else:
        updates = g.node("Gather", [x, g.constant([0])], x.type, x.rank, axis=0)
    return g.node("ScatterND", [x, indices, updates], x.type, x.rank)


def one_hot(g, x):
    indices = g.vector(g.random.randint(1, 3), "index")
    values = g.constant([0, 1], "f32")
    depth = g.scalar("count") if g.random.random() < 0.5 else g.vector(1, "count")
    return g.node("OneHot", [indices, depth, values], "f32", 2, axis=g.random.choice([-1, 0]))


def top_k(g, x):
    if not x.rank:
        return None
    flags = {"axis": g.random.randint(-x.rank, x.rank - 1), "largest": g.random.randint(0, 1)}
    values, places = g.node("TopK", [x, g.vector(1, "count")], x.type, x.rank, outputs=2, **flags)
    return [values, dataclasses.replace(places, type="i64")]


def trilu(g, x):
    if x.rank < 2:
        return None
    return g.node("Trilu", [x, g.scalar("index")], x.type, x.rank, upper=g.random.randint(0, 1))


def cum_sum(g, x):
    if not x.rank:
        return None
    axis = g.scalar("axis") if g.random.random() < 0.4 else g.constant(g.random.randint(-x.rank, x.rank - 1))
    flags = {"exclusive": g.random.randint(0, 1), "reverse": g.random.randint(0, 1)}
    return g.node("CumSum", [x, axis], x.type, x.rank, **flags)


def unsqueeze(g, x):
    axes = g.vector(1, "axis") if g.random.random() < 0.6 else g.constant([g.random.randint(0, x.rank)])
    result = g.node("Unsqueeze", [x, axes], x.type, x.rank + 1)
    if g.random.random() < 0.3:
        return g.node("Squeeze", [result, axes], x.type, x.rank)
    return result


def squeeze(g, x):
    if not x.rank:
        return None
    return g.node("Squeeze", [x, g.vector(1, "axis")], x.type, x.rank - 1)


def reduce(g, x):
    if not x.rank:
        return None
    axes = g.random.sample(range(x.rank), g.random.randint(1, x.rank))
    keep = g.random.randint(0, 1)
    op = g.random.choice(["ReduceSum", "ReduceMax", "ReduceMin"] + ["ReduceMean"] * (x.type == "f32"))
    rank = x.rank if keep else x.rank - len(axes)
    return g.node(op, [x, g.constant(axes)], x.type, rank, keepdims=keep)


def arg_max(g, x):
    if not x.rank:
        return None
    keep = g.random.randint(0, 1)
    axis = g.random.randint(0, x.rank - 1)
    return g.node(g.random.choice(["ArgMax", "ArgMin"]), [x], "i64", x.rank - 1 + keep, axis=axis, keepdims=keep)


def concat_tensors(g, x):
    others = [t for t in g.tensors if t.rank == x.rank and t.type == x.type]
    if not x.rank:
        return None
    axis = g.random.randint(-x.rank, x.rank - 1)
    return g.node("Concat", [x, g.random.choice(others + [x])], x.type, x.rank, axis=axis)


def element_wise(g, x):
    others = [t for t in g.tensors if t.type == x.type]
    other = g.random.choice(others + [x, g.constant(1, x.type), g.constant([2] * g.random.randint(1, 3), x.type)])
    op = g.random.choice(["Add", "Mul", "Max", "Sub", "Where"])
    rank = max(x.rank, other.rank)
    if op == "Where":
        condition = g.node("Less", [x, other], "bool", rank)
        return g.node("Where", [condition, x, other], x.type, rank)
    return g.node(op, [x, other], x.type, rank)


def rows(g, x):
    if not x.rank or x.type != "f32":
        return None
    op = g.random.choice(["Softmax", "LogSoftmax", "Hardmax", "LpNormalization"])
    return g.node(op, [x], x.type, x.rank, axis=g.random.randint(-x.rank, x.rank - 1))


def mat_mul(g, x):
    if x.rank < 2 or x.type != "f32":
        return None
    order = list(range(x.rank - 2)) + [x.rank - 1, x.rank - 2]
    return g.node("MatMul", [x, g.node("Transpose", [x], x.type, x.rank, perm=order)], x.type, x.rank)


def transpose(g, x):
    return g.node("Transpose", [x], x.type, x.rank, perm=g.random.sample(range(x.rank), x.rank)) if x.rank else None


def flatten(g, x):
    return g.node("Flatten", [x], x.type, 2, axis=g.random.randint(0, x.rank))


def simple(g, x):
    if g.random.random() < 0.5:
        return g.node(g.random.choice(["Abs", "Neg", "Identity"]), [x], x.type, x.rank)
    type_ = g.random.choice([t for t in ("f32", "i64") if t != x.type])
    return g.node("Cast", [x], type_, x.rank, to=TYPES[type_][0])


DECIDED_BY_DATA = [
    reshape,
    reshape,
    view_and_read,
    view_and_read,
    reshape_mixed,
    expand,
    tile,
    slice_,
    slice_,
    slice_,
    split,
    split,
    pad,
    pad,
]
DECIDED_BY_DATA += [constant_of_shape, range_, gather, gather, gather_elements, gather_nd, scatter_elements, scatter_nd]
DECIDED_BY_DATA += [one_hot, top_k, trilu, cum_sum, unsqueeze, squeeze]
OTHERS = [reduce, arg_max, concat_tensors, element_wise, rows, mat_mul, transpose, flatten, simple]
STEPS = [step(function) for function in DECIDED_BY_DATA * 2 + OTHERS]


# -- Data


def factors(random, number):
    divisors = [d for d in range(1, abs(number) + 1) if number % d == 0] if 0 < abs(number) < 10000 else [1]
    return random.choice(divisors)


def product_of(random, count, target):
    """`count` numbers whose product is `target`, modulo 2^64 or as it is."""
    numbers, rest = [], target
    for _ in range(count - 1):
        choice = random.random()
        if choice < 0.5:
            number = factors(random, rest)
            rest = rest // number
        elif choice < 0.75:
            number = random.choice([3, 5, 7, random.getrandbits(63) | 1])
            rest = wrap(rest * pow(number, -1, 2**64))
        else:
            number = random.choice([2, 4, 8, 2**32])
            rest = rest // number + random.choice([0, 1, 2, 3]) * 2**64 // number if rest % number == 0 else 2**62
        numbers.append(wrap(number))
    numbers.append(wrap(rest))
    random.shuffle(numbers)
    return numbers


def sum_of(random, count, target, is_wild):
    """`count` parts whose sum is `target`, or, if wild, is so modulo 2^64 only."""
    if is_wild and count > 2 and random.random() < 0.6:
        parts = [random.randint(0, 30) for _ in range(count - 2)]
        rest = 2**64 + target - sum(parts)
        most = 2**63 - 1
        large = random.randint(rest - most, most) if most < rest <= 2 * most else rest // 2
        parts += [large, rest - large]
    else:
        parts = []
        for _ in range(count - 1):
            parts.append(random.randint(0, max(0, min(target - sum(parts), 50))))
        parts.append(target - sum(parts))
    random.shuffle(parts)
    return [wrap(part) for part in parts]


def elements(random, hint, count, sizes, is_wild):
    """`count` numbers for `hint`; `sizes` are numbers of elements and dims of the tensors."""
    if hint in ("product", "sum") and count:
        target = random.choice(sizes)
        if random.random() < 0.75:
            if hint == "sum":
                return sum_of(random, count, target, is_wild)
            numbers = product_of(random, count, target) if is_wild else [target]
            while len(numbers) < count:
                divisor = factors(random, numbers[0])
                numbers = [numbers[0] // divisor, divisor, *numbers[1:]]
            if random.random() < 0.3:
                numbers[random.randrange(count)] = random.choice([-1, 0])
            return numbers
        hint = "dims"
    edges = random.choice([0.1, 0.3, 0.7]) if is_wild else 0
    usual = [USUAL[hint](random) for _ in range(count)]
    usual = [random.choice(sizes) if random.random() < 0.1 else number for number in usual]
    return [edge(random) if random.random() < edges else number for number in usual]


def symbol_sizes(random, graph):
    symbols = {
        dim: random.choice([0, 1, 1, 2, 2, 3, 4, 5]) for i in graph.inputs for dim in i.dims if dim in list("nmk")
    }
    if random.random() < 0.2 and symbols:
        huge = random.choice([2**31, 2**32 + 1, 2**40, 2**46, 2**47, 2**47 + 1, 2**59 - 1, 2**60, 2**61 - 1, 2**62])
        symbols[random.choice(list(symbols))] = huge
    return symbols


def as_integer(number, dtype):
    """`number` modulo the range of an integer type; of other types, as it is."""
    if np.dtype(dtype).kind not in "iu":
        return number
    least, count = int(np.iinfo(dtype).min), 2 ** (8 * np.dtype(dtype).itemsize)
    return (number - least) % count + least


def data_set(random, graph):
    """Arrays for the graph's inputs, by name."""
    is_wild = random.random() < 0.55
    while True:
        symbols = symbol_sizes(random, graph)
        shapes = {i.name: tuple(symbols.get(dim, dim) for dim in i.dims) for i in graph.inputs}
        counts = {name: int(np.prod([float(dim) for dim in shape])) for name, shape in shapes.items()}
        reach = [np.prod([float(max(dim, 1)) for dim in shape]) for shape in shapes.values()]
        if all(count <= MAX_ELEMENTS for count in counts.values()) and max(reach, default=0) < 2**60:
            break  # what NumPy can hold
    tensors = [i.name for i in graph.inputs if i.hint == "data"]
    sizes = [counts[name] for name in tensors] * 2 + [dim for name in tensors for dim in shapes[name]] + [1]
    arrays = {}
    for i in graph.inputs:
        dtype, shape = TYPES[i.type][1], shapes[i.name]
        if i.hint == "data":
            values = [random.randint(-9, 9) for _ in range(counts[i.name])]
            if i.type == "i64" and is_wild:
                values = [edge(random) if random.random() < 0.2 else value for value in values]
        else:
            values = elements(random, i.hint, counts[i.name], sizes, is_wild)
        array = np.array(values if i.type == "bool" else [as_integer(value, dtype) for value in values], dtype)
        # Also shapes of empty arrays that NumPy itself would not make.
        arrays[i.name] = array.reshape(shape) if array.size else np.lib.stride_tricks.as_strided(array, shape)
    return arrays

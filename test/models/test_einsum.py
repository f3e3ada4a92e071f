"""Einsum, against ONNX Runtime and NumPy: products, sums, diagonals, orders of dims, ellipses that broadcast.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import hone
import numpy as np
import pytest
from building import model_of, onnx_runtime, value
from onnx import helper
from tolerance import WHOLE_MODEL, assert_all_close

SIZES = {"a": 2, "b": 3, "c": 4, "d": 5, "i": 3, "j": 4, "k": 5, "l": 6, "n": 2, "h": 3}
EQUATIONS = [
    "ij,jk->ik", "ij,jk", "ij,kj->ki", "bij,bjk->bik", "nihd,njhd->nhij", "nhij,njhd->nihd", "i,i->", "i,j->ij",
    "ij->ji", "ij->", "ijk->k", "ii->i", "ii->", "ii", "iji->j", "iij,jk->ik", "ij,ij->ij", "ij,ij->i", "abc,cd,bd->a",
    "ij,jk,kl->il", "ij,jk,kl,ia->al", "a,b,c->cab", "ab,ab,ab->", "bij,jk->bik", "ijk,jil->kl", "abcd,dc->ab", "i,->i",
    " i j , j k -> i k ",
]  # fmt: skip


def einsum(equation, shapes, symbolic=True, dtype="f4"):
    """A model of one node; symbolic: dims are known to the run only."""
    terms = equation.replace(" ", "").split("->")[0].split(",")
    inputs = []
    for i, (term, shape) in enumerate(zip(terms, shapes, strict=True)):
        letters = [letter for letter in term if letter != "."]
        dims = letters if symbolic and len(letters) == len(shape) else shape
        inputs.append(value(f"x{i}", *dims, dtype=dtype))
    node = helper.make_node("Einsum", [each.name for each in inputs], ["y"], equation=equation)
    rank = np.einsum(equation, *(np.zeros(shape) for shape in shapes)).ndim
    return model_of([node], inputs, [value("y", *[f"y{i}" for i in range(rank)], dtype=dtype)])


def shapes_of(equation):
    terms = equation.replace(" ", "").split("->")[0].split(",")
    return [[SIZES[letter] for letter in term] for term in terms]


@pytest.mark.parametrize("symbolic", [False, True])
@pytest.mark.parametrize("equation", EQUATIONS)
def test_equation(equation, symbolic, compile_model):
    shapes = shapes_of(equation)
    model = einsum(equation, shapes, symbolic)
    random = np.random.default_rng(1)
    inputs = {f"x{i}": random.standard_normal(shape).astype("f4") for i, shape in enumerate(shapes)}
    got = compile_model(model).run(inputs)
    assert_all_close(got, onnx_runtime(model)(inputs), WHOLE_MODEL)
    assert_all_close(got, {"y": np.einsum(equation, *inputs.values())}, WHOLE_MODEL)


@pytest.mark.parametrize(
    "equation, shapes",
    [
        ("...ij,...jk->...ik", [(2, 3, 4), (2, 4, 5)]),
        ("...ij,...jk->...ik", [(6, 2, 3, 4), (1, 4, 5)]),
        ("...ij,jk", [(2, 1, 3, 4), (4, 5)]),
        ("i...,i...->...", [(3, 2, 5), (3, 1)]),
        ("...,...->...", [(2, 3), (3,)]),
        ("...ii->...i", [(2, 3, 3)]),
        ("...->...", [(2, 3)]),
        ("i...->...i", [(2, 3, 4)]),
    ],
)
def test_ellipsis(equation, shapes, compile_model):
    model = einsum(equation, shapes, symbolic=False)
    random = np.random.default_rng(2)
    inputs = {f"x{i}": random.standard_normal(shape).astype("f4") for i, shape in enumerate(shapes)}
    assert_all_close(compile_model(model).run(inputs), {"y": np.einsum(equation, *inputs.values())}, WHOLE_MODEL)


@pytest.mark.parametrize("dtype", ["f8", "i4", "i8", "u1", "i2"])
def test_types(dtype, compile_model):
    model = einsum("ij,jk->ki", [(3, 40), (40, 2)], dtype=dtype)
    random = np.random.default_rng(3)
    shapes = {"x0": (3, 40), "x1": (40, 2)}
    inputs = {name: random.integers(0, 100, shape).astype(dtype) for name, shape in shapes.items()}
    expected = np.einsum("ij,jk->ki", *(x.astype("i8") for x in inputs.values())).astype(dtype)
    assert_all_close(compile_model(model).run(inputs), {"y": expected}, WHOLE_MODEL)


def test_no_elements(compile_model):
    library = compile_model(einsum("ij,jk->ik", [(3, 4), (4, 5)]))
    assert (library.run({"x0": np.zeros((3, 0), "f4"), "x1": np.zeros((0, 5), "f4")})["y"] == np.zeros((3, 5))).all()
    assert library.run({"x0": np.zeros((0, 4), "f4"), "x1": np.zeros((4, 5), "f4")})["y"].shape == (0, 5)


def test_products_are_products(save, run_hone):
    """A sum of products of two operands is one of matrices."""
    model = einsum("nihd,njhd->nhij", shapes_of("nihd,njhd->nhij"))
    assert "hone.matmul" in run_hone("compile", save(model), "--emit=import", "-o", "-").stdout


def test_nan_beside_a_diagonal(compile_model):
    x = np.full((3, 3), np.nan, "f4")
    x[range(3), range(3)] = [1, 2, 3]
    assert (compile_model(einsum("ii->i", [(3, 3)])).run({"x0": x})["y"] == [1, 2, 3]).all()


@pytest.mark.parametrize(
    "equation, shapes, message",
    [
        ("ij,jk->ik", [(3, 4), (5, 6)], "dims that are summed over must be equal, but are 4 and 5"),
        ("ij,ij->ij", [(3, 4), (3, 5)], "dims with one letter must be equal, but are 4 and 5"),
        ("ii->i", [(3, 4)], "dims of an operand with one letter must be equal, but are 3 and 4"),
        ("ijk->i", [(3, 4)], "'ijk' of the equation says 3 dims, and its operand has 2"),
        ("ij,jk->ik", [(3, 4)], "the equation has 2 operands, the node 1"),
        ("ij->ik", [(3, 4)], "'ik' of the equation has a letter twice, or one that no operand has"),
        ("i!->i", [(3, 4)], "'i!' of the equation is no list of letters"),
        ("...i...->i", [(3, 4)], "'...i...' of the equation is no list of letters, with one '...' at most"),
        ("i->...i...", [(3,)], "'...i...' of the equation is no list of letters, with one '...' at most"),
    ],
)
def test_equations_that_do_not_fit(equation, shapes, message, compile_model):
    names = [f"x{i}" for i in range(len(shapes))]
    node = helper.make_node("Einsum", names, ["y"], name="sums", equation=equation)
    inputs = [value(name, *shape) for name, shape in zip(names, shapes, strict=True)]
    model = model_of([node], inputs, [value("y", None)])
    with pytest.raises(hone.CompileError) as refused:
        compile_model(model)
    assert f"'sums' (Einsum, ai.onnx opset 17): {message}" in str(refused.value)

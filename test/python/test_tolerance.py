"""What test/tolerance.py takes for near, on which all other tests rest.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import ml_dtypes
import numpy as np
import pytest
from tolerance import EXACT, WHOLE_MODEL, Tolerance, assert_all_close, assert_close, assert_same_bits, mismatch, near

NAN, INF = np.nan, np.inf


def floats(*values, dtype="f4"):
    return np.array(values, dtype)


@pytest.mark.parametrize(
    "got, expected, tolerance",
    [
        (floats(1.5, NAN, INF, -INF, -0.0), floats(1.5, NAN, INF, -INF, 0.0), EXACT),
        (floats(1.0), floats(1.0 + 2**-20), Tolerance(relative=2**-20)),
        (floats(100.5, 0.5), floats(100, 0), Tolerance(absolute=0.5)),
        (floats(8, 0.25, NAN), floats(8, 0, NAN), Tolerance(of_largest=2**-5)),
        (floats(0.0, dtype="f8"), floats(1e-9, dtype="f8"), near(1e-7)),
        (floats(1.0, dtype=ml_dtypes.bfloat16), floats(1.0078125, dtype=ml_dtypes.bfloat16), near(0.01)),
        (floats(), floats(), WHOLE_MODEL),
        (np.array(["a"], object), np.array(["a"], object), EXACT),
    ],
)
def test_near(got, expected, tolerance):
    assert mismatch(got, expected, tolerance) == ""


@pytest.mark.parametrize(
    "got, expected, tolerance, problem",
    [
        (floats(1, 2), floats(1, 2, 3), EXACT, r"float32\[2\], expected float32\[3\]"),
        (floats(1), floats(1, dtype="f8"), near(1), "float32.*expected float64"),
        (floats(1, 2, 3), floats(1, 2.5, 3), EXACT, r"1 of 3 elements differ: 2.0, expected 2.5 at \[1\]"),
        (floats(1, 2), floats(1.5, 3), Tolerance(absolute=0.25), r"2 of 2 .*expected 3.0 at \[1\], off by 1.00e\+00"),
        (floats(1.0), floats(1.0 + 2**-19), Tolerance(relative=2**-20), "1 of 1"),
        (floats(NAN), floats(0), Tolerance(absolute=INF), "1 of 1 elements differ: nan"),
        (floats(0), floats(NAN), Tolerance(absolute=INF), "expected nan"),
        (floats(3e38), floats(INF), Tolerance(relative=1, absolute=INF), "expected inf"),
        (floats(INF), floats(3e38), Tolerance(relative=1, absolute=INF), "inf, expected 3e"),
        (floats(-INF), floats(INF), Tolerance(relative=1), "-inf, expected inf"),
        # What is not finite says nothing about how large the others may be.
        (floats(INF, 2), floats(INF, 1), Tolerance(of_largest=0.5), "2.0, expected 1.0"),
        (floats(1, 0.1), floats(1, -0.1), Tolerance(absolute=1, least_cosine=0.999), "cosine of a row is 0.98"),
        (np.array([7]), np.array([8]), Tolerance(relative=1, absolute=5), "7, expected 8"),
        (np.array([True]), np.array([False]), near(1), "1 of 1"),
        (np.array(3), np.array(4), EXACT, "1 of 1 elements differ: 3, expected 4"),
    ],
)
def test_not_near(got, expected, tolerance, problem):
    with pytest.raises(AssertionError, match=problem):
        assert_close(got, expected, tolerance)


def test_cosine_of_each_row():
    """A small row beside a large one."""
    expected = np.array([[1000, 1000], [0.001, 0.001]])
    got = np.array([[1000, 1000], [0.001, -0.001]])
    assert "cosine" in mismatch(got, expected, WHOLE_MODEL)


def test_signs_of_zeros():
    with pytest.raises(AssertionError, match="-0.0, expected 0.0"):
        assert_close(floats(-0.0), floats(0.0), near(1), zero_signs=True)
    assert_close(floats(-0.0, 1e-9), floats(-0.0, 0.0), near(1), zero_signs=True)


def test_same_bits():
    nan = np.array([0x7FC00000, 0x7FC00001], "u4").view("f4")
    assert_same_bits(nan, nan.copy())
    with pytest.raises(AssertionError, match="y: NaNs of other bits"):
        assert_same_bits(nan, nan[::-1].copy(), what="y")
    with pytest.raises(AssertionError, match="-0.0, expected 0.0"):
        assert_same_bits(floats(-0.0), floats(0.0))


def test_outputs_by_name():
    one, two = floats(1), floats(2)
    assert_all_close({"a": one, "b": two}, {"a": one, "b": two})
    with pytest.raises(AssertionError, match="outputs \\['b', 'a'\\], expected \\['a', 'b'\\]"):
        assert_all_close({"b": two, "a": one}, {"a": one, "b": two})
    with pytest.raises(AssertionError, match="a: 1 of 1.*; b: 1 of 1"):
        assert_all_close({"a": two, "b": one}, {"a": one, "b": two})

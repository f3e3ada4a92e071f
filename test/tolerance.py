"""How the tests compare arrays, and the one way to state a tolerance.

    assert_close(got, expected)                                   equal, element by element
    assert_close(got, expected, Tolerance(relative=1e-5))         near
    assert_all_close(outputs, expected, WHOLE_MODEL)              outputs by name
    assert_same_bits(got, expected)                               down to the bits of a NaN

Shape and element type are always part of what is compared. Integers, bools and strings must be equal, whatever the
tolerance. Of floats, a NaN is only near a NaN, an infinity only near the same one; every finite value must lie within
the tolerance, and is never near an infinity. Zeros of either sign are equal, unless `zero_signs` is set.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Tolerance:
    """How far floats may lie from what is expected. For each element:

        |got - expected| <= absolute + relative * |expected| + of_largest * max |expected|

    The first two parts are NumPy's `atol` and `rtol`.

    relative      of the expected element; without a unit
    absolute      in the unit of the values: what may be left where terms cancel
    of_largest    of the array's largest finite expected element; without a unit. For sums in another order, whose error
                  is as large as that of their largest terms
    least_cosine  between each row of the results and the row expected, along the last axis, over its finite elements;
                  None: not looked at
    """

    relative: float = 0.0
    absolute: float = 0.0
    of_largest: float = 0.0
    least_cosine: float | None = None

    def allowed(self, expected):
        """The largest allowed difference for each element."""
        sizes = np.where(np.isfinite(expected), np.abs(expected), 0)
        return self.absolute + self.relative * sizes + self.of_largest * sizes.max(initial=0)


def near(relative):
    """`relative`, and a hundredth of it around zero, where cancelled terms of the size of 1 leave their error."""
    return Tolerance(relative=relative, absolute=relative / 100)


EXACT = Tolerance()
# f32 sums in another order than ONNX Runtime's, one upon the other.
WHOLE_MODEL = Tolerance(of_largest=1e-4, least_cosine=0.99999)
# Four units in the last place of the largest f16: ONNX Runtime rounds at other places than Hone.
HALF_MODEL = Tolerance(absolute=1e-6, of_largest=4e-3)


def is_float(dtype):
    """Also of ml_dtypes' types, which NumPy calls void."""
    return dtype.kind in "fc" or (dtype.kind == "V" and "float" in dtype.name)


def worst_of_largest(got, expected):
    """The largest difference of two finite arrays, relative to the largest expected value."""
    largest = np.abs(expected).max(initial=0)
    return np.abs(got - expected).max(initial=0) / max(largest, np.finfo(np.float32).tiny)


def least_cosine(got, expected):
    """The least cosine between rows (along the last axis); a row of zeros has a cosine of 1 with all others."""
    got, expected = (np.where(np.isfinite(expected), np.atleast_1d(values), 0) for values in (got, expected))
    lengths = np.linalg.norm(expected, axis=-1) * np.linalg.norm(got, axis=-1)
    dots = (expected * got).sum(axis=-1)
    return np.where(lengths > 0, dots / np.where(lengths > 0, lengths, 1), 1.0).min(initial=1.0)


def mismatch(got, expected, tolerance=EXACT, zero_signs=False):
    """Why `got` is not `expected`, in words; "" if it is."""
    got, expected = np.asarray(got), np.asarray(expected)
    if (got.dtype, got.shape) != (expected.dtype, expected.shape):
        return f"{got.dtype}{list(got.shape)}, expected {expected.dtype}{list(expected.shape)}"
    if not is_float(expected.dtype):
        return describe(got, expected, got != expected)

    wide = np.complex128 if expected.dtype.kind == "c" else np.float64
    got_wide, expected_wide = got.astype(wide), expected.astype(wide)
    with np.errstate(all="ignore"):  # infinities minus infinities
        differences = np.abs(got_wide - expected_wide)
    allowed = tolerance.allowed(expected_wide)
    right = np.isfinite(differences) & (differences <= allowed)
    right |= (got_wide == expected_wide) | (np.isnan(got_wide) & np.isnan(expected_wide))
    if zero_signs:
        zeros = (got_wide == 0) & (expected_wide == 0)
        right &= ~zeros | (np.signbit(got_wide) == np.signbit(expected_wide))
    if not right.all():
        return describe(got, expected, ~right, differences, allowed)
    if tolerance.least_cosine is not None:
        cosine = least_cosine(got_wide, expected_wide)
        if not cosine >= tolerance.least_cosine:
            return f"the cosine of a row is {cosine:.7f}, expected at least {tolerance.least_cosine}"
    return ""


def describe(got, expected, wrong, differences=None, allowed=None):
    """How many elements are wrong, and the worst of them: one that should be finite or not, else the farthest off."""
    wrong = np.asarray(wrong)
    if not wrong.any():
        return ""
    if differences is None:
        farthest = np.unravel_index(np.argmax(wrong), wrong.shape)
    else:
        ranked = np.where(wrong, np.where(np.isfinite(differences), differences, np.inf), -1)
        farthest = np.unravel_index(np.argmax(ranked), wrong.shape)
    text = f"{wrong.sum()} of {wrong.size} elements differ: {got[farthest]!s}, expected {expected[farthest]!s}"
    if wrong.ndim:
        text += f" at {list(map(int, farthest))}"
    if differences is not None and np.isfinite(differences[farthest]):
        text += f", off by {differences[farthest]:.2e} where {allowed[farthest]:.2e} is allowed"
    return text


def assert_close(got, expected, tolerance=EXACT, *, zero_signs=False, what=""):
    """Fails unless `got` is the array `expected` within the tolerance; `what` begins the message."""
    problem = mismatch(got, expected, tolerance, zero_signs)
    if problem:
        raise AssertionError(f"{what}: {problem}" if what else problem)


def assert_same_bits(got, expected, *, what=""):
    """Fails unless both arrays are of the same bytes: signs of zeros and what a NaN holds count, too."""
    assert_close(got, expected, zero_signs=True, what=what)
    if got.tobytes() != expected.tobytes():
        raise AssertionError(f"{what}: NaNs of other bits" if what else "NaNs of other bits")


def assert_all_close(got, expected, tolerance=EXACT):
    """Fails unless the outputs by name are the expected ones, in their order, each within the tolerance."""
    assert list(got) == list(expected), f"outputs {list(got)}, expected {list(expected)}"
    problems = {name: mismatch(got[name], expected[name], tolerance) for name in expected}
    wrong = [f"{name}: {problem}" for name, problem in problems.items() if problem]
    assert not wrong, "; ".join(wrong)

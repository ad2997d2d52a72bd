"""Values travel as JSON; what arrives may be hostile, what leaves may be odd."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest
import torch

from rnnkit.check.values import MAX_BYTES, FormError, compare, decode, encode, to_arrays

ONE = {"dtype": "<f8", "shape": [1], "b64": base64.b64encode(bytes(8)).decode()}


@pytest.mark.parametrize("dtype", ["<f4", "<f8", "<i4", "<i8", "|b1"])
def test_what_is_encoded_is_decoded_to_the_last_bit(dtype):
    value = np.random.default_rng(0).normal(size=(2, 0, 3)).astype(dtype), np.arange(6).reshape(2, 3).astype(dtype)
    values = {"empty": value[0], "full": value[1], "scalar": value[1][1, 2]}
    back = decode(json.loads(json.dumps(encode(values))))
    for name, array in values.items():
        assert back[name].dtype == array.dtype
        np.testing.assert_array_equal(back[name], array)


def test_nan_and_infinity_travel():
    back = decode(encode({"a": [np.nan, np.inf, -np.inf]}))
    np.testing.assert_array_equal(back["a"], [np.nan, np.inf, -np.inf])


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (3, "int64"),
        (3.0, "float64"),
        (True, "bool"),
        ([[1, 2], [3, 4]], "int64"),
        (np.float32(2), "float32"),
        (np.arange(3, dtype=">i4"), "int32"),
        (np.arange(3, dtype=np.uint8), "int64"),
        (np.array([0, 2**63 - 1], np.uint64), "int64"),
        (np.arange(3, dtype=np.longdouble), "float64"),
        (np.arange(6.0).reshape(2, 3).T[::-1], "float64"),
    ],
)
def test_honest_oddities_become_plain_arrays(value, dtype):
    array = to_arrays({"value": value})["value"]
    assert (array.dtype, array.flags.c_contiguous, type(array)) == (np.dtype(dtype), True, np.ndarray)
    np.testing.assert_array_equal(array, np.asarray(value))


def test_a_torch_tensor_becomes_an_array():
    tensor = torch.arange(6.0, requires_grad=True).reshape(2, 3).T
    np.testing.assert_array_equal(to_arrays({"t": tensor})["t"], tensor.detach().numpy())


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "W_h is no number and no array but NoneType"),
        ("text", "no array but str"),
        ([[1, 2], [3]], "W_h is no array of numbers"),
        ([1, None], "W_h is an array of object: is there a None among them"),
        (np.ones(2, complex), r"take its \.real"),
        (np.ones(2, np.float16), "W_h is float16, which keeps three digits only: compute in float64"),
        (torch.ones(2, dtype=torch.bfloat16), "W_h is bfloat16, which keeps two digits only: compute in float64"),
        (torch.ones(2, dtype=torch.float16), "W_h is float16, which keeps three digits only"),
        (torch.ones(2, device="meta"), "W_h is no array of numbers: "),
        (torch.ones(2, 2).to_sparse(), "W_h is no array of numbers: "),
        (np.uint64(3) - np.array([5], np.uint64), "W_h is unsigned and holds 18446744073709551614: did it go below"),
        (np.ones((1,) * 7), "7 axes"),
        (np.zeros(MAX_BYTES), "bytes"),
        ({"a": 1}, "no array but dict"),
    ],
)
def test_what_cannot_travel_is_told_by_name(value, words):
    with pytest.raises(FormError, match=words):
        to_arrays({"W_h": value})


@pytest.mark.parametrize(
    "bundle",
    [
        None,
        [],
        "text",
        {"a": None},
        {"a": []},
        {"a": {**ONE, "more": 1}},
        {"a": {"dtype": "<f8", "shape": [1]}},
        {"a": {**ONE, "dtype": "|O"}},
        {"a": {**ONE, "dtype": "O"}},
        {"a": {**ONE, "dtype": "<f8,<f8"}},
        {"a": {**ONE, "dtype": ["<f8"]}},
        {"a": {**ONE, "dtype": {}}},
        {"a": {**ONE, "shape": 1}},
        {"a": {**ONE, "shape": [True]}},
        {"a": {**ONE, "shape": [1.0]}},
        {"a": {**ONE, "shape": [-1]}},
        {"a": {**ONE, "shape": [2]}},
        {"a": {**ONE, "shape": [1] * 7}},
        {"a": {**ONE, "shape": [1 << 20] * 6}},
        {"a": {**ONE, "shape": [10**400]}},
        {"a": {**ONE, "b64": "*" * 11 + "="}},
        {"a": {**ONE, "b64": "é" * 12}},
        {"a": {**ONE, "b64": ONE["b64"] * 100}},
        {"a": {**ONE, "b64": b"AAAAAAAAAAA="}},
        {"a": {**ONE, "b64": None}},
        {"a": {"a": ONE}},
        {1: ONE},
        {"a" * 201: ONE},
        {str(n): ONE for n in range(257)},
        {str(n): {"dtype": "<f8", "shape": [1 << 17], "b64": "A" * ((1 << 20) // 3 * 4)} for n in range(5)},
    ],
    ids=lambda bundle: str(bundle)[:60],
)
def test_a_hostile_bundle_is_refused_with_a_value_error(bundle):
    with pytest.raises(ValueError):
        decode(bundle)


def test_values_may_not_take_more_than_the_limit_together():
    share = np.zeros(MAX_BYTES // 16)
    packed = encode({"a": share})["a"]
    assert len(decode({"a": packed, "b": packed})) == 2
    with pytest.raises(ValueError, match="bytes of values travel"):
        decode({"a": packed, "b": packed, "c": packed})


def test_decoded_arrays_can_be_changed():
    decode(encode({"a": [1.0, 2.0]}))["a"][0] = 3


EXPECTED = {"W_h": np.array([[1.0, 2.0], [3.0, 1e-9]])}


@pytest.mark.parametrize(
    ("entry", "value", "same"),
    [
        ((0, 0), 1.00001, True),
        ((0, 0), 1.001, False),
        ((1, 1), 5e-7, True),
        ((1, 1), 2e-6, False),
        ((0, 1), np.nan, False),
        ((0, 1), np.inf, False),
    ],
)
def test_numbers_agree_within_the_tolerance_and_no_further(entry, value, same):
    got = {"W_h": EXPECTED["W_h"].copy()}
    got["W_h"][entry] = value
    words = compare(got, EXPECTED, 1e-4, 1e-6)
    assert (words is None) == same
    if not same:
        assert words.startswith(f"W_h[{entry[0]}, {entry[1]}] is ")
        assert words.endswith("(1 of 4 entries differ)")


@pytest.mark.parametrize(
    ("got", "words"),
    [
        ({}, "W_h is missing"),
        ({"W_h": np.ones((2, 3))}, "W_h has shape (2, 3), expected (2, 2)"),
        ({"W_h": np.ones((2, 2), bool)}, "W_h is bool, expected numbers"),
        ({**EXPECTED, "W": np.ones(1)}, "W was not asked for"),
    ],
)
def test_a_wrong_form_is_told_before_any_number(got, words):
    assert compare(got, EXPECTED, 1e-4, 1e-6) == words


def test_whole_numbers_pass_where_numbers_are_expected():
    assert compare({"a": np.array([1, 2])}, {"a": np.array([1.0, 2.0])}, 1e-4, 1e-6) is None


def test_a_property_that_does_not_hold_is_told_by_its_name():
    words = compare({"k1 = 0 is refused": np.array(False)}, {"k1 = 0 is refused": np.array(True)}, 0, 0)
    assert words == "“k1 = 0 is refused” should hold and does not"


def test_digits_are_added_until_two_numbers_look_different():
    words = compare({"a": np.array(1.0)}, {"a": np.array(1.00000001)}, 0, 1e-12)
    assert words == "a is 1, expected 1.00000001"


def test_float32_that_is_too_coarse_is_told_why():
    expected = {"a": np.array([1e4, 1.0])}
    got = {"a": (expected["a"] * (1 + 3e-4)).astype(np.float32)}
    assert compare(got, expected, 1e-4, 1e-6).endswith(
        "yours is float32 and its rounding is too coarse here: compute in float64"
    )


def test_equal_infinities_are_equal():
    assert compare({"a": np.array([np.inf])}, {"a": np.array([np.inf])}, 1e-4, 1e-6) is None

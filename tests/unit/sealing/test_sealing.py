"""Sealed bytes open under their own key and context alone, and only as they were sealed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingle.sealing import DataKey, OpenError, canonical_context, new_data_key, open_sealed, seal
from ingle.values import IngleError

KEY = DataKey(bytes(range(32)))
CONTEXT = {"aws:lambda:FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:f", "ingle:object": "zip"}
TEXTS = st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=4)


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=300), context=TEXTS)
def test_what_is_sealed_opens_again(content: bytes, context: dict[str, str]) -> None:
    sealed = seal(content, KEY, context)
    assert len(sealed) == len(content) + 29
    assert open_sealed(sealed, KEY, context) == content


@settings(max_examples=100, deadline=None)
@given(at=st.integers(0, 40), bit=st.integers(0, 7))
def test_one_changed_bit_anywhere_is_noticed(at: int, bit: int) -> None:
    sealed = bytearray(seal(b"hello, world", KEY, CONTEXT))
    sealed[at] ^= 1 << bit
    with pytest.raises(OpenError):
        open_sealed(bytes(sealed), KEY, CONTEXT)


@pytest.mark.parametrize("cut", range(41))
def test_a_cut_object_does_not_open(cut: int) -> None:
    with pytest.raises(OpenError):
        open_sealed(seal(b"hello, world", KEY, CONTEXT)[:cut], KEY, CONTEXT)


def test_another_key_or_context_does_not_open() -> None:
    sealed = seal(b"x", KEY, CONTEXT)
    for key, context in ((new_data_key(), CONTEXT), (KEY, {**CONTEXT, "ingle:object": "image"}), (KEY, {})):
        with pytest.raises(OpenError):
            open_sealed(sealed, key, context)


def test_the_same_plaintext_never_gives_the_same_bytes() -> None:
    assert len({seal(b"x", KEY, CONTEXT) for _ in range(100)}) == 100


@settings(max_examples=200, deadline=None)
@given(one=TEXTS, two=TEXTS)
def test_different_contexts_have_different_canonical_forms(one: dict[str, str], two: dict[str, str]) -> None:
    assert (canonical_context(one) == canonical_context(two)) == (one == two)


def test_a_data_key_shows_nothing_of_itself_and_has_32_bytes() -> None:
    assert repr(KEY) == "DataKey()"
    assert len(new_data_key().secret) == 32
    with pytest.raises(IngleError):
        DataKey(b"short")

"""Sealing, held against fixed vectors and against whoever changes what is sealed."""

from __future__ import annotations

import pytest

from solvencia import sealing

KEY = bytes(range(32))
NONCE = bytes(range(16))
TEXT = b'{"debt_ratio":0.3}'


@pytest.mark.parametrize(
    ("text", "belongs_to", "sealed"),
    [
        (
            b"",
            b"",
            (
                "01000102030405060708090a0b0c0d0e0faaf3aba3f5225353f0e0932c66f2dbfc619936d4e86e0a"
                "420c97b59f80cbbe1c"
            ),
        ),
        (
            TEXT,
            b"d-1",
            (
                "01000102030405060708090a0b0c0d0e0fe0aaa5b06da2970f15ca1a75c61a04c7107fe693c87eac"
                "8503886e8d0b5e150fef25a02ee069d15b1d3ff2c047eaec3b4c58"
            ),
        ),
    ],
)
def test_what_was_sealed_once_opens_for_ever(text: bytes, belongs_to: bytes, sealed: str) -> None:
    """The bytes are fixed: a changed construction would lock the log of years."""
    assert sealing.seal(KEY, text, belongs_to, NONCE).hex() == sealed
    assert sealing.unseal(KEY, bytes.fromhex(sealed), belongs_to) == text


@pytest.mark.parametrize("length", [0, 1, 135, 136, 137, 5000])
def test_any_length_comes_back(length: int) -> None:
    """Nothing is padded or cut, at the keystream's block border neither."""
    text = bytes(each % 251 for each in range(length))

    sealed = sealing.seal(KEY, text, b"d-1")

    assert sealing.unseal(KEY, sealed, b"d-1") == text
    assert len(sealed) == length + 49


def test_every_changed_byte_is_found_out() -> None:
    """Version, nonce, ciphertext and tag are all under the tag."""
    sealed = sealing.seal(KEY, TEXT, b"d-1")

    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(sealing.Tampered):
            sealing.unseal(KEY, bytes(changed), b"d-1")


@pytest.mark.parametrize(
    ("key", "belongs_to"), [(KEY, b"d-2"), (KEY, b""), (bytes(32), b"d-1"), (KEY[::-1], b"d-1")]
)
def test_another_key_or_decision_does_not_open_it(key: bytes, belongs_to: bytes) -> None:
    """An input that was moved to another decision is no input of it."""
    sealed = sealing.seal(KEY, TEXT, b"d-1")

    with pytest.raises(sealing.Tampered):
        sealing.unseal(key, sealed, belongs_to)


@pytest.mark.parametrize("length", [0, 1, 48])
def test_a_cut_is_found_out(length: int) -> None:
    """What is shorter than an empty text sealed is nothing sealed."""
    with pytest.raises(sealing.Tampered):
        sealing.unseal(KEY, sealing.seal(KEY, TEXT, b"d-1")[:length], b"d-1")


def test_no_byte_changes_sides_between_decision_and_input() -> None:
    """The same bytes, split elsewhere, have another tag."""
    sealed = sealing.seal(KEY, TEXT, b"d-12", NONCE)

    with pytest.raises(sealing.Tampered):
        sealing.unseal(KEY, sealed, b"d-1")


def test_the_same_text_is_sealed_differently_each_time() -> None:
    """Two equal inputs do not show that they are equal."""
    first, second = (sealing.seal(KEY, TEXT, b"d-1") for _ in range(2))

    assert first[17:-32] != second[17:-32]
    assert TEXT not in first


@pytest.mark.parametrize("key", [b"", KEY[:16], KEY + b"x"])
def test_a_key_of_another_length_is_refused(key: bytes) -> None:
    """A short key must not pass for a weak one."""
    with pytest.raises(ValueError, match="32 bytes"):
        sealing.seal(key, TEXT, b"d-1")

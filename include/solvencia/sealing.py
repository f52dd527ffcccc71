"""Sealing of an applicant's input under a key of the person's own: encrypt, then authenticate.

Standard library only, as the score function has nothing else (docs/decisions/0008): SHAKE-256 of
sub-key and nonce is the keystream, HMAC-SHA-256 of all that matters the tag. The tables themselves
lie under AES-256 by KMS; this layer exists so that destroying one key erases one person.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

KEY_BYTES = 32
NONCE_BYTES = 16
TAG_BYTES = 32
VERSION = b"\x01"


class Tampered(ValueError):
    """What was sealed was changed, belongs elsewhere, or was sealed under another key."""


def seal(key: bytes, text: bytes, belongs_to: bytes, nonce: bytes | None = None) -> bytes:
    """Return version, nonce, ciphertext and tag; `belongs_to` must be given again to unseal.

    A nonce must never serve twice under one key: leave it out, and 16 random bytes are drawn.
    """
    drawn = secrets.token_bytes(NONCE_BYTES) if nonce is None else nonce
    if len(drawn) != NONCE_BYTES:
        raise ValueError(f"a nonce has {NONCE_BYTES} bytes, not {len(drawn)}")
    head = VERSION + drawn
    hidden = _mix(_derive(key, b"encrypt"), drawn, text)
    return head + hidden + _tag(key, belongs_to, head + hidden)


def unseal(key: bytes, sealed: bytes, belongs_to: bytes) -> bytes:
    """Return the text; raise Tampered unless it is whole, of this key, and belongs here."""
    body, tag = sealed[:-TAG_BYTES], sealed[-TAG_BYTES:]
    is_whole = len(sealed) >= len(VERSION) + NONCE_BYTES + TAG_BYTES and body[:1] == VERSION
    if not is_whole or not hmac.compare_digest(_tag(key, belongs_to, body), tag):
        raise Tampered("the sealed input does not open: it was changed, or its key is another")
    nonce, hidden = body[1 : 1 + NONCE_BYTES], body[1 + NONCE_BYTES :]
    return _mix(_derive(key, b"encrypt"), nonce, hidden)


def _derive(key: bytes, purpose: bytes) -> bytes:
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes, not {len(key)}")
    return hmac.digest(key, b"solvencia sealing 1: " + purpose, "sha256")


def _mix(key: bytes, nonce: bytes, text: bytes) -> bytes:
    """XOR with the keystream; doing it twice gives the text back."""
    stream = hashlib.shake_256(key + nonce).digest(len(text))
    mixed = int.from_bytes(text, "big") ^ int.from_bytes(stream, "big")
    return mixed.to_bytes(len(text), "big")


def _tag(key: bytes, belongs_to: bytes, body: bytes) -> bytes:
    length = len(belongs_to).to_bytes(8, "big")  # so that no byte can change sides
    return hmac.digest(_derive(key, b"authenticate"), length + belongs_to + body, "sha256")

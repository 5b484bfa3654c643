"""Host keys: the public key format of adb and the check of a signed token.

Source: AOSP packages/modules/adb/crypto/rsa_2048_key.cpp and
system/core/libcrypto_utils/android_pubkey.cpp: little-endian words {modulus size in words, n0inv,
modulus, R^2, exponent} in base64, then a blank and a name. The token (20 bytes) is signed as if it
were a SHA-1 digest, PKCS#1 v1.5.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import struct
from typing import NamedTuple

TOKEN_BYTES = 20
_SHA1_DIGEST_INFO = bytes.fromhex("3021300906052b0e03021a05000414")


class BadKeyError(ValueError):
    """A public key that cannot be read."""


class PublicKey(NamedTuple):
    modulus: int
    exponent: int


def read_public_key(text: bytes) -> PublicKey:
    """The content of an adbkey.pub, or what a host offers in AUTH(3). Raises BadKeyError."""
    try:
        raw = base64.b64decode(text.split()[0].rstrip(b"\0"), validate=True)
        (words,) = struct.unpack_from("<I", raw)
        if not 16 <= words <= 256 or len(raw) != 12 + words * 8:
            raise BadKeyError(f"key of {words} words in {len(raw)} bytes")
        modulus = int.from_bytes(raw[8 : 8 + words * 4], "little")
        (exponent,) = struct.unpack_from("<I", raw, 8 + words * 8)
    except (IndexError, struct.error, binascii.Error) as error:
        raise BadKeyError(f"not an adb public key: {error}") from None
    return PublicKey(modulus, exponent)


def is_signed_by(key: PublicKey, token: bytes, signature: bytes) -> bool:
    """Whether `signature` is that of `token` under `key`."""
    size_bytes = (key.modulus.bit_length() + 7) // 8
    payload = _SHA1_DIGEST_INFO + token
    padding = b"\xff" * (size_bytes - 3 - len(payload))
    expected = b"\0\1" + padding + b"\0" + payload
    value = pow(int.from_bytes(signature, "big"), key.exponent, key.modulus)
    return hmac.compare_digest(value.to_bytes(size_bytes, "big"), expected)

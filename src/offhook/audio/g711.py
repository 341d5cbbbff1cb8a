"""G.711 µ-law and A-law (ITU-T G.711, RFC 3551 section 4.5.14) by table look-up.

Samples are 16-bit signed. An encoded byte decodes to the middle of its interval, and a sample encodes to
the byte of the interval it is in, so decoding and encoding again gives the same byte (but for µ-law's two
zeroes).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]
Encoded = npt.NDArray[np.uint8]
Laws = npt.NDArray[np.intp]

_ULAW_BIAS = 0x84
_ULAW_CLIP = 32635


def _ulaw_decode_table() -> Samples:
    """The sample of each of the 256 bytes: sign, three bits of exponent, four of mantissa, all inverted."""
    code = ~np.arange(256, dtype=np.uint8)
    exponent = (code.astype(np.int32) >> 4) & 7
    magnitude = ((((code & 15).astype(np.int32) << 3) + _ULAW_BIAS) << exponent) - _ULAW_BIAS
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _ulaw_encode_table() -> Encoded:
    """The byte of each sample, indexed by its 16 bits read as unsigned."""
    sample = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
    magnitude = np.minimum(np.abs(sample), _ULAW_CLIP) + _ULAW_BIAS
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 15
    sign = np.where(sample < 0, 0x80, 0)
    return np.asarray(~(sign | (exponent << 4) | mantissa) & 0xFF, dtype=np.uint8)


def _alaw_decode_table() -> Samples:
    """The sample of each of the 256 bytes: even bits inverted, the lowest segment linear."""
    code = (np.arange(256) ^ 0x55).astype(np.int32)
    segment = (code >> 4) & 7
    step = ((code & 15) << 4) + 8
    magnitude = np.where(segment == 0, step, (step + 0x100) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _alaw_encode_table() -> Encoded:
    """The byte of each sample, indexed by its 16 bits read as unsigned."""
    sample = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
    magnitude = np.where(sample < 0, ~sample, sample) >> 4
    segment = np.where(
        magnitude < 32, magnitude >> 4, np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) - 3
    )
    mantissa = (magnitude >> np.maximum(segment - 1, 0)) & 15
    sign = np.where(sample < 0, 0, 0x80)
    return np.asarray((sign | (segment << 4) | mantissa) ^ 0x55, dtype=np.uint8)


ULAW_DECODE: Final = _ulaw_decode_table()
ULAW_ENCODE: Final = _ulaw_encode_table()
ALAW_DECODE: Final = _alaw_decode_table()
ALAW_ENCODE: Final = _alaw_encode_table()

DECODE: Final = np.stack([ULAW_DECODE, ALAW_DECODE])
"""Row 0 µ-law, row 1 A-law."""
_DECODE_ANY: Final = DECODE.reshape(-1)
_ENCODE_ANY: Final = np.concatenate([ULAW_ENCODE, ALAW_ENCODE])

ULAW_SILENCE: Final = 0xFF


def ulaw_encode(samples: Samples) -> Encoded:
    """µ-law bytes of 16-bit samples, of the same shape."""
    return ULAW_ENCODE[samples.view(np.uint16)]


def ulaw_decode(encoded: Encoded) -> Samples:
    """16-bit samples of µ-law bytes, of the same shape."""
    return ULAW_DECODE[encoded]


def alaw_encode(samples: Samples) -> Encoded:
    """A-law bytes of 16-bit samples, of the same shape."""
    return ALAW_ENCODE[samples.view(np.uint16)]


def alaw_decode(encoded: Encoded) -> Samples:
    """16-bit samples of A-law bytes, of the same shape."""
    return ALAW_DECODE[encoded]


def decode_rows(laws: Laws, encoded: Encoded) -> Samples:
    """16-bit samples of rows of bytes, each row of its own law: 0 is µ-law, 1 A-law."""
    at = encoded + (laws * 256).astype(np.uint16)[:, None]
    # No index can be out of range: to clip is only quicker than to check, and than to index.
    return _DECODE_ANY.take(at, mode="clip")


def encode_rows(laws: Laws, samples: Samples) -> Encoded:
    """Bytes of rows of 16-bit samples, each row of its own law: 0 is µ-law, 1 A-law."""
    at = samples.view(np.uint16) + (laws * 65536).astype(np.uint32)[:, None]
    return _ENCODE_ANY.take(at, mode="clip")

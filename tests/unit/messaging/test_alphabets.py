"""data_coding and the texts it stands for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.messaging.alphabets import Alphabet, alphabet_of, decode
from offhook.sms import gsm7

GREETING = "Grüße, naïve €5"


@pytest.mark.parametrize(
    "data_coding", [0x00, 0x10, 0x13, 0x40, 0xC0, 0xC8, 0xD3, 0xF0, 0xF1, 0xF3, 0x0F, 0x80]
)
def test_the_default_alphabet_of_every_group(data_coding: int) -> None:
    assert decode(gsm7.encode("@£ €5"), data_coding) == "@£ €5"


@pytest.mark.parametrize("data_coding", [0x08, 0x18, 0x19, 0x1B, 0x48, 0xE0, 0xE8])
def test_ucs2_of_every_group(data_coding: int) -> None:
    assert decode("Привет 😀".encode("utf-16-be"), data_coding) == "Привет 😀"


@pytest.mark.parametrize(
    ("data_coding", "octets", "text"),
    [
        (0x01, b"plain", "plain"),
        (0x03, GREETING.replace("€", "E").encode("latin-1"), GREETING.replace("€", "E")),
        (0x05, "日本語".encode("iso2022_jp"), "日本語"),
        (0x05, "日本語".encode("shift_jis"), "日本語"),
        (0x05, bytes(octet & 0x7F for octet in "日本語".encode("euc_jp")), "日本語"),
        (0x05, b"just ASCII", "just ASCII"),
        (0x06, "Привет".encode("iso8859_5"), "Привет"),
        (0x07, "שלום".encode("iso8859_8"), "שלום"),
        (0x0E, "안녕".encode("euc_kr"), "안녕"),
        (0x04, b"8-bit but text", "8-bit but text"),
        (0xF5, "é in UTF-8".encode(), "é in UTF-8"),
        (0x08, b"\xff\xfeH\0i\0", "Hi"),
        (0x08, b"\xfe\xff\0H\0i", "Hi"),
        (0x00, "Latin-1 sent as default: é".encode("latin-1"), "Latin-1 sent as default: é"),
    ],
)
def test_the_table(data_coding: int, octets: bytes, text: str) -> None:
    assert decode(octets, data_coding) == text


@pytest.mark.parametrize(
    ("octets", "data_coding"), [(b"\x01\x02\xff\x00", 0x04), (b"\x0b\x05\x04", 0xF7), (b"abc", 0x20)]
)
def test_what_is_no_text_is_none(octets: bytes, data_coding: int) -> None:
    assert decode(octets, data_coding) is None


def test_another_default_alphabet() -> None:
    assert decode(b"@ \xe9", 0x00, "latin1") == "@ é"
    assert decode(b"\x00", 0x00) == "@"


@given(st.binary(max_size=300), st.integers(0, 255))
def test_any_octets_in_any_coding(octets: bytes, data_coding: int) -> None:
    assert isinstance(alphabet_of(data_coding), Alphabet)
    text = decode(octets, data_coding)
    assert text is None or "\0" not in text

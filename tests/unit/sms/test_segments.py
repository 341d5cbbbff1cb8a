"""Alphabet and segmentation, against smsutil as the oracle, and the rules it does not know."""

import pytest
import smsutil
from hypothesis import assume, given
from hypothesis import strategies as st

from offhook.sms import gsm7
from offhook.sms.clusters import clusters
from offhook.sms.segments import CONCATENATED, Encoding, count, encode_part, segment

GSM_TEXT = st.text(alphabet="@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789abcXYZ^{}\\[~]|€")
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=400)


def repeated(texts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(lambda text, times: text * times, texts, st.integers(1, 40)).filter(
        lambda text: len(text) <= 1600
    )


@given(repeated(GSM_TEXT) | repeated(ANY_TEXT))
def test_parts_join_to_the_text_and_fit(text: str) -> None:
    encoding, parts = segment(text)
    assert "".join(parts) == text
    limit = (CONCATENATED[encoding] if len(parts) > 1 else 160) * (2 if encoding is Encoding.UCS2 else 1)
    assert all(len(encode_part(part, encoding)) <= limit for part in parts)


@given(repeated(GSM_TEXT) | repeated(ANY_TEXT))
def test_as_many_segments_as_the_oracle(text: str) -> None:
    # The oracle knows no clusters, and cuts them; and it takes the escape to the other table for a character.
    assume("\x1b" not in text and len(text) == sum(1 for _ in clusters(text)))
    oracle = smsutil.split(text)
    assert count(text) == max(len(oracle.parts), 1)
    assert (segment(text).encoding is Encoding.GSM7) == (not text or smsutil.is_valid_gsm(text))


@given(GSM_TEXT)
def test_the_alphabet_is_the_oracles(text: str) -> None:
    assert gsm7.encode(text) == (smsutil.encode(text) if text else b"")
    assert gsm7.decode(gsm7.encode(text)) == text


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("a" * 152 + "€" + "b" * 153, 3),
        ("ж" * 70, 1),
        ("ж" * 71, 2),
        ("ж" * 134, 2),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("ж" * 66 + "😀" + "ж" * 66, 3),
    ],
)
def test_where_a_text_needs_one_more(text: str, segments: int) -> None:
    assert count(text) == segments


def test_an_escape_or_pair_is_never_cut() -> None:
    _, parts = segment("a" * 152 + "€" + "a" * 20)
    assert [len(part) for part in parts] == [152, 21]
    _, parts = segment("ж" * 66 + "😀" + "ж" * 20)
    assert [len(part) for part in parts] == [66, 21]


def test_alphabet_corners() -> None:
    assert gsm7.encode("€@\x0c") == b"\x1b\x65\x00\x1b\x0a"
    assert gsm7.decode(b"\x1b\x65\x1b\x41\x1b\x1b\x41\x1b") == "€A A "
    assert gsm7.decode(b"\xff") == "\ufffd"
    with pytest.raises(ValueError, match="alphabet"):
        gsm7.encode("ж")
    assert not gsm7.encodable("\x1b")


def test_a_lone_surrogate_is_replaced() -> None:
    encoding, parts = segment("a\ud800b")
    assert encode_part(parts[0], encoding).decode("utf-16-be") == "a\ufffdb"


@given(st.binary(max_size=254))
def test_any_octets_decode(octets: bytes) -> None:
    assert len(gsm7.decode(octets)) <= len(octets) + 1


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", []),
        ("ab", ["a", "b"]),
        ("e\u0301\u0327x", ["e\u0301\u0327", "x"]),
        ("👨\u200d👩\u200d👧!", ["👨\u200d👩\u200d👧", "!"]),
        ("👍🏽", ["👍🏽"]),
        ("☎\ufe0fx", ["☎\ufe0f", "x"]),
        ("🇩🇪🇫🇷🇺", ["🇩🇪", "🇫🇷", "🇺"]),
        ("🏴\U000e0067\U000e007f", ["🏴\U000e0067\U000e007f"]),
        ("\u1100\u1161\u11a8한", ["\u1100\u1161\u11a8", "한"]),
        ("1\ufe0f\u20e3", ["1\ufe0f\u20e3"]),
        # Hangul in pieces: an open syllable takes a vowel or an end, a closed one only an end, an end only an end.
        ("\u1100\uac00\u11a8", ["\u1100\uac00\u11a8"]),
        ("\uac00\u1161", ["\uac00\u1161"]),
        ("\uac01\u1161", ["\uac01", "\u1161"]),
        ("\uac01\u11a8\u11a8", ["\uac01\u11a8\u11a8"]),
        ("\u1161\u1161\u11a8\u1161", ["\u1161\u1161\u11a8", "\u1161"]),
        ("\u1161\u1100", ["\u1161", "\u1100"]),
        ("한a", ["한", "a"]),
        ("\n\u0301", ["\n", "\u0301"]),
        ("a\u200db", ["a\u200d", "b"]),
    ],
)
def test_clusters(text: str, pieces: list[str]) -> None:
    assert list(clusters(text)) == pieces


def test_a_cluster_is_cut_only_when_no_segment_holds_it() -> None:
    family = "👨\u200d👩\u200d👧\u200d👦"
    _, parts = segment("ж" * 60 + family + "ж" * 30)
    assert parts == ("ж" * 60, family + "ж" * 30)
    _, parts = segment("a" + "\u0301" * 100)
    assert [len(part) for part in parts] == [67, 34]

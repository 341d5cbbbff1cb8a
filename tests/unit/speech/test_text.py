"""Cutting texts into pieces that are spoken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.speech.text import FIRST_PIECE, LONGEST_PIECE, ends_sentence, split_text


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Hello world.", ["Hello world."]),
        ("Hello. How are you? Fine!", ["Hello.", "How are you?", "Fine!"]),
        ("Dr. Smith is in.", ["Dr. Smith is in."]),
        ("It costs 3.50 dollars. Thank you.", ["It costs 3.50 dollars.", "Thank you."]),
        ("Come at 9 a.m. or later.", ["Come at 9 a.m. or later."]),
        ("J. R. Smith called.", ["J. R. Smith called."]),
        ('He said "Stop." Then he left.', ['He said "Stop."', "Then he left."]),
        ("你好。再见。", ["你好。", "再见。"]),
        ("  spaces \n and\tlines  ", ["spaces and lines"]),
        ("", []),
        ("... !!!", []),
    ],
)
def test_sentences(text: str, pieces: list[str]) -> None:
    assert split_text(text) == pieces


def test_the_first_piece_is_a_clause_of_a_long_sentence() -> None:
    pieces = split_text(
        "Welcome to Acme, the home of fine things, where nobody ever has to wait for anything."
    )
    assert pieces[0] == "Welcome to Acme,"
    assert len(pieces[0]) <= FIRST_PIECE


def test_a_pause_for_a_sentence_is_told_from_one_for_a_comma() -> None:
    assert ends_sentence("Hello.") and ends_sentence('"Stop!"') and ends_sentence("你好。")
    assert not ends_sentence("Hello,") and not ends_sentence("Hello")


@given(st.text(max_size=2000))
def test_no_word_is_lost_and_no_piece_too_long(text: str) -> None:
    pieces = split_text(text)
    assert all(piece.strip() and len(piece) <= LONGEST_PIECE for piece in pieces)
    spoken = [character for character in text if character.isalnum()]
    assert [character for piece in pieces for character in piece if character.isalnum()] == spoken

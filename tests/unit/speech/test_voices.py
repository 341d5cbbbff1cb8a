"""Twilio's names of voices."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.speech.voices import Voice, find_voice


@pytest.mark.parametrize(
    ("name", "language", "expected"),
    [
        ("man", "en-US", Voice("en-us", False)),
        ("woman", "en-GB", Voice("en-gb", True)),
        ("alice", "de-DE", Voice("de-de", True)),
        ("alice", "pt_BR", Voice("pt-br", True)),
        (None, None, Voice("en-us", False)),
        ("", "", Voice("en-us", False)),
        ("Polly.Joanna", "en-US", Voice("en-us", True)),
        ("Polly.Matthew-Neural", "en-US", Voice("en-us", False)),
        ("Polly.Mathieu", "en-US", Voice("fr-fr", False)),
        ("Polly.Céline", "fr-FR", Voice("fr-fr", True)),
        ("polly.zhiyu", "zh-CN", Voice("cmn-cn", True)),
        ("Polly.Nobody", "it-IT", Voice("it-it", True)),
        ("Google.de-DE-Wavenet-B", "en-US", Voice("de-de", False)),
        ("Google.en-US-Chirp3-HD-Aoede", "en-US", Voice("en-us", True)),
        ("Google.nonsense", "es-MX", Voice("es-mx", True)),
        ("man", "en us; rm -rf", Voice("en-us", False)),
    ],
)
def test_names(name: str | None, language: str | None, expected: Voice) -> None:
    assert find_voice(name, language) == expected


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_name_gives_a_voice_with_a_clean_language_tag(name: str, language: str) -> None:
    voice = find_voice(name, language)
    assert voice.language.isascii() and voice.language.replace("-", "").isalnum()

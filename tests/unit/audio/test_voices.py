"""Twilio's names of voices."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.audio import voices
from offhook.audio.voices import Voice, find_voice, speaks, unspoken


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


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Hello, größe, 12 €, π", "en-US", ()),
        ("こんにちは カタカナ", "ja-JP", ()),
        ("日本語を話します", "ja-JP", ("Chinese characters",)),
        ("你好", "zh-CN", ()),
        ("你好", "zh-TW", ()),
        ("你好 привет", "en-US", ("Chinese characters", "Cyrillic")),
        ("привет", "ru-RU", ()),
        ("привет, hello", "uk-UA", ()),
        ("안녕 नमस्ते καλημέρα", "de-DE", ()),
        ("مرحبا שלום", "ar", ("Hebrew script",)),
        ("สวัสดี", "en-US", ("Thai script",)),
    ],
)
def test_scripts_that_a_voice_cannot_speak(text: str, language: str, expected: tuple[str, ...]) -> None:
    assert unspoken(text, find_voice("woman", language)) == expected


@given(st.text())
def test_any_text_has_an_answer(text: str) -> None:
    unspoken(text, find_voice(None, None))


def test_languages_without_a_voice() -> None:
    assert speaks(find_voice("alice", "de-CH"))
    assert speaks(find_voice("Polly.Hiujin", None))
    assert not speaks(find_voice("alice", "tl-PH"))


def test_every_voice_of_twilio_speaks() -> None:
    names = (name for _, women, men in voices._POLLY for name in f"{women} {men}".split())
    assert [name for name in names if not speaks(find_voice(f"Polly.{name}", None))] == []

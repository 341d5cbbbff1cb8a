"""What Twilio's names of voices mean here: a language and whether the voice is a woman's; and what it can speak.

``man``, ``woman`` and ``alice`` speak the language that is asked for; a Polly or Google voice speaks its own,
whatever is asked for, since its name says so. Unknown names are women's voices, like Twilio's default.

What a voice can speak is what eSpeak NG can: it has some hundred languages, and speaks words of most scripts in
a language of that script. Of the others it says what letter each is, unless the language is written so.
"""

import unicodedata
from dataclasses import dataclass

_POLLY = (
    ("en-US", "Joanna Ivy Kendra Kimberly Salli Ruth Danielle", "Joey Justin Matthew Kevin Stephen Gregory"),
    ("en-GB", "Amy Emma", "Brian Arthur"),
    ("en-GB-WLS", "", "Geraint"),
    ("en-AU", "Nicole Olivia", "Russell"),
    ("en-IN", "Raveena Aditi Kajal", ""),
    ("en-IE", "Niamh", ""),
    ("en-NZ", "Aria", ""),
    ("en-ZA", "Ayanda", ""),
    ("en-SG", "Jasmine", ""),
    ("ar", "Zeina Hala", "Zayd"),
    ("ca-ES", "Arlet", ""),
    ("cmn-CN", "Zhiyu", ""),
    ("yue-CN", "Hiujin", ""),
    ("cs-CZ", "Jitka", ""),
    ("cy-GB", "Gwyneth", ""),
    ("da-DK", "Naja Sofie", "Mads"),
    ("de-DE", "Marlene Vicki", "Hans Daniel"),
    ("de-AT", "Hannah", ""),
    ("de-CH", "Sabrina", ""),
    ("es-ES", "Conchita Lucia", "Enrique Sergio Raul"),
    ("es-MX", "Mia", "Andres"),
    ("es-US", "Lupe Penelope", "Miguel Pedro"),
    ("fi-FI", "Suvi", ""),
    ("fr-FR", "Celine Lea", "Mathieu Remi"),
    ("fr-BE", "Isabelle", ""),
    ("fr-CA", "Chantal Gabrielle", "Liam"),
    ("is-IS", "Dora", "Karl"),
    ("it-IT", "Carla Bianca", "Giorgio Adriano"),
    ("ja-JP", "Mizuki Kazuha Tomoko", "Takumi"),
    ("ko-KR", "Seoyeon Jihye", ""),
    ("nb-NO", "Liv Ida", ""),
    ("nl-NL", "Lotte Laura", "Ruben"),
    ("nl-BE", "Lisa", ""),
    ("pl-PL", "Ewa Maja Ola", "Jacek Jan"),
    ("pt-BR", "Camila Vitoria", "Ricardo Thiago"),
    ("pt-PT", "Ines", "Cristiano"),
    ("ro-RO", "Carmen", ""),
    ("ru-RU", "Tatyana", "Maxim"),
    ("sv-SE", "Astrid Elin", ""),
    ("tr-TR", "Filiz Burcu", ""),
)  # fmt: skip
"""Amazon Polly's voices: language, women, men. Suffixes such as -Neural and -Generative are the same person."""
_WITH_A_VOICE = (
    "af am an ar arb as az ba be bg bn bpy bs ca chr cmn cs cv cy da de el en eo es et eu fa fi fo fr ga gd gn grc"
    " gu hak haw he hi hr ht hu hy hyw ia id in io is it iw ja ka kk kl kn ko kok ku ky la lb lfn lt ltg lv mi mk ml"
    " mr ms mt mto my nb nci ne nl nn no nog om or pa pap pl pt py qu quc ro ru sd shn si sk sl smj sq sr sv sw ta te"
    " th ti tk tn tr tt ug uk ur uz vi yue zh"
)
_LANGUAGES = frozenset(_WITH_A_VOICE.split())
_SCRIPTS = {
    "CJK": ("Chinese characters", "cmn yue zh"),
    "HIRAGANA": ("Japanese kana", "ja"),
    "KATAKANA": ("Japanese kana", "ja"),
    "CYRILLIC": ("Cyrillic", "ba be bg bs cv hr kk ky mk nog ru sr tt uk uz"),
    "ARABIC": ("Arabic script", "ar arb fa sd ug ur"),
    "HEBREW": ("Hebrew script", "he iw"),
    "THAI": ("Thai script", "th"),
}
"""Scripts that a voice reads as letters' names, except in the languages written in them.

By the first word of their characters' Unicode names: what the script is called, and its languages.
"""
_DEFAULT_LANGUAGE = "en-US"
_MAX_TAG = 35
# Google names most of its men with these letters: Google.en-US-Standard-B.
_GOOGLE_MEN = frozenset("BDIJ")


@dataclass(frozen=True, slots=True)
class Voice:
    """A kind of voice: a BCP 47 language tag in lower case, and a woman's or a man's."""

    language: str
    female: bool

    @property
    def primary(self) -> str:
        """The primary language subtag: ``en`` of ``en-us``."""
        return self.language.partition("-")[0]


_BY_NAME = {
    name.lower(): Voice(language.lower(), female)
    for language, women, men in _POLLY
    for names, female in ((women, True), (men, False))
    for name in names.split()
}
_ACCENTS = str.maketrans("áéíóúèêñô", "aeioueeno")


def find_voice(name: str | None, language: str | None) -> Voice:
    """The voice that a `voice` and a `language` attribute of ``<Say>`` ask for; never fails."""
    wanted = _tag(language)
    provider, dot, rest = (name or "man").strip().lower().partition(".")
    if not dot:
        return Voice(wanted, provider != "man")
    if provider == "google":
        return _google(rest, wanted)
    return _BY_NAME.get(rest.partition("-")[0].translate(_ACCENTS), Voice(wanted, True))


def speaks(voice: Voice) -> bool:
    """Whether there is a voice of its language; English is spoken where there is none."""
    return voice.primary in _LANGUAGES


def unspoken(text: str, voice: Voice) -> tuple[str, ...]:
    """The scripts in `text` that a voice cannot speak as words, as people call them."""
    found: dict[str, None] = {}
    for character in text:
        if character.isascii() or not character.isalpha():
            continue
        name, languages = _SCRIPTS.get(unicodedata.name(character, "").partition(" ")[0], ("", voice.primary))
        if voice.primary not in languages.split():
            found[name] = None
    return tuple(found)


def _google(rest: str, wanted: str) -> Voice:
    """``en-us-standard-c`` and the like."""
    parts = rest.split("-")
    if len(parts) < 2:
        return Voice(wanted, True)
    return Voice(_tag(f"{parts[0]}-{parts[1]}"), parts[-1].upper() not in _GOOGLE_MEN)


def _tag(language: str | None) -> str:
    """A language tag in lower case with hyphens; the default for what is none."""
    tag = (language or _DEFAULT_LANGUAGE).strip().replace("_", "-").lower()
    well_formed = 2 <= len(tag) <= _MAX_TAG and all(
        part.isascii() and part.isalnum() for part in tag.split("-")
    )
    return tag if well_formed else _DEFAULT_LANGUAGE.lower()

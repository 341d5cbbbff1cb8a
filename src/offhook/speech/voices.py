"""What Twilio's names of voices mean here: a language and whether the voice is a woman's.

``man``, ``woman`` and ``alice`` speak the language that is asked for; a Polly or Google voice speaks its own,
whatever is asked for, since its name says so. Unknown names are women's voices, like Twilio's default. Pure.
"""

from dataclasses import dataclass

#: Amazon Polly's voices: language, women, men. Suffixes such as -Neural and -Generative are the same person.
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

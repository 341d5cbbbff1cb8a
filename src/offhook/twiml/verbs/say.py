"""`<Say>`: speaks a text. SSML in it is read as `offhook.twiml.ssml` says."""

from __future__ import annotations

from dataclasses import dataclass

from offhook.audio.voices import find_voice, speaks, unspoken
from offhook.twiml import effects, ssml
from offhook.twiml.attributes import WITHOUT_EFFECT, language_tag, loops, pattern
from offhook.twiml.turn import Turn
from offhook.twiml.verb import NEXT, Outcome, Verb

INVALID_LANGUAGE = 13512
INVALID_TEXT = 13520
TEXT_TOO_LONG = 13521
LONGEST_TEXT = 4096


@dataclass(frozen=True, slots=True)
class Say(Verb):
    """The text is what is said. A voice that is not installed is replaced by one of the same language."""

    voice: str = pattern(
        r"(?i:man|woman|alice|default)|(Polly|Google|ElevenLabs)\.[\w.-]{1,60}",
        "man, woman, alice or a name such as Polly.Joanna",
        "man",
        code=13511,
    )
    loop: int = loops(code=13510)
    language: str = language_tag("en-US", code=INVALID_LANGUAGE)

    nests = ssml.ELEMENTS

    def begin(self, turn: Turn) -> Outcome:
        """Speak; a text that is too long is cut, one without anything to say is skipped."""
        text = ssml.spoken(self.element)
        if not any(character.isalnum() for character in text):
            turn.warn(INVALID_TEXT, self.element, "There is nothing to say")
            return NEXT
        self._tell_what_is_not_spoken(text, turn)
        if len(text) > LONGEST_TEXT:
            turn.warn(TEXT_TOO_LONG, self.element, f"The text is cut at {LONGEST_TEXT} characters")
        turn.start(effects.Speak, text[:LONGEST_TEXT], self.voice, self.language, self.loop)
        return self

    def _tell_what_is_not_spoken(self, text: str, turn: Turn) -> None:
        """Warn of markup, a language and scripts that the caller will not hear as meant."""
        if ignored := ", ".join(sorted(ssml.ignored(self.element))):
            turn.warn(WITHOUT_EFFECT, self.element, f"{ignored}: not built, without effect")
        voice = find_voice(self.voice, self.language)
        if not speaks(voice):
            turn.warn(
                INVALID_LANGUAGE, self.element, f"No voice speaks {voice.language}: an English one does"
            )
        if scripts := " and ".join(unspoken(text, voice)):
            turn.warn(INVALID_TEXT, self.element, f"The voice of {voice.language} spells {scripts} out")

"""eSpeak NG by ctypes: formant synthesis of some hundred languages, in a few milliseconds a sentence.

The library and its data come from ``espeakng-loader``. Names of functions and constants are those of its
``speak_lib.h``. Its state is global to the process, as a worker's one thread allows.
"""

import ctypes

import espeakng_loader
import numpy as np

from offhook.speech.engine import Floats

_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_DONT_EXIT = 0x8000
_CHARS_UTF8 = 1
_POS_CHARACTER = 1
_EE_OK = 0
_PARAMETER_RATE = 1
_WORDS_PER_MINUTE = 160
"""Words per minute; its default of 175 is fast for a telephone."""
# Tags that its voice files do not name: the nearest voice instead.
_NEAREST = {
    "zh": "cmn",
    "zh-hk": "yue",
    "zh-cn": "cmn",
    "zh-tw": "cmn",
    "arb": "ar",
    "no": "nb",
    "nn": "nb",
    "iw": "he",
    "in": "id",
    "es-es": "es",
    "en-au": "en-gb",
    "en-in": "en-gb",
    "en-ie": "en-gb",
    "en-nz": "en-gb",
    "en-za": "en-gb",
    "en-ca": "en-us",
    "en": "en-us",
}
_LAST_RESORT = "en-us"

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class EspeakEngine:
    """The library, initialised once."""

    def __init__(self) -> None:
        """Raises:
        RuntimeError: the library or its data is missing.
        """
        library = espeakng_loader.load_library()
        if library is None:
            raise RuntimeError("the espeak-ng library cannot be loaded")
        data = espeakng_loader.get_data_path().encode()
        rate = library.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, 0, data, _INITIALIZE_DONT_EXIT)
        if rate <= 0:
            raise RuntimeError("espeak-ng cannot be initialised")
        self._library = library
        self._rate = float(rate)
        self._audio = bytearray()
        # Kept: the library calls it for as long as it lives.
        self._callback = _Callback(self._collect)
        library.espeak_SetSynthCallback(self._callback)
        self._chosen = ""

    def speak(self, text: str, language: str, female: bool) -> tuple[Floats, float]:
        """See `offhook.speech.engine.Engine`."""
        self._choose(language, female)
        self._audio.clear()
        encoded = text.replace("\0", " ").encode()
        status = self._library.espeak_Synth(
            encoded, ctypes.c_size_t(len(encoded) + 1), 0, _POS_CHARACTER, 0, _CHARS_UTF8, None, None
        )
        if status != _EE_OK:
            raise RuntimeError(f"espeak_Synth returned {status}")
        self._library.espeak_Synchronize()
        samples = np.frombuffer(bytes(self._audio), dtype=np.int16)
        return samples.astype(np.float32) / 32768.0, self._rate

    def _collect(self, samples: "ctypes._Pointer[ctypes.c_short]", count: int, _events: int | None) -> int:
        if samples and count > 0:
            self._audio += ctypes.string_at(samples, count * 2)
        return 0

    def _choose(self, language: str, female: bool) -> None:
        variant = "+f3" if female else ""
        if self._chosen == language + variant:
            return
        for name in _candidates(language):
            if self._library.espeak_SetVoiceByName((name + variant).encode()) == _EE_OK:
                break
        # Choosing a voice resets the parameters.
        self._library.espeak_SetParameter(_PARAMETER_RATE, _WORDS_PER_MINUTE, 0)
        self._chosen = language + variant


def _candidates(language: str) -> list[str]:
    """Voice names to try for a tag, the nearest first."""
    primary, _, region = language.partition("-")
    names = [_NEAREST.get(language, language)]
    if primary == "es" and region:
        names.append("es-419")
    return [*names, _NEAREST.get(primary, primary), _LAST_RESORT]

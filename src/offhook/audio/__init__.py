"""Audio as numbers: codecs, resampling, mixing, tones, DTMF, concealment, voice activity, WAV.

Pure functions on numpy arrays.
"""

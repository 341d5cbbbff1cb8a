"""Speech synthesis: engines in worker processes, voices, splitting of text."""

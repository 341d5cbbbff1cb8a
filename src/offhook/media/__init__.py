"""The media worker: RTP sockets, the 20 ms tick over all legs, playback, bridging, taps; and voice's client for it."""

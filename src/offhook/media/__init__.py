"""The media worker: RTP sockets, the 20 ms tick over all legs, playback, bridging, taps, and the client
that voice steers it with.
"""

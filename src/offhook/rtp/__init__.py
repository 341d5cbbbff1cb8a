"""RTP (RFC 3550, 3551, 4733) without I/O: packets, reports, jitter buffers, telephone events, source latching."""

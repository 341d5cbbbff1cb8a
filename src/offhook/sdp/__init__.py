"""Session descriptions (RFC 4566) and offer/answer for one audio stream (RFC 3264)."""

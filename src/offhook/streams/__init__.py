"""The streams role: audio's asyncio side. Downloads for Play, speech for Say, recordings."""

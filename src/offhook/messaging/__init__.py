"""The messaging node: the texts that go out through carriers, their receipts, and the texts that come in."""

"""What a process reports about itself."""

import msgspec

from offhook.metrics import Registry


def test_a_report_holds_numbers_numbers_by_label_and_what_is_read_when_asked() -> None:
    registry = Registry()
    asked = registry.counter("asked")
    refused = registry.counter("refused", labels=2)
    binds = ["smpp:sink"]
    registry.fact("binds", lambda: list(binds))
    assert registry.report() == {"asked": 0, "refused": {}, "binds": ["smpp:sink"]}
    asked.add()
    refused.add(1, "INVITE", "403")
    refused.add(2, "INVITE", "403")
    binds.clear()
    assert registry.report() == {"asked": 1, "refused": {"INVITE 403": 3}, "binds": []}
    assert refused.value("INVITE", "403") == 3
    assert msgspec.json.decode(msgspec.json.encode(registry.report()))["asked"] == 1

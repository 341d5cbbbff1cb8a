"""The window that gives way to a link that breaks under it."""

from offhook.smpp.window import Window


def test_one_loss_of_a_working_link_is_chance() -> None:
    window = Window(500)
    window.lost(300, answered=True, now=100.0)
    assert window.size(100.0) == 500


def test_losses_in_a_row_halve_what_was_outstanding_and_time_brings_it_back() -> None:
    window = Window(500)
    window.lost(60, answered=False, now=100.0)
    assert window.size(100.0) == 30
    window.lost(30, answered=False, now=100.5)
    window.lost(15, answered=True, now=101.0)
    assert window.size(101.0) == 7
    assert window.size(160.0) == 7
    assert window.size(161.0) == 11
    assert window.size(10_000.0) == 500


def test_never_less_than_one_and_an_idle_link_is_no_reason() -> None:
    window = Window(10)
    for second in range(10):
        window.lost(10, answered=False, now=float(second))
    assert window.size(10.0) == 1
    window = Window(10)
    for second in range(10):
        window.lost(0, answered=False, now=float(second))
    assert window.size(10.0) == 10

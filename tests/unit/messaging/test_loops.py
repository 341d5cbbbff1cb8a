"""Two numbers that answer each other."""

from offhook.messaging.loops import MOST_IN_A_ROW, MOST_PAIRS, QUIET_SECONDS, Loops

A, B, C = "+15550100100", "+15550100101", "+15551230000"


def test_a_loop_ends_after_thirty_replies_of_the_pair_in_either_direction() -> None:
    loops = Loops()
    sent = [loops.allows(*((A, B) if turn % 2 else (B, A)), now=turn * 0.1) for turn in range(100)]
    assert sent == [True] * MOST_IN_A_ROW + [False] * 70
    assert loops.allows(A, C, now=10.0)


def test_a_pause_begins_anew() -> None:
    loops = Loops()
    now = 0.0
    for _ in range(3):
        for _ in range(MOST_IN_A_ROW):
            assert loops.allows(A, B, now)
            now += QUIET_SECONDS - 1
        assert not loops.allows(A, B, now)
        now += QUIET_SECONDS
    assert all(loops.allows(A, B, now + turn * QUIET_SECONDS) for turn in range(100))


def test_pairs_are_bounded_and_the_quiet_ones_go_first() -> None:
    loops = Loops()
    for turn in range(MOST_IN_A_ROW):
        loops.allows(A, B, float(turn) / 10)
    for number in range(MOST_PAIRS * 2):
        loops.allows(A, f"+{number}", 5.0)
        if number % 100 == 0:
            assert not loops.allows(A, B, 5.0)
    assert not loops.allows(A, B, 5.0)

"""Puts right what a process that died left behind: orphaned calls, work nobody took, stale bindings."""

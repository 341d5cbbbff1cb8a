"""Puts right what a process that died left behind: orphaned calls, work nobody heard of, stale bindings."""

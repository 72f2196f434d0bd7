"""The rules, as plain Python: no I/O, no clock, no library. Time is always an argument."""

"""The invariants that rows can show, as rules; `replay` looks for what breaks one."""

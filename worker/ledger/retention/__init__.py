"""What the ledger forgets: buyers' details first, orders as a whole much later; `pruning` does it.

Nothing that is open is forgotten, nor what something open still needs. Each step is a short
transaction of its own that waits for nobody: what somebody holds is left for the next time.
"""

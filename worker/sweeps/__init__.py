"""The sweeps: cancelling orders that went stale, and trying failed confirms again.

A sweep asks as a producer does, at a priority behind everybody's: it records cancels and retries
jobs, and the workers do the rest. What it takes up is read from the ledger, or given by the shop;
whether an order is cancelled in the end is decided by the lookup of the cancel's own claim.
"""

"""The ledger: what was accepted, what was tried, what came of it. All SQL is here."""

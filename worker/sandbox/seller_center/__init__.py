"""Seller Center's action-style API, as its pages and the ventures' SDKs describe it."""

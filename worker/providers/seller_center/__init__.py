"""Seller Center, the action-style marketplace API: order items cancelled and read.

Besides the files that every provider has: `admission` (which requests it takes), `buckets`,
`documents` (XML or JSON, read into one shape), `codes` (the table of errors), `lookup` (what is
read of an item), `reasons` (the venture's own list, for a person who checks a configuration).
"""

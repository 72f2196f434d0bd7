"""What people use today, each in the best form that its documentation gives it.

Each module is a Celery application of its own with one task, `confirm(order_id, seller=…)`, so
that jobs are asked for in the same words everywhere. The settings that they share are in
`settings`, the HTTP call of those that bring no client of their own in `calling`.
"""

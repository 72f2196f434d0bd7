"""The web process: HTTP intake at /v1, pages for whoever is on call, both on the ledger alone.

`application` puts it together and `serving` listens; `doorman` says who asks and for what,
`bounds` how much and how fast; `intake` and `looking` are /v1, `pages` the dashboard; `deeds` is
what both do to jobs and orders. Nothing here decides anything: the verbs are the ledger's and the
producers', as on the command line.
"""

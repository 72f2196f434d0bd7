"""Both providers' servers on one loopback port, for development and tests.

It shares no code with `worker.providers`: signatures are verified and quotas are kept by code of
its own, so that a mistake on one side is seen by the other. A request goes one way down:

    server      `Sandbox`, the object that one starts
    connections HTTP/1.1 on the socket
    front       one request from arrival to answer: admit, fault, apply, fault
    faults      rules that make it fail on demand
    amazon_pay, seller_center   checks, operations, states and documents of each provider
    switches, quotas, accounts, timeline, timestamps, markup, log   what both use
    books       look at the orders and the requests, set switches and faults, stage an order
    control     the same by HTTP under /_sandbox/

`exchange` holds the values that pass between them, and what a provider's service is.
"""

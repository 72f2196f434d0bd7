"""Both providers' servers on one loopback port, for development and tests.

It shares no code with `worker.providers`: signatures are verified and quotas are kept by code of
its own, so that a mistake on one side is seen by the other. A request goes one way down:

    server      the socket, and `Sandbox`, the object that one starts
    front       one request from arrival to answer: admit, fault, apply, fault
    faults      rules that make it fail on demand
    amazon_pay, seller_center   checks, operations, states and documents of each provider
    switches, quotas, accounts, timeline, timestamps, markup, log   what both use
    control     /_sandbox/: look at the orders and the log, set switches and faults
"""

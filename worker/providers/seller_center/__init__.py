"""Seller Center, the action-style marketplace API that is signed with HMAC-SHA256.

It cancels order items; it has nothing to confirm.

    provider        one seller: its calls, over
      configuration   what may stand under its name in the configuration
      door            which requests it takes
      buckets         what the provider counts together
      operations      actions, verbs, quotas
      signing         parameters, text to sign, signature, request
      responses       what an answer means, over
        envelope        XML or JSON, as one shape
        errors          the error codes, as a table
        items           what a lookup says of an item
      reasons         the venture's list of reasons, for a check by a person
"""

"""Every error code of the Amazon Pay and MWS pages, with its HTTP status and a message.

A status that the pages leave open is the likeliest one. `{order}` is the request's order.
"""

NOT_IN_DRAFT = (
    "OrderReference {order} is not in draft state and cannot be modified with the request "
    "submitted by you."
)

CODES: dict[str, tuple[int, str]] = {
    # Service-wide.
    "RequestThrottled": (503, "The frequency of requests was greater than allowed."),
    "QuotaExceeded": (503, "You exceeded your quota of requests per hour."),
    "ServiceUnavailable": (503, "Service is temporarily unavailable. Please try again."),
    "InternalError": (500, "There was an unexpected problem on the server side."),
    "InternalServerError": (500, "There was an unknown error in the service."),
    "InputStreamDisconnected": (400, "There was an error reading the input stream."),
    "InvalidParameterValue": (400, "An invalid parameter value was used."),
    "MissingParameter": (400, "A required parameter is missing."),
    "RequestExpired": (400, "Request has expired."),
    "InvalidAction": (400, "The requested operation does not exist."),
    "InvalidAddress": (400, "The requested path or operation does not exist."),
    "AccessDenied": (401, "Access to this operation was denied."),
    "UnauthorizedAccess": (401, "The specified seller account is not authorized."),
    "MissingAuthenticationToken": (401, "The request carries no MWSAuthToken."),
    "InvalidAccessKeyId": (403, "The access key is not valid."),
    "InvalidClientTokenId": (
        403,
        "The AWS Access Key Id you provided does not exist in our records.",
    ),
    "SignatureDoesNotMatch": (
        403,
        "The request signature we calculated does not match the signature you provided.",
    ),
    # The state of an object.
    "OrderReferenceNotModifiable": (
        405,
        NOT_IN_DRAFT,
    ),
    "InvalidOrderReferenceStatus": (
        405,
        "The OrderReference {order} is in a state that does not allow this operation.",
    ),
    "InvalidCancelAttempt": (405, "The OrderReference {order} cannot be canceled."),
    "InvalidCloseAttempt": (405, "The OrderReference {order} cannot be closed."),
    "InvalidAuthorizationStatus": (405, "The authorization is not in the Open state."),
    "CaptureNotRefundable": (405, "The capture cannot be refunded."),
    "BillingAgreementNotModifiable": (405, "The billing agreement cannot be modified."),
    # What was asked for.
    "ConstraintsExist": (400, "OrderReference {order} has constraints: {constraints}."),
    "BillingAgreementConstraintsExist": (400, "The billing agreement has constraints."),
    "InvalidOrderReferenceId": (404, "The OrderReferenceId {order} is invalid."),
    "InvalidAddressConsentToken": (404, "The address consent token is invalid."),
    "InvalidTransactionId": (404, "The transaction id is invalid."),
    "DuplicateReferenceId": (400, "The reference id was used before with other parameters."),
    "DuplicateRequest": (400, "The request was submitted before with other parameters."),
    "CurrencyMismatch": (400, "The currency differs from the one of the order reference."),
    "CurrencyUnsupported": (400, "The currency is not supported."),
    "InvalidAccountStatus": (403, "The seller account is not in a state that allows this."),
    "InvalidSandboxSimulationSpecified": (400, "The sandbox simulation is invalid."),
    "PaymentMethodNotUpdated": (400, "The payment method was not updated."),
    "TransactionAmountExceeded": (400, "The amount exceeds the one of the order reference."),
    "TransactionCountExceeded": (400, "The order reference has too many transactions."),
    "OrderReferenceCountExceeded": (400, "There are too many order references."),
    "PeriodicAmountExceeded": (400, "The amount of the period is exceeded."),
}

STATE_CODES = frozenset(
    {
        "OrderReferenceNotModifiable",
        "InvalidOrderReferenceStatus",
        "InvalidCancelAttempt",
        "InvalidCloseAttempt",
    }
)

STATUS_SWITCHES = {
    **dict.fromkeys(STATE_CODES, "state_error_status"),
    "ConstraintsExist": "constraints_status",
    "InvalidAddress": "invalid_address_status",
    "InvalidAction": "invalid_address_status",
}

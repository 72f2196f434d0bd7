"""Amazon Pay, OffAmazonPayments API 2013-01-01, as its pages describe it."""

"""Amazon Pay, OffAmazonPayments API 2013-01-01: order references confirmed, cancelled and read."""

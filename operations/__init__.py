"""Commands that an operator runs against a deployed stack."""

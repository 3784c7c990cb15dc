"""The ledger's schema: each file makes its number's version of the one before; a released file is never changed."""

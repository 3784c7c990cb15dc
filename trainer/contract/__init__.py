"""The only part of the trainer that the launcher may import: config types, run paths, ledger. No torch."""

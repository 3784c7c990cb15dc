"""The store of cacheable steps: built once, memory-mapped, verified."""

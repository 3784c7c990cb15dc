"""Seeded chaos: sweeps whose processes, server, connections and disks are struck, and what must hold afterwards."""

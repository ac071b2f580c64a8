"""Faults of machines: killed processes, power cuts and full disks."""

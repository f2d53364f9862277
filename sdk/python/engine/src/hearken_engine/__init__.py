"""The engine of plugins in Python: runs their texts within a node."""

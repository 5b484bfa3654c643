"""The public networks behind the anchors, rebuilt by their published structure.

Only what latency depends on is there: operators, shapes, types. Weights do not matter.
"""

"""A model and evaluation registry: models, their lineage, checkpoints, metrics, and whether a difference is real.

Owns the version alone; everything is imported from the module that owns it, such as `lightml.handle.LightMLHandle`.
"""

__version__ = "1.2.0"

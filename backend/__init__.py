"""The REST service over the store of runs: `uvicorn backend.api:app`.

Owns reading runs for clients and the one thing they may change, a run's note. Recording runs is `lab_logger`'s.
"""

__version__ = "0.1.0"

"""The registry's database, seen from outside: opening it, deleting from it, bringing it up to date.

Owns nothing of its own: it gathers what `connections`, `deletion` and `migration` hold.
"""

from lightml.connections import Address, Database, Place, close, ensure, is_address, locate, reading, writing
from lightml.deletion import delete_model
from lightml.migration import migrate

__all__ = [
    "Address",
    "Database",
    "Place",
    "close",
    "delete_model",
    "ensure",
    "is_address",
    "locate",
    "migrate",
    "reading",
    "writing",
]

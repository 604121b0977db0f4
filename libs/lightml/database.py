"""The registry's file, seen from outside: opening it, deleting from it, bringing it up to date.

Owns nothing of its own: it gathers what `connections`, `deletion` and `migration` hold.
"""

from lightml.connections import Database, ensure, locate, reading, writing
from lightml.deletion import delete_model
from lightml.migration import migrate

__all__ = ["Database", "delete_model", "ensure", "locate", "migrate", "reading", "writing"]

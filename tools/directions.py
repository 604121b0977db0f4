"""Which way a metric is better, and how that is said.

Owns the wording; the rule itself is shared with the libraries below.
"""

from lab_logger.directions import better_order
from tools.calls import Order

__all__ = ["better_order", "order_text"]


def order_text(order: Order) -> str:
    """Says an order in words."""
    return "lowest first" if order == "asc" else "highest first"

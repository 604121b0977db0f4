"""The artifact store: the content that training machines sent, in a folder or a bucket, by its SHA-256.

`store` keeps content, `writing` lets it appear whole or not at all, `failures` says in words what went wrong, `records`
keeps the table `objects` in step, and `sweeping` finds what nothing refers to. `python -m backend.objects` is the
command.
"""

from backend.objects.store import MAX_PART_BYTES, MAX_PARTS, ObjectStore

__all__ = ["MAX_PARTS", "MAX_PART_BYTES", "ObjectStore"]

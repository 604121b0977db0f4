"""What the lineage of models is."""

from pydantic import BaseModel

from lightml.models.registry import ModelRecord


class LineageNode(ModelRecord):
    """A model in the lineage, with what is known of it.

    Attributes:
        checkpoints: How many checkpoints it has.
        benchmarks: The (family, metric name) pairs of its own metrics, in order.
        is_orphan: Whether the model it was made from has been deleted.
    """

    checkpoints: int
    benchmarks: list[tuple[str, str]]
    is_orphan: bool


class LineageEdge(BaseModel):
    """One model made from another.

    Attributes:
        parent_id: The model it was made from.
        child_id: The model that was made.
    """

    parent_id: int
    child_id: int


class LineageGraph(BaseModel):
    """Models and which was made from which.

    Attributes:
        nodes: The models, by run and name.
        edges: From each parent to its child, where both are among the nodes.
    """

    nodes: list[LineageNode]
    edges: list[LineageEdge]

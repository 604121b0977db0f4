from collections.abc import Mapping

import pytest

from ui.model_registry.forest import Place, layout, tree_of


def cells(parents: Mapping[int, int | None]) -> dict[int, tuple[float, float]]:
    return {model: (place.x, place.y) for model, place in layout(parents).items()}


def test_nothing_has_no_places() -> None:
    assert layout({}) == {}


def test_a_chain_lies_in_one_row_from_left_to_right() -> None:
    assert cells({1: None, 2: 1, 3: 2}) == {1: (0, 0), 2: (1, 0), 3: (2, 0)}


def test_siblings_lie_below_each_other_and_trees_below_trees() -> None:
    parents = {1: None, 2: 1, 3: 1, 4: 2, 5: 2, 10: None, 11: 10}
    assert cells(parents) == {1: (0, 0), 2: (1, 0), 4: (2, 0), 5: (2, 1), 3: (1, 2), 10: (0, 3), 11: (1, 3)}


def test_models_that_stand_alone_lie_in_a_grid_below_the_trees() -> None:
    parents: dict[int, int | None] = {1: None, 2: 1, **dict.fromkeys(range(10, 15))}
    found = cells(parents)
    assert [found[model] for model in range(10, 15)] == [(0, 1), (1, 1), (2, 1), (0, 2), (1, 2)]


def test_a_parent_that_is_not_shown_makes_a_root() -> None:
    assert cells({2: 99, 3: 2}) == {2: (0, 0), 3: (1, 0)}


def test_a_model_with_checkpoints_gets_room_beneath_its_row() -> None:
    places = layout({1: None, 2: 1, 3: 1}, with_strip=frozenset({2}))
    assert places[3].y > 1
    assert places[1] == Place(0.0, 0.0)


@pytest.mark.parametrize("parents", [{1: 1}, {1: 2, 2: 1}, {1: 3, 2: 1, 3: 2, 4: 3}])
def test_a_circle_is_laid_out_too(parents: Mapping[int, int | None]) -> None:
    places = cells(parents)
    assert places.keys() == parents.keys()
    assert len(set(places.values())) == len(parents)
    assert tree_of(parents, frozenset({1})) == parents.keys()


def test_a_chain_of_a_thousand_and_a_thousand_children_are_laid_out() -> None:
    chain = {at: at - 1 if at else None for at in range(1_000)}
    broad = {1_000 + at: 1_000 if at else None for at in range(1_000)}
    places = cells(chain | broad)
    assert len(set(places.values())) == 2_000


def test_a_tree_is_found_from_any_of_its_models() -> None:
    parents = {1: None, 2: 1, 3: 2, 4: None, 5: 99}
    assert tree_of(parents, frozenset({3})) == {1, 2, 3}
    assert tree_of(parents, frozenset({4, 5})) == {4, 5}
    assert tree_of(parents, frozenset()) == frozenset()

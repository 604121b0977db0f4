import inspect

import lab_logger
from lab_logger import errors


def test_every_public_name_is_there_and_listed_in_order() -> None:
    assert lab_logger.__all__ == sorted(lab_logger.__all__)
    for name in lab_logger.__all__:
        assert getattr(lab_logger, name).__module__.startswith("lab_logger.")
    assert set(dir(lab_logger)) >= set(lab_logger.__all__) - {"Artifact", "Run"}


def test_every_public_function_and_class_says_what_it_does() -> None:
    for name in lab_logger.__all__:
        assert inspect.getdoc(getattr(lab_logger, name)), name


def test_every_error_has_the_one_root_and_stands_in_the_drawn_tree() -> None:
    found = [error for _, error in inspect.getmembers(errors, inspect.isclass)]
    assert lab_logger.LabLoggerError in found
    for error in found:
        assert issubclass(error, lab_logger.LabLoggerError)
        assert error.__name__ in (errors.__doc__ or "")


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    assert not hasattr(lab_logger, "log_everything")


def test_the_examples_in_the_docstring_are_the_public_names() -> None:
    from lab_logger import Artifact, Run

    assert Run.__name__ == "Run"
    assert Artifact.__name__ == "Artifact"

"""One demo for all who only look at it or who have an account of their own in it."""

from collections.abc import Iterator

import pytest

from tests.demo.visiting import Visitor, demo


@pytest.fixture(scope="session")
def suspended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    """A demo in which 24 days have passed: whoever could be told both times, and has not paid, is suspended."""
    with demo(tmp_path_factory.mktemp("demo")) as visitor:
        visitor.let_pass("14-days", "5-days", "5-days")
        yield visitor

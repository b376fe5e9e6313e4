"""What the planner relies on in operators: the commutator turned round and the negator negated give the same
answers."""

from __future__ import annotations

from itertools import product
from typing import Any, ClassVar

import pytest

from heliosdb.spi import Operator, Registries, resolve_implementation
from heliosdb_testkit.surroundings import RestingSession, registries_of

__all__ = ["OperatorSuite"]


class OperatorSuite:
    """Subclass it and give the operators, each as (name, left type, right type), and texts of each type.

    ``answers``: (left text, name, right text) to the expected text of the result.
    """

    plugin: ClassVar[Any] = None
    operators: ClassVar[tuple[tuple[str, str, str], ...]]
    samples: ClassVar[dict[str, tuple[str, ...]]]
    answers: ClassVar[dict[tuple[str, str, str], str]] = {}

    @pytest.fixture
    def registries(self) -> Registries:
        """The core's registrations and the plugin's."""
        return registries_of(self.plugin)

    def find(self, registries: Registries, name: str, left: str, right: str) -> Operator:
        """Return the operator with these operand types."""
        found = [o for o in registries.operators.get(name, ()) if (o.left, o.right) == (left, right)]
        assert found, f"operator {left} {name} {right} is not registered"
        return found[0]

    def apply(self, registries: Registries, operator: Operator, left: Any, right: Any) -> Any:
        """Compute ``left operator right``."""
        assert operator.left is not None
        (function,) = [
            function
            for function in registries.functions[operator.function]
            if function.arguments == (operator.left, operator.right)
        ]
        implementation = getattr(function, "implementation", None)
        assert implementation is not None, f"{operator.function} is no scalar function"
        assert function.returns == operator.returns
        session = (RestingSession(registries),) if getattr(function, "needs_session", False) else ()
        return resolve_implementation(implementation)(left, right, *session)

    def datums(self, registries: Registries, type_name: str) -> list[Any]:
        """Return the samples of a type as datums."""
        read, session = registries.types.input(type_name), RestingSession(registries)
        return [read(text, -1, session) for text in self.samples[type_name]]

    def test_there_are_operators_and_samples(self) -> None:
        """A suite without examples would prove nothing."""
        assert self.operators
        assert all(len(self.samples[name]) >= 2 for _, *types in self.operators for name in types)

    def test_a_commutator_gives_the_same_with_the_operands_exchanged(self, registries: Registries) -> None:
        """``a < b`` is ``b > a``: the planner turns comparisons round to fit an index."""
        for name, left, right in self.operators:
            operator = self.find(registries, name, left, right)
            if operator.commutator is not None:
                turned = self.find(registries, operator.commutator, right, left)
                for a, b in product(self.datums(registries, left), self.datums(registries, right)):
                    assert self.apply(registries, operator, a, b) == self.apply(registries, turned, b, a), (a, name, b)

    def test_a_negator_gives_the_opposite(self, registries: Registries) -> None:
        """``NOT a < b`` is ``a >= b``: the planner removes NOT this way."""
        for name, left, right in self.operators:
            operator = self.find(registries, name, left, right)
            if operator.negator is not None:
                negated = self.find(registries, operator.negator, left, right)
                for a, b in product(self.datums(registries, left), self.datums(registries, right)):
                    assert self.apply(registries, operator, a, b) is not self.apply(registries, negated, a, b), (a, b)

    def test_an_operator_that_hashes_is_an_equality_with_a_hash_key(self, registries: Registries) -> None:
        """A hash join puts two values together exactly where the operator says that they are equal."""
        for name, left, right in self.operators:
            operator = self.find(registries, name, left, right)
            if operator.hashes and left == right:
                classes = registries.operator_classes.get(("hash", left), ())
                assert any(name in found.operators.values() for found in classes), f"no hash class has {name}"

    def test_the_answers_are_the_expected_ones(self, registries: Registries) -> None:
        """Each of ``answers`` comes out as its text."""
        session = RestingSession(registries)
        by_name = {name: (left, right) for name, left, right in self.operators}
        for (left_text, name, right_text), expected in self.answers.items():
            left, right = by_name[name]
            operator = self.find(registries, name, left, right)
            a = registries.types.input(left)(left_text, -1, session)
            b = registries.types.input(right)(right_text, -1, session)
            result = self.apply(registries, operator, a, b)
            shown = registries.types.output(operator.returns)(result, session)
            assert shown == expected, f"{left_text} {name} {right_text}"

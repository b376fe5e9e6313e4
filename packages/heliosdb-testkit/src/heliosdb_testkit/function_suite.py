"""What the code generator relies on in scalar functions: they are what they declare, and inline forms compute the
same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from heliosdb.errors import Error
from heliosdb.spi import ColumnValues, Registries, ScalarFunction, resolve_implementation
from heliosdb_testkit.surroundings import RestingSession, registries_of

__all__ = ["FunctionSuite"]


class FunctionSuite:
    """Subclass it and give calls: (name, argument types, argument texts) to the result's text.

    ``errors``: the same to the expected SQLSTATE.
    """

    plugin: ClassVar[Any] = None
    calls: ClassVar[dict[tuple[str, tuple[str, ...], tuple[str, ...]], str]]
    errors: ClassVar[dict[tuple[str, tuple[str, ...], tuple[str, ...]], str]] = {}

    @pytest.fixture
    def registries(self) -> Registries:
        """The core's registrations and the plugin's."""
        return registries_of(self.plugin)

    def find(self, registries: Registries, name: str, types: tuple[str, ...]) -> ScalarFunction:
        """Return the scalar function with these argument types."""
        found = [f for f in registries.functions.get(name, ()) if f.arguments == types]
        assert found, f"function {name}({', '.join(types)}) is not registered"
        assert isinstance(found[0], ScalarFunction)
        return found[0]

    def arguments(self, registries: Registries, types: tuple[str, ...], texts: tuple[str, ...]) -> list[Any]:
        """Return the arguments as datums."""
        session = RestingSession(registries)
        return [registries.types.input(name)(text, -1, session) for name, text in zip(types, texts, strict=True)]

    def test_there_are_calls(self) -> None:
        """A suite without examples would prove nothing."""
        assert self.calls

    def test_calls_give_the_expected_results(self, registries: Registries) -> None:
        """The implementation gives what each call expects, and the same again where it is not volatile."""
        session = RestingSession(registries)
        for (name, types, texts), expected in self.calls.items():
            function = self.find(registries, name, types)
            implementation = _callable(function, session)
            arguments = self.arguments(registries, types, texts)
            result = implementation(*arguments)
            assert registries.types.output(function.returns)(result, session) == expected, (name, texts)
            if function.volatility != "volatile":
                assert implementation(*arguments) == result, (name, texts)

    def test_inline_forms_compute_what_the_implementation_computes(self, registries: Registries) -> None:
        """The source template, filled in as the code generator does, gives the same."""
        session = RestingSession(registries)
        for name, types, texts in self.calls:
            function = self.find(registries, name, types)
            if function.inline is not None:
                names = [f"a{number}" for number in range(len(types))]
                source = function.inline.format(*names, f="implementation", t="temporary")
                arguments = self.arguments(registries, types, texts)
                implementation = _callable(function, session)
                given = {"implementation": implementation, **dict(zip(names, arguments, strict=True))}
                assert eval(source, given) == implementation(*arguments), (name, texts)

    def test_column_forms_compute_what_the_implementation_computes(self, registries: Registries) -> None:
        """For columns of all the arguments that the calls have, one of them a column or all, the same or nothing."""
        groups: dict[tuple[str, tuple[str, ...]], list[list[Any]]] = {}
        for name, types, texts in self.calls:
            groups.setdefault((name, types), []).append(self.arguments(registries, types, texts))
        for (name, types), calls in groups.items():
            function = self.find(registries, name, types)
            if function.column_form is None:
                continue
            form, implementation = (
                resolve_implementation(function.column_form),
                resolve_implementation(function.implementation),
            )
            rows = [tuple(arguments) for arguments in calls]
            columns = [ColumnValues(rows, place) for place in range(len(types))]
            for place, column in enumerate(columns):
                for row in rows:
                    given = [*row[:place], column, *row[place + 1 :]]
                    expected = [(*row[:place], value, *row[place + 1 :]) for value in column.values]
                    _check_column(form(*given), implementation, expected, name)
            _check_column(form(*columns), implementation, rows, name)

    def test_errors_have_the_expected_sqlstate(self, registries: Registries) -> None:
        """What the function cannot compute is an error of ours."""
        session = RestingSession(registries)
        for (name, types, texts), sqlstate in self.errors.items():
            function = self.find(registries, name, types)
            with pytest.raises(Error) as raised:
                _callable(function, session)(*self.arguments(registries, types, texts))
            assert raised.value.sqlstate == sqlstate, (name, texts)


def _check_column(found: Any, implementation: Callable[..., Any], calls: list[Any], name: str) -> None:
    """Check what a column form gives for calls; None is right for any, for then each row is asked."""
    if found is not None:
        values = found if isinstance(found, list) else found.tolist()
        assert [repr(value) for value in values] == [repr(implementation(*arguments)) for arguments in calls], name
        assert list(found.take([0]) if not isinstance(found, list) else found[:1]) == values[:1], name


def _callable(function: ScalarFunction, session: RestingSession) -> Callable[..., Any]:
    assert not function.specialize, f"{function.name} is made for each call: test it through SQL"
    implementation = resolve_implementation(function.implementation)
    if not function.needs_session:
        return implementation
    return lambda *arguments: implementation(*arguments, session)

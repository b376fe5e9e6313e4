"""A session's settings, with the scopes that SET, SET LOCAL and ROLLBACK give them.

A value set in a transaction is undone when the transaction, or the savepoint since which it was set, is rolled back;
SET LOCAL ends with the transaction. So every change inside a transaction notes what was there before (PostgreSQL 15,
SET).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from heliosdb.catalog.settings import find_setting, parse_setting, require_changeable, show_setting
from heliosdb.errors import FeatureNotSupported, InvalidName
from heliosdb.types.definitions import resolve_implementation

if TYPE_CHECKING:
    from heliosdb.catalog.registries import Setting

_CUSTOM_MISSING = object()
_NOT_LOCAL = object()
IDENTITY = ""
"""Stands for the role that the session acts as, where what is to be undone is noted."""


class SessionSettings:
    """The values of one session. ``version`` changes whenever a value does that plans depend on."""

    def __init__(
        self,
        registered: Mapping[str, Setting],
        initial: Mapping[str, Any],
        on_change: Callable[[], None] | None = None,
        session: Any = None,
    ) -> None:
        """``session`` is whose settings they are: what knows those that are kept elsewhere."""
        self._registered = registered
        self._session = session
        self._elsewhere = {
            name: resolve_implementation(setting.read)
            for name, setting in registered.items()
            if setting.read is not None
        }
        self._on_change = on_change
        self._initial = initial
        self._defaults = {name: initial.get(name, setting.default) for name, setting in registered.items()}
        for name in self._elsewhere:
            del self._defaults[name]
        self._began = {name: registered[name].default for name in self._elsewhere if name not in initial}
        """What settings that are kept elsewhere read as since they were last what RESET gives: a text that is written
        may name something that reads otherwise."""
        self._values: dict[str, Any] = {}
        self._undo: list[tuple[str, Any, Any]] = []
        """What every change in the transaction found: (name, value, what COMMIT would have gone back to)."""
        self._local: dict[str, Any] = {}
        """What COMMIT goes back to, for the settings that SET LOCAL set."""
        self._custom: dict[str, str] = {}
        self._reserved = frozenset(name.partition(".")[0] for name in registered if "." in name)
        """What stands before the dot in names of registered settings: nothing else may stand behind it."""
        self.version = 0
        self.plan_key: tuple[Any, ...] = ()
        self._plan_names = tuple(sorted(name for name, setting in registered.items() if setting.affects_plans))
        self._renew_plan_key()

    def get(self, name: str) -> Any:
        """Return a setting's value; UndefinedObject when there is none of this name."""
        try:
            return self._values[name]
        except KeyError:
            pass
        if name in self._defaults:
            return self._defaults[name]
        lowered = name.lower()
        if lowered != name:
            return self.get(lowered)
        if name in self._elsewhere:
            return self._elsewhere[name](self._session)
        if "." in name and name in self._custom:
            return self._custom[name]
        find_setting(self._registered, name)
        raise AssertionError(name)

    def registered(self, name: str) -> Setting | None:
        """Return the registered setting, or None for a customized one (``my.name``), UndefinedObject otherwise."""
        if name.lower() in self._registered:
            return self._registered[name.lower()]
        if "." in name:
            return None
        return find_setting(self._registered, name)

    def show(self, name: str) -> str:
        """Return a setting as SHOW prints it."""
        setting = self.registered(name)
        if setting is None:
            if name.lower() in self._custom:
                return self._custom[name.lower()]
            find_setting(self._registered, name)
            raise AssertionError(name)
        return show_setting(setting, self.get(setting.name.lower()))

    def set(self, name: str, text: str, *, local: bool = False, in_transaction: bool = True) -> str:
        """Set from text; return what SHOW prints now."""
        setting = self.registered(name)
        key = name.lower()
        if setting is None:
            prefix = key.partition(".")[0]
            if prefix in self._reserved:
                # It is meant for the package that has the others, which would never look at it.
                known = [other for other in self.names() if other.partition(".")[0] == prefix]
                raise InvalidName(
                    f'invalid configuration parameter name "{name}"',
                    detail=f'"{prefix}" is a reserved prefix.',
                    hint=f"There are: {', '.join(known)}.",
                )
            self._note(key, self._custom.get(key, _CUSTOM_MISSING), local, in_transaction)
            self._custom[key] = text
            return text
        require_changeable(setting)
        value = parse_setting(setting, text, self.get(key))
        if setting.permit is not None:
            resolve_implementation(setting.permit)(self._session, setting.name, value)
        if setting.write is not None:
            return self._write(setting, value, local)
        self.put(key, value, local=local, in_transaction=in_transaction)
        return show_setting(setting, value)

    def permit(self, name: str) -> None:
        """Raise what SET would where the session may not have the value that it has."""
        setting = self._registered.get(name.lower())
        if setting is not None and setting.permit is not None:
            resolve_implementation(setting.permit)(self._session, setting.name, self.get(name))

    def put(self, key: str, value: Any, *, local: bool = False, in_transaction: bool = True) -> None:
        """Set to a value that is known to be right."""
        self._note(key, self._values.get(key, _CUSTOM_MISSING), local, in_transaction)
        self._values[key] = value
        self._changed(key)

    def reset(self, name: str, *, local: bool = False, in_transaction: bool = True) -> None:
        """Go back to the default."""
        setting = self.registered(name)
        key = name.lower()
        if setting is None:
            self._note(key, self._custom.get(key, _CUSTOM_MISSING), local, in_transaction)
            self._custom.pop(key, None)
            return
        require_changeable(setting)
        if setting.write is not None:
            self._go_back(setting, local)
            return
        self._note(key, self._values.get(key, _CUSTOM_MISSING), local, in_transaction)
        self._values.pop(key, None)
        self._changed(key)

    def note_identity(self, before: Any, *, local: bool, in_transaction: bool) -> None:
        """Note as what the session has acted up to now: SET ROLE and kin have the scopes that SET has."""
        self._note(IDENTITY, before, local, in_transaction)

    def _write(self, setting: Setting, value: Any, local: bool = False) -> str:
        if local:
            raise FeatureNotSupported(f'SET LOCAL cannot set "{setting.name}": it is the session\'s')
        assert setting.write is not None
        resolve_implementation(setting.write)(self._session, value)
        return self.show(setting.name)

    def begin(self) -> None:
        """Go back to what RESET gives of the settings that are kept elsewhere, where that has changed: the session
        begins, or begins anew."""
        for key in self._elsewhere:
            if key not in self._began or self.get(key) != self._began[key]:
                self._go_back(self._registered[key])

    def _go_back(self, setting: Setting, local: bool = False) -> None:
        key = setting.name.lower()
        self._write(setting, self.initial(key), local)
        self._began[key] = self.get(key)

    def reset_all(self, *, in_transaction: bool = True) -> None:
        """RESET ALL. First what is kept elsewhere: that may be refused, and then nothing else is changed."""
        self.begin()
        for key in [*self._values, *self._custom]:
            setting = self._registered.get(key)
            if setting is None or setting.context != "internal":
                self.reset(key, in_transaction=in_transaction)

    def copy_from(self, other: SessionSettings) -> None:
        """Take over another session's values, and those that RESET gives."""
        self._initial, self._defaults = other._initial, other._defaults
        self._began = dict(other._began)
        self._values = dict(other._values)
        self._custom = dict(other._custom)
        self._renew_plan_key()
        if self._on_change is not None:
            self._on_change()

    def initial(self, key: str) -> Any:
        """Return the value that RESET gives a registered setting."""
        return self._initial.get(key, self._registered[key].default)

    def source(self, key: str) -> str:
        """Return where a registered setting's value comes from: "session", "configuration file" or "default"."""
        if key in self._values or (key in self._elsewhere and self.get(key) != self.initial(key)):
            return "session"
        return "configuration file" if key in self._initial else "default"

    def names(self) -> Iterable[str]:
        """Return the names of all registered settings, sorted."""
        return sorted(self._registered)

    def _note(self, key: str, before: Any, local: bool, in_transaction: bool) -> None:
        if in_transaction:
            self._undo.append((key, before, self._local.get(key, _NOT_LOCAL)))
            if local:
                self._local.setdefault(key, before)
            else:
                self._local.pop(key, None)

    def _changed(self, key: str) -> None:
        if self._on_change is not None:
            self._on_change()
        setting = self._registered.get(key)
        if setting is not None and setting.affects_plans:
            self._renew_plan_key()

    def _renew_plan_key(self) -> None:
        self.plan_key = tuple(self.get(name) for name in self._plan_names)
        self.version += 1

    # -- transactions ------------------------------------------------------------------------------------------------

    def mark(self) -> int:
        """Return a point to which ``rollback_to`` can go back."""
        return len(self._undo)

    def rollback_to(self, mark: int) -> None:
        """Undo what was set since a mark."""
        while len(self._undo) > mark:
            key, before, local = self._undo.pop()
            if local is _NOT_LOCAL:
                self._local.pop(key, None)
            else:
                self._local[key] = local
            self._restore(key, before)

    def end_transaction(self, *, committed: bool) -> None:
        """End the scope of SET LOCAL; undo everything after a rollback."""
        if not self._undo:
            return
        if not committed:
            self.rollback_to(0)
        else:
            for key, before in self._local.items():
                self._restore(key, before)
        self._undo.clear()
        self._local.clear()

    def _restore(self, key: str, before: Any) -> None:
        if key == IDENTITY:
            self._session.identity = before
            return
        target = self._values if key in self._registered else self._custom
        if before is _CUSTOM_MISSING:
            target.pop(key, None)
        else:
            target[key] = before
        self._changed(key)

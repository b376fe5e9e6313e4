"""Every error the engine raises: one class per SQLSTATE.

The tree is PEP 249's, so that ``except IntegrityError`` works as in any driver, and under it stands one class per
SQLSTATE, named after PostgreSQL's condition name (https://www.postgresql.org/docs/15/errcodes-appendix.html) in
CamelCase. Three differ, because Python owns the name: ``SqlSyntaxError`` (42601), ``HostSystemError`` (58000) and
``InternalFailure`` (XX000).

A message is lower-case, names the object and has no trailing dot; ``detail`` says more, ``hint`` says what to do,
``position`` is the 1-based character in the statement's text that the error is about.
"""

from __future__ import annotations

from typing import ClassVar


class Warning(Exception):  # noqa: A001 - the name PEP 249 prescribes
    """Raised for important warnings (PEP 249); the engine itself sends notices instead."""


class Error(Exception):
    """Base of all errors of the database.

    Attributes follow PostgreSQL's error fields: ``message``, ``detail``, ``hint``, ``position`` (1-based character
    offset in the statement, or None), and the names of the objects involved where they are known.
    """

    sqlstate: ClassVar[str] = "XX000"
    row: tuple[object, ...] | None = None
    """The row of datums that violates a unique constraint, for whoever knows where it came from."""

    def __init__(
        self,
        message: str = "",
        *,
        detail: str | None = None,
        hint: str | None = None,
        position: int | None = None,
        schema: str | None = None,
        table: str | None = None,
        column: str | None = None,
        datatype: str | None = None,
        constraint: str | None = None,
        context: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.hint = hint
        self.position = position
        self.schema = schema
        self.table = table
        self.column = column
        self.datatype = datatype
        self.constraint = constraint
        self.context = context

    def at(self, position: int | None) -> Error:
        """Return self with the position set where none was known (for ``raise error.at(node.position)``)."""
        if self.position is None:
            self.position = position
        return self

    def report(self) -> dict[str, object]:
        """Return the fields as a JSON-able dict: code, message, detail, severity, sqlstate, hint, position."""
        fields = {"code": self.sqlstate, "message": self.message, "detail": self.detail, "severity": "ERROR"}
        return fields | {"sqlstate": self.sqlstate, "hint": self.hint, "position": self.position}


class InterfaceError(Error):
    """The interface was misused: a closed handle, a wrong argument (PEP 249)."""

    sqlstate = "08000"


class DatabaseError(Error):
    """An error of the database itself (PEP 249)."""


class DataError(DatabaseError):
    """A problem with the processed data (PEP 249)."""

    sqlstate = "22000"


class OperationalError(DatabaseError):
    """A problem of the database's operation: conflicts, resources, cancellation (PEP 249)."""


class IntegrityError(DatabaseError):
    """A constraint was violated (PEP 249)."""

    sqlstate = "23000"


class InternalError(DatabaseError):
    """The database met an inconsistent state (PEP 249)."""


class ProgrammingError(DatabaseError):
    """The statement is wrong: syntax, names, types (PEP 249)."""

    sqlstate = "42000"


class NotSupportedError(DatabaseError):
    """The feature does not exist here (PEP 249)."""

    sqlstate = "0A000"


class ConnectionException(OperationalError):
    sqlstate = "08000"


class ConnectionDoesNotExist(OperationalError):
    sqlstate = "08003"


class ConnectionFailure(OperationalError):
    sqlstate = "08006"


class TransactionResolutionUnknown(OperationalError):
    sqlstate = "08007"


class ProtocolViolation(OperationalError):
    sqlstate = "08P01"


class FeatureNotSupported(NotSupportedError):
    sqlstate = "0A000"


class InvalidGrantor(OperationalError):
    sqlstate = "0L000"


class InvalidGrantOperation(OperationalError):
    sqlstate = "0LP01"


class InvalidRoleSpecification(OperationalError):
    sqlstate = "0P000"


class CardinalityViolation(ProgrammingError):
    sqlstate = "21000"


class DataException(DataError):
    sqlstate = "22000"


class ArraySubscriptError(DataError):
    sqlstate = "2202E"


class InvalidTablesampleRepeat(DataError):
    sqlstate = "2202G"


class InvalidTablesampleArgument(DataError):
    sqlstate = "2202H"


class CharacterNotInRepertoire(DataError):
    sqlstate = "22021"


class DatetimeFieldOverflow(DataError):
    sqlstate = "22008"


class DivisionByZero(DataError):
    sqlstate = "22012"


class IntervalFieldOverflow(DataError):
    sqlstate = "22015"


class InvalidArgumentForLogarithm(DataError):
    sqlstate = "2201E"


class InvalidArgumentForNtileFunction(DataError):
    sqlstate = "22014"


class InvalidArgumentForNthValueFunction(DataError):
    sqlstate = "22016"


class InvalidArgumentForPowerFunction(DataError):
    sqlstate = "2201F"


class InvalidArgumentForWidthBucketFunction(DataError):
    sqlstate = "2201G"


class InvalidCharacterValueForCast(DataError):
    sqlstate = "22018"


class InvalidDatetimeFormat(DataError):
    sqlstate = "22007"


class InvalidEscapeCharacter(DataError):
    sqlstate = "22019"


class InvalidEscapeOctet(DataError):
    sqlstate = "2200D"


class InvalidEscapeSequence(DataError):
    sqlstate = "22025"


class NonstandardUseOfEscapeCharacter(DataError):
    sqlstate = "22P06"


class InvalidUseOfEscapeCharacter(DataError):
    sqlstate = "2200C"


class InvalidParameterValue(DataError):
    sqlstate = "22023"


class InvalidPrecedingOrFollowingSize(DataError):
    sqlstate = "22013"


class InvalidRegularExpression(DataError):
    sqlstate = "2201B"


class InvalidRowCountInLimitClause(DataError):
    sqlstate = "2201W"


class InvalidRowCountInResultOffsetClause(DataError):
    sqlstate = "2201X"


class InvalidTimeZoneDisplacementValue(DataError):
    sqlstate = "22009"


class NullValueNotAllowed(DataError):
    sqlstate = "22004"


class NumericValueOutOfRange(DataError):
    sqlstate = "22003"


class SequenceGeneratorLimitExceeded(DataError):
    sqlstate = "2200H"


class StringDataLengthMismatch(DataError):
    sqlstate = "22026"


class StringDataRightTruncation(DataError):
    sqlstate = "22001"


class SubstringError(DataError):
    sqlstate = "22011"


class TrimError(DataError):
    sqlstate = "22027"


class FloatingPointException(DataError):
    sqlstate = "22P01"


class InvalidTextRepresentation(DataError):
    sqlstate = "22P02"


class InvalidBinaryRepresentation(DataError):
    sqlstate = "22P03"


class BadCopyFileFormat(DataError):
    sqlstate = "22P04"


class UntranslatableCharacter(DataError):
    sqlstate = "22P05"


class DuplicateJsonObjectKeyValue(DataError):
    sqlstate = "22030"


class InvalidJsonText(DataError):
    sqlstate = "22032"


class InvalidArgumentForSqlJsonDatetimeFunction(DataError):
    sqlstate = "22031"


class InvalidSqlJsonSubscript(DataError):
    sqlstate = "22033"


class NonNumericSqlJsonItem(DataError):
    sqlstate = "22036"


class NonUniqueKeysInAJsonObject(DataError):
    sqlstate = "22037"


class SingletonSqlJsonItemRequired(DataError):
    sqlstate = "22038"


class SqlJsonArrayNotFound(DataError):
    sqlstate = "22039"


class SqlJsonMemberNotFound(DataError):
    sqlstate = "2203A"


class SqlJsonNumberNotFound(DataError):
    sqlstate = "2203B"


class SqlJsonObjectNotFound(DataError):
    sqlstate = "2203C"


class IntegrityConstraintViolation(IntegrityError):
    sqlstate = "23000"


class RestrictViolation(IntegrityError):
    sqlstate = "23001"


class NotNullViolation(IntegrityError):
    sqlstate = "23502"


class ForeignKeyViolation(IntegrityError):
    sqlstate = "23503"


class UniqueViolation(IntegrityError):
    sqlstate = "23505"


class CheckViolation(IntegrityError):
    sqlstate = "23514"


class ExclusionViolation(IntegrityError):
    sqlstate = "23P01"


class InvalidCursorState(InternalError):
    sqlstate = "24000"


class InvalidTransactionState(InternalError):
    sqlstate = "25000"


class ActiveSqlTransaction(InternalError):
    sqlstate = "25001"


class ReadOnlySqlTransaction(InternalError):
    sqlstate = "25006"


class NoActiveSqlTransaction(InternalError):
    sqlstate = "25P01"


class InFailedSqlTransaction(InternalError):
    sqlstate = "25P02"


class IdleInTransactionSessionTimeout(InternalError):
    sqlstate = "25P03"


class InvalidSqlStatementName(ProgrammingError):
    sqlstate = "26000"


class InvalidAuthorizationSpecification(OperationalError):
    sqlstate = "28000"


class InvalidPassword(OperationalError):
    sqlstate = "28P01"


class DependentPrivilegeDescriptorsStillExist(InternalError):
    sqlstate = "2B000"


class DependentObjectsStillExist(InternalError):
    sqlstate = "2BP01"


class InvalidTransactionTermination(InternalError):
    sqlstate = "2D000"


class SqlRoutineException(InternalError):
    sqlstate = "2F000"


class InvalidCursorName(OperationalError):
    sqlstate = "34000"


class ExternalRoutineException(InternalError):
    sqlstate = "38000"


class SavepointException(OperationalError):
    sqlstate = "3B000"


class InvalidSavepointSpecification(OperationalError):
    sqlstate = "3B001"


class InvalidCatalogName(ProgrammingError):
    sqlstate = "3D000"


class InvalidSchemaName(ProgrammingError):
    sqlstate = "3F000"


class TransactionRollback(OperationalError):
    sqlstate = "40000"


class SerializationFailure(OperationalError):
    sqlstate = "40001"


class StatementCompletionUnknown(OperationalError):
    sqlstate = "40003"


class DeadlockDetected(OperationalError):
    sqlstate = "40P01"


class SyntaxErrorOrAccessRuleViolation(ProgrammingError):
    sqlstate = "42000"


class SqlSyntaxError(ProgrammingError):
    sqlstate = "42601"


class InsufficientPrivilege(ProgrammingError):
    sqlstate = "42501"


class CannotCoerce(ProgrammingError):
    sqlstate = "42846"


class GroupingError(ProgrammingError):
    sqlstate = "42803"


class WindowingError(ProgrammingError):
    sqlstate = "42P20"


class InvalidRecursion(ProgrammingError):
    sqlstate = "42P19"


class InvalidForeignKey(ProgrammingError):
    sqlstate = "42830"


class InvalidName(ProgrammingError):
    sqlstate = "42602"


class NameTooLong(ProgrammingError):
    sqlstate = "42622"


class ReservedName(ProgrammingError):
    sqlstate = "42939"


class DatatypeMismatch(ProgrammingError):
    sqlstate = "42804"


class IndeterminateDatatype(ProgrammingError):
    sqlstate = "42P18"


class CollationMismatch(ProgrammingError):
    sqlstate = "42P21"


class IndeterminateCollation(ProgrammingError):
    sqlstate = "42P22"


class WrongObjectType(ProgrammingError):
    sqlstate = "42809"


class GeneratedAlways(ProgrammingError):
    sqlstate = "428C9"


class UndefinedColumn(ProgrammingError):
    sqlstate = "42703"


class UndefinedFunction(ProgrammingError):
    sqlstate = "42883"


class UndefinedTable(ProgrammingError):
    sqlstate = "42P01"


class UndefinedParameter(ProgrammingError):
    sqlstate = "42P02"


class UndefinedObject(ProgrammingError):
    sqlstate = "42704"


class DuplicateColumn(ProgrammingError):
    sqlstate = "42701"


class DuplicateCursor(ProgrammingError):
    sqlstate = "42P03"


class DuplicateDatabase(ProgrammingError):
    sqlstate = "42P04"


class DuplicateFunction(ProgrammingError):
    sqlstate = "42723"


class DuplicatePreparedStatement(ProgrammingError):
    sqlstate = "42P05"


class DuplicateSchema(ProgrammingError):
    sqlstate = "42P06"


class DuplicateTable(ProgrammingError):
    sqlstate = "42P07"


class DuplicateAlias(ProgrammingError):
    sqlstate = "42712"


class DuplicateObject(ProgrammingError):
    sqlstate = "42710"


class AmbiguousColumn(ProgrammingError):
    sqlstate = "42702"


class AmbiguousFunction(ProgrammingError):
    sqlstate = "42725"


class AmbiguousParameter(ProgrammingError):
    sqlstate = "42P08"


class AmbiguousAlias(ProgrammingError):
    sqlstate = "42P09"


class InvalidColumnReference(ProgrammingError):
    sqlstate = "42P10"


class InvalidColumnDefinition(ProgrammingError):
    sqlstate = "42611"


class InvalidCursorDefinition(ProgrammingError):
    sqlstate = "42P11"


class InvalidDatabaseDefinition(ProgrammingError):
    sqlstate = "42P12"


class InvalidFunctionDefinition(ProgrammingError):
    sqlstate = "42P13"


class InvalidPreparedStatementDefinition(ProgrammingError):
    sqlstate = "42P14"


class InvalidSchemaDefinition(ProgrammingError):
    sqlstate = "42P15"


class InvalidTableDefinition(ProgrammingError):
    sqlstate = "42P16"


class InvalidObjectDefinition(ProgrammingError):
    sqlstate = "42P17"


class WithCheckOptionViolation(ProgrammingError):
    sqlstate = "44000"


class InsufficientResources(OperationalError):
    sqlstate = "53000"


class DiskFull(OperationalError):
    sqlstate = "53100"


class OutOfMemory(OperationalError):
    sqlstate = "53200"


class TooManyConnections(OperationalError):
    sqlstate = "53300"


class ConfigurationLimitExceeded(OperationalError):
    sqlstate = "53400"


class ProgramLimitExceeded(OperationalError):
    sqlstate = "54000"


class StatementTooComplex(OperationalError):
    sqlstate = "54001"


class TooManyColumns(OperationalError):
    sqlstate = "54011"


class TooManyArguments(OperationalError):
    sqlstate = "54023"


class ObjectNotInPrerequisiteState(OperationalError):
    sqlstate = "55000"


class ObjectInUse(OperationalError):
    sqlstate = "55006"


class CantChangeRuntimeParam(OperationalError):
    sqlstate = "55P02"


class LockNotAvailable(OperationalError):
    sqlstate = "55P03"


class UnsafeNewEnumValueUsage(OperationalError):
    sqlstate = "55P04"


class OperatorIntervention(OperationalError):
    sqlstate = "57000"


class QueryCanceled(OperationalError):
    sqlstate = "57014"


class AdminShutdown(OperationalError):
    sqlstate = "57P01"


class CrashShutdown(OperationalError):
    sqlstate = "57P02"


class CannotConnectNow(OperationalError):
    sqlstate = "57P03"


class DatabaseDropped(OperationalError):
    sqlstate = "57P04"


class IdleSessionTimeout(OperationalError):
    sqlstate = "57P05"


class HostSystemError(OperationalError):
    sqlstate = "58000"


class IoError(OperationalError):
    sqlstate = "58030"


class UndefinedFile(OperationalError):
    sqlstate = "58P01"


class DuplicateFile(OperationalError):
    sqlstate = "58P02"


class PlpgsqlError(ProgrammingError):
    sqlstate = "P0000"


class RaiseException(ProgrammingError):
    sqlstate = "P0001"


class NoDataFound(ProgrammingError):
    sqlstate = "P0002"


class TooManyRows(ProgrammingError):
    sqlstate = "P0003"


class AssertFailure(ProgrammingError):
    sqlstate = "P0004"


class InternalFailure(InternalError):
    sqlstate = "XX000"


class DataCorrupted(InternalError):
    sqlstate = "XX001"


class IndexCorrupted(InternalError):
    sqlstate = "XX002"


def error_classes() -> dict[str, type[Error]]:
    """Return SQLSTATE -> class for every class of this module below the PEP 249 tree."""
    return {
        cls.sqlstate: cls
        for cls in globals().values()
        if isinstance(cls, type) and issubclass(cls, DatabaseError) and cls.__base__ not in (Error, DatabaseError)
    }

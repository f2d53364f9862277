"""Why a channel does not take events, or gives none, in words."""

from engine_world.imports import channels
from engine_world.imports import hearken_plugin_types as types
from hearken._errors import AppendError, ReadError


def append_error(channel: str, why: types.AppendError) -> AppendError:
    """What is raised where events are not appended."""
    match why:
        case types.AppendError_NoChannel(nearest):
            return AppendError("no-channel", _no_channel(channel, nearest))
        case types.AppendError_Denied(text):
            return AppendError("denied", text)
        case types.AppendError_Invalid(text):
            return AppendError("invalid", _not_appended(text))
        case types.AppendError_Conflict(last):
            message = f"the last event of the channel has the number {last}, not the expected one"
            return AppendError("conflict", message, last)
        case types.AppendError_TooLarge(text):
            return AppendError("too-large", _not_appended(text))
        case types.AppendError_Full(text):
            return AppendError("full", _not_appended(text))
        case types.AppendError_Overloaded():
            return AppendError("overloaded", _not_appended("the node has too much to do; try again later"))
        case types.AppendError_BudgetExceeded():
            return AppendError("budget-exceeded", _not_appended("the plugin's budget is used up; try again later"))
        case types.AppendError_Damaged(spans):
            return AppendError("damaged", _not_appended(f"the channel is damaged: {_numbers(spans)}"))
        case types.AppendError_StorageFailed(text):
            return AppendError("storage-failed", _not_appended(text))
        case types.AppendError_NodeAway(text):
            return AppendError("node-away", _not_appended(text))
    return AppendError("outcome-unknown", why.value)


def read_error(channel: str, why: channels.ReadError) -> ReadError:
    """What is raised where a channel is not read."""
    match why:
        case channels.ReadError_NoChannel(nearest):
            return ReadError("no-channel", _no_channel(channel, nearest))
        case channels.ReadError_Denied(text):
            return ReadError("denied", text)
        case channels.ReadError_Invalid(text):
            return ReadError("invalid", _not_read(text))
        case channels.ReadError_AnotherLog(epoch):
            message = f"the position is one of another log than the channel's, `{epoch}`; begin anew"
            return ReadError("another-log", message)
        case channels.ReadError_Damaged(spans):
            return ReadError("damaged", f"the next events of the channel are damaged: {_numbers(spans)}")
        case channels.ReadError_StorageFailed(text):
            return ReadError("storage-failed", _not_read(text))
        case channels.ReadError_NodeAway(text):
            return ReadError("node-away", _not_read(text))
        case channels.ReadError_Overloaded():
            return ReadError("overloaded", _not_read("the node has too much to do; try again later"))
    return ReadError("budget-exceeded", _not_read("the plugin's budget is used up; try again later"))


def _no_channel(channel: str, nearest: str | None) -> str:
    meant = "" if nearest is None else f"; did you mean `{nearest}`?"
    return f"there is no channel `{channel}`{meant}"


def _not_appended(why: str) -> str:
    return f"the events were not appended: {why}"


def _not_read(why: str) -> str:
    return f"the channel was not read: {why}"


def _numbers(spans: list[types.Span]) -> str:
    return ", ".join(str(span.first) if span.first == span.last else f"{span.first} to {span.last}" for span in spans)

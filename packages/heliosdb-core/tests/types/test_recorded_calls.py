"""Text input, text output and functions answer as PostgreSQL 15 does, call by recorded call."""

from __future__ import annotations

import pytest

from recorded_calls import RECORDED, answer_of, load, ours


@pytest.mark.parametrize("recording", sorted(path.stem for path in RECORDED.glob("*.jsonl")))
def test_every_recorded_call_gives_the_recorded_answer(recording: str) -> None:
    calls = load(recording)
    assert calls
    wrong = [(call, ours(call)) for call in calls if ours(call) != answer_of(call)]
    assert not wrong, f"{len(wrong)} of {len(calls)} differ, first: {wrong[:3]}"

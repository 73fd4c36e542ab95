"""Each transcript is a story of requests and the answers that the host gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.web.conftest import Replayer, load_cases


@pytest.mark.parametrize("case", load_cases())
def test_transcript(case: Mapping[str, Any], replayer: Replayer) -> None:
    """The host answers every request of the story as the file says."""
    replayer.play(case)

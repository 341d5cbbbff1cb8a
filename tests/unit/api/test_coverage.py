"""What the resources claim to understand, against the OpenAPI file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from offhook.api import forms, v2010
from offhook.api.operations import Handler, built

ROOT = Path(__file__).parents[3]
HANDLERS = built(v2010.RESOURCES)


@pytest.mark.parametrize("handler", HANDLERS.values(), ids=HANDLERS.keys())
def test_every_parameter_is_one_of_the_operation(handler: Handler) -> None:
    if handler.form is None:
        return
    documented = {name.rstrip("<>") for name in handler.operation.parameters}
    assert forms.names(handler.form) <= documented
    assert set(handler.form.refuses) <= documented | {"AccountSid"}
    assert not forms.names(handler.form) & set(handler.form.refuses)
    assert set(handler.form.codes) <= forms.names(handler.form) | set(handler.form.refuses)


def test_the_published_table_is_up_to_date() -> None:
    script = ROOT / "scripts" / "coverage_api.py"
    done = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr

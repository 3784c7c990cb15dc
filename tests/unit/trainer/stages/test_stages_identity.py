"""A trained stage is named by its code: a file that a model reads its ways from must be among it."""

import ast
from pathlib import Path

import pytest

from truestrength import trainer
from truestrength.trainer.stages import model_stages

PACKAGE = Path(trainer.__file__).parent


@pytest.mark.parametrize("name", ["_CODE_A", "_CODE_B", "_CODE_C"])
def test_what_a_models_code_imports_of_the_models_is_part_of_its_name(name: str) -> None:
    code = set(getattr(model_stages, name))
    for file in code:
        for node in ast.walk(ast.parse((PACKAGE / file).read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("truestrength.trainer.models"):
                package = node.module == "truestrength.trainer.models"
                modules = (
                    [f"truestrength.trainer.models.{a.name}" for a in node.names] if package else [str(node.module)]
                )
                read = {module.removeprefix("trainer.").replace(".", "/") + ".py" for module in modules}
                assert read <= code | NAMED_OTHERWISE, f"{file} reads {read - code}"


NAMED_OTHERWISE = {"models/precision.py"}
"""Its choice, not its code, changes a result, and the choice is a part of the name."""

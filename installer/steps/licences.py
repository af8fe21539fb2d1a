"""The licences of the libraries that a package carries."""

import json
import subprocess

from steps.environment import Environment
from steps.errors import SetupError

_LIST = """
import importlib.metadata as metadata, json
def licence(about):
    classifiers = [line.split(" :: ")[-1] for line in about.get_all("Classifier", []) if line.startswith("License")]
    text = about.get("License-Expression") or "; ".join(classifiers) or (about.get("License") or "").split("\\n")[0]
    return text or "see its home page"
rows = {(d.metadata["Name"], d.version, licence(d.metadata)) for d in metadata.distributions()}
print(json.dumps(sorted(rows, key=lambda row: row[0].lower())))
"""


def licence_list(environment: Environment) -> str:
    """List every installed library with its version and licence, as text.

    Raises
    ------
    SetupError
        If the environment does not answer.
    """
    answer = subprocess.run([environment.python, "-c", _LIST], capture_output=True, text=True)
    if answer.returncode != 0:
        raise SetupError(f"cannot read the licences of the libraries: {answer.stderr}")
    lines = [f"{name} {version}: {licence}" for name, version, licence in json.loads(answer.stdout)]
    heading = "This package carries these libraries, each under its own licence:"
    qt = "Qt and PySide6 are used under the LGPL-3.0: their shared libraries lie beside the program, replaceable."
    return "\n".join([heading, *lines, "", qt, ""])

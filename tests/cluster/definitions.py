"""Resource definitions (CRDs) of Argo CD, Flux and the Gateway API, from packages generated from the published ones.

The packages carry types, not the definitions themselves: fields, required ones and closed lists of values are kept;
patterns, lengths and CEL rules are not. Without npm, open stand-ins of the same names are written instead.
"""

import hashlib
import json
import re
import shutil
import tarfile
from pathlib import Path
from typing import Any

from tests.cluster.debian import BuildError, run
from tests.cluster.recipe import RECIPE, Definition

Schema = dict[str, Any]
TOKEN = re.compile(r'/\*.*?\*/|"(?:[^"\\]|\\.)*"|\w+|[{}\[\]<>|?:;]', re.DOTALL)
SIMPLE = {"string": "string", "boolean": "boolean", "number": "number"}
OPEN: Schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def write(target: Path, work: Path) -> None:
    """Write every definition of the recipe as one JSON list."""
    target.write_text(json.dumps([definition(part, work) for part in RECIPE.definitions], indent=1))


def definition(part: Definition, work: Path) -> Schema:
    """One CustomResourceDefinition, apiextensions v1."""
    group, version, kind = part.path.removesuffix(".d.ts").split("/")
    metadata: Schema = {"name": f"{part.plural}.{group}"}
    if group.endswith(".k8s.io"):
        metadata["annotations"] = {"api-approved.kubernetes.io": f"unapproved, made of {part.package} {part.version}"}
    names = {
        "kind": kind,
        "listKind": f"{kind}List",
        "plural": part.plural,
        "singular": kind.lower(),
        "shortNames": [*part.short],
    }
    served: Schema = {
        "name": version,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": _schema(part, work)},
    }
    if part.has_status:
        served["subresources"] = {"status": {}}
    spec = {"group": group, "names": names, "scope": "Namespaced", "versions": [served]}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": metadata,
        "spec": spec,
    }


def _schema(part: Definition, work: Path) -> Schema:
    if not shutil.which("npm"):
        return {"type": "object", "properties": {"spec": OPEN, "status": OPEN}}
    with tarfile.open(_fetch(part, work)) as package:
        inner = package.extractfile(f"package/{part.path}")
        if inner is None:
            raise BuildError(f"{part.package} {part.version} has no {part.path}.")
        return parse(inner.read().decode())


def _fetch(part: Definition, work: Path) -> Path:
    name = part.package.removeprefix("@").replace("/", "-")
    path = work / f"{name}-{part.version}.tgz"
    if not path.exists():
        run(["npm", "pack", "--silent", "--pack-destination", str(work), f"{part.package}@{part.version}"], cwd=work)
    if hashlib.sha256(path.read_bytes()).hexdigest() != part.sha256:
        raise BuildError(f"{part.package} {part.version} is not the archive that was pinned.")
    return path


def parse(text: str) -> Schema:
    """The schema of the first interface in a type file; its metadata is the API server's own business."""
    start = re.search(r"export interface \w+ ", text)
    if start is None:
        raise BuildError("A type file has no interface.")
    schema = _Types(TOKEN.findall(text[start.end() :])).type()
    properties = {
        name: inner for name, inner in schema["properties"].items() if name in ("spec", "status", "operation")
    }
    return {"type": "object", "properties": properties, "required": ["spec"]}


class _Types:
    """A reader of the few forms that generated type files use: objects, maps, arrays, literals, unions."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = [token for token in tokens if not token.startswith("/*")]
        self.at = 0

    def take(self, *wanted: str) -> bool:
        """Step over these tokens if they come next."""
        if tuple(self.tokens[self.at : self.at + len(wanted)]) != wanted:
            return False
        self.at += len(wanted)
        return True

    def next(self) -> str:
        """The next token, stepped over."""
        self.at += 1
        return self.tokens[self.at - 1]

    def type(self) -> Schema:
        """One type, with its alternatives."""
        parts = [self.single()]
        while self.take("|"):
            parts.append(self.single())
        if len(parts) == 1:
            return parts[0]
        if all("enum" in part for part in parts):
            return {"type": parts[0]["type"], "enum": [value for part in parts for value in part["enum"]]}
        return {"x-kubernetes-int-or-string": True}

    def single(self) -> Schema:
        """One alternative."""
        if self.take("Array", "<"):
            items = self.type()
            self.take(">")
            return {"type": "array", "items": items}
        if self.take("{"):
            return self.object()
        token = self.next()
        if token.startswith('"'):
            return {"type": "string", "enum": [json.loads(token)]}
        if token.isdigit():
            return {"type": "integer", "enum": [int(token)]}
        return {"type": SIMPLE[token]} if token in SIMPLE else dict(OPEN)

    def object(self) -> Schema:
        """Fields, or a map from string to one type."""
        properties: Schema = {}
        required = []
        while not self.take("}"):
            if self.take("[", "key", ":", "string", "]", ":"):
                schema = {"type": "object", "additionalProperties": self.type()}
                self.take(";")
                self.take("}")
                return schema
            name = json.loads(self.next())
            if not self.take("?"):
                required.append(name)
            self.take(":")
            properties[name] = self.type()
            self.take(";")
        if not properties:
            return dict(OPEN)
        return {"type": "object", "properties": properties} | ({"required": required} if required else {})

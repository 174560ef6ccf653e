"""The files of an environment: a kustomization with its manifests, or a chart with its values. Pure.

Names are relative to the environment's folder. Suspension is in `suspension`, bytes in `documents`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from provisioning.drivers.base import DriverRejected, EnvironmentSpec
from provisioning.drivers.gitops import documents, placeholders
from provisioning.drivers.gitops.documents import Document
from provisioning.drivers.kubernetes import names
from provisioning.drivers.kubernetes.surroundings import secret_references

KUSTOMIZATION = "kustomization.yaml"
CHART = "Chart.yaml"
VALUES = "values.yaml"
OWNER = names.ENVIRONMENT
RELEASE = names.RELEASE
SCALES = f"{names.PREFIX}scales"

Files = dict[str, Document]

_UNSAFE = re.compile(r"[^a-z0-9.-]+")


def render(spec: EnvironmentSpec) -> Files:
    """Every file of the environment when it runs. Raises DriverRejected for a placeholder or secret it may not hold."""
    resources = placeholders.fill(spec.resources, spec)
    files = _chart(spec, resources) if "chart" in resources else _kustomization(spec, resources)
    for name, document in files.items():
        for problem in documents.secrets_in(document, name):
            raise DriverRejected(problem)
    return files


def owner_of(files: Mapping[str, Document]) -> str | None:
    """The id of the environment that the files say they belong to, if any."""
    value = annotations_of(files).get(OWNER)
    return value if isinstance(value, str) else None


def release_of(files: Mapping[str, Document]) -> str:
    """The version of the release that the files run, or nothing."""
    return str(annotations_of(files).get(RELEASE, ""))


def annotations_of(files: Mapping[str, Document]) -> Mapping[str, Any]:
    """The annotations of the file that stands for the whole folder."""
    chart = files.get(CHART)
    found = chart.get("annotations") if chart else files.get(KUSTOMIZATION, {}).get("metadata", {}).get("annotations")
    return found if isinstance(found, Mapping) else {}


def file_name(manifest: Mapping[str, Any]) -> str:
    """Where a manifest is written."""
    name = f"{manifest['kind']}-{manifest['metadata']['name']}".lower()
    return f"{_UNSAFE.sub('-', name).strip('-.')}.yaml"


def _kustomization(spec: EnvironmentSpec, resources: Mapping[str, Any]) -> Files:
    manifests = _manifests(spec, resources)
    given = dict(resources.get("kustomization", {}))
    labels = {"pairs": names.labels_of(spec), "includeSelectors": False, "includeTemplates": True}
    whole: dict[str, Any] = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "metadata": {"name": spec.name, "annotations": _annotations(spec, resources)},
        "namespace": placeholders.namespace(spec),
        "resources": [*given.pop("resources", []), *manifests],
        "labels": [labels, *given.pop("labels", [])],
        **given,
    }
    return {KUSTOMIZATION: whole, **manifests}


def _chart(spec: EnvironmentSpec, resources: Mapping[str, Any]) -> Files:
    chart = resources["chart"]
    dependency = {name: chart[name] for name in ("name", "version", "repository")}
    whole: dict[str, Any] = {
        "apiVersion": "v2",
        "name": spec.name,
        "version": "0.0.0",
        "annotations": _annotations(spec, resources) | {SCALES: json.dumps(chart.get("replicas", []))},
        "dependencies": [dependency],
    }
    values = {"global": {"labels": names.labels_of(spec)}, chart["name"]: chart.get("values", {})}
    return {
        CHART: whole,
        VALUES: values,
        **{f"templates/{name}": document for name, document in _manifests(spec, resources).items()},
    }


def _manifests(spec: EnvironmentSpec, resources: Mapping[str, Any]) -> Files:
    """The template's manifests, and where the target names a store an ExternalSecret for each secret."""
    found: list[Document] = list(resources.get("manifests", ()))
    if spec.target and spec.target.config.get("secret_store"):
        found += secret_references(spec, placeholders.namespace(spec))
    files = {file_name(manifest): manifest for manifest in found}
    if len(files) != len(found) or {KUSTOMIZATION, CHART} & {*files}:
        raise DriverRejected("Two manifests of the template would be written to one file.")
    return files


def _annotations(spec: EnvironmentSpec, resources: Mapping[str, Any]) -> dict[str, str]:
    version = spec.release.version if spec.release else resources.get("initial", {}).get("version", "")
    return {OWNER: spec.id, RELEASE: str(version)}

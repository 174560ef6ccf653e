"""Charts and overlays: rendered without a network, or refused in their own words."""

import shutil

import pytest

from provisioning.drivers.base import DriverRejected
from provisioning.drivers.kubernetes import charts, documents, kustomize, render
from provisioning.drivers.kubernetes.driver import KubernetesDriver
from tests.contract.harness import Harness

CHART = "apiVersion: v2\nname: shop\nversion: 0.1.0\n"
BODY = """apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-settings
  namespace: {{ .Release.Namespace }}
data:
  greeting: {{ .Values.greeting | quote }}
"""
CHECK = """apiVersion: v1
kind: Pod
metadata: {name: check, annotations: {"helm.sh/hook": test}}
"""
FILES = {"Chart.yaml": CHART, "values.yaml": "greeting: none\n", "templates/settings.yaml": BODY}
SETTINGS = """apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {greeting: "${greeting}"}
"""
OVERLAY = {
    "base/kustomization.yaml": "resources: [settings.yaml]\n",
    "base/settings.yaml": SETTINGS,
    "kustomization.yaml": "resources: [base]\nnamePrefix: eu-\n",
}
needs_kustomize = pytest.mark.skipif(
    not (shutil.which("kubectl") or shutil.which("kustomize")), reason="neither kustomize nor kubectl is on PATH"
)


def spec(resources):
    return Harness.blank("shop", resources=resources, parameters={"greeting": "hi: there"})


def test_a_chart_gets_the_values_with_places_filled():
    asked = spec({"helm": {"files": FILES, "values": {"greeting": "${greeting}"}}})
    found = render.wanted(asked, "ns", {})["ConfigMap/ns/shop-settings"]
    assert found["data"] == {"greeting": "hi: there"}
    assert found["metadata"]["namespace"] == "ns"


def test_a_charts_tests_are_left_out():
    files = {**FILES, "templates/check.yaml": CHECK}
    assert [each["kind"] for each in charts.render({"files": files}, name="a", namespace="ns")] == ["ConfigMap"]


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({**FILES, "templates/settings.yaml": BODY.replace("quote", "randomise")}, "randomise"),
        (
            {**FILES, "templates/settings.yaml": BODY.replace(".Values.greeting", "randAlpha 8")},
            "something else each time",
        ),
        ({**FILES, "templates/settings.yaml": "a: [\n"}, "settings.yaml|no YAML"),
        ({**FILES, "templates/settings.yaml": "a: &x 1\nb: *x\nkind: X\n"}, "reference"),
        ({"values.yaml": ""}, "Chart.yaml"),
    ],
)
def test_a_chart_that_cannot_be_rendered_is_refused_with_the_reason(files, reason):
    with pytest.raises(DriverRejected, match=reason) as caught:
        charts.render({"files": files}, name="a", namespace="ns")
    assert "/tmp" not in str(caught.value)


@needs_kustomize
def test_an_overlay_is_built_and_then_filled():
    found = render.wanted(spec({"kustomize": {"files": OVERLAY}}), "ns", {})["ConfigMap/ns/eu-settings"]
    assert found["data"] == {"greeting": "hi: there"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("resources: [https://example.org/base]\n", "not among the files"),
        ("resources: [../outside]\n", "not among the files"),
        ("resources: [base]\nhelmCharts: [{name: x}]\n", "uses helmCharts"),
        ("resources: [base]\ngenerators: [base]\n", "uses generators"),
        ("resources: [\n", "is no YAML"),
    ],
)
def test_an_overlay_that_reaches_outside_is_refused(text, reason):
    files = {**OVERLAY, "kustomization.yaml": text}
    assert any(reason in problem for problem in kustomize.problems({"files": files}))
    assert any(reason in problem for problem in KubernetesDriver().problems({"kustomize": {"files": files}}))
    with pytest.raises(DriverRejected, match=reason):
        kustomize.build({"files": files})


def test_a_missing_program_is_said_when_the_template_is_published(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    (said,) = KubernetesDriver().problems({"kustomize": {"files": OVERLAY}})
    assert said == "kustomize: neither kustomize nor kubectl is on PATH. Install one of them."


def test_dates_stay_text_and_lists_are_taken_apart():
    text = "kind: List\nitems:\n- {kind: A, day: 2026-01-01}\n---\n---\nkind: B\n"
    assert documents.documents(text) == [{"kind": "A", "day": "2026-01-01"}, {"kind": "B"}]


@pytest.mark.parametrize("text", ["- a\n", "just text", "a: *x\n", "x" * 2_000_001])
def test_what_are_no_objects_is_refused(text):
    with pytest.raises(documents.BadDocuments):
        documents.documents(text)

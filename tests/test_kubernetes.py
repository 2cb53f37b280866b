"""The Kubernetes manifests: whole and right by the schemas, one with another, and by our own settings."""

import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

import gatekeeper
from gatekeeper.cli import cli
from gatekeeper.config import load, load_for_gate
from gatekeeper.config.sources import variables

ROOT = Path(__file__).resolve().parents[1]
MANIFESTS = ROOT / "config/kubernetes"
CHECKED_BY = "1.37"

# What the Secrets hold, as docs/kubernetes.md makes them
SECRETS = {
    "stripe-api-key": "rk_test_x",
    "stripe-webhook-secrets": '["whsec_x"]',
    "mail-url": "smtp://user:password@mail.acme.example:587",
    "api-tokens": '[{ name = "gates", token = "TOKEN", scopes = ["read"] }]'.replace("TOKEN", "t" * 64),
    "feed-token": "t" * 64,
    "page.key": "k" * 64,
}

Manifest = dict[str, Any]


def read(path: Path) -> list[Manifest]:
    return list(yaml.safe_load_all(path.read_text()))


@pytest.fixture(scope="module")
def main() -> dict[str, Manifest]:
    """Everything that runs in the namespace of its own, by kind."""
    (kustomization,) = read(MANIFESTS / "kustomization.yaml")
    found = [manifest for name in kustomization["resources"] for manifest in read(MANIFESTS / name)]
    assert len({manifest["kind"] for manifest in found}) == len(found)
    return {manifest["kind"]: manifest for manifest in found}


@pytest.fixture(scope="module")
def sidecar() -> Manifest:
    """The pod that the component makes of an edge's."""
    (patch,) = read(MANIFESTS / "gate-sidecar/gate.yaml")
    pod = patch["spec"]["template"]
    containers = [{"name": "edge", "image": "edge"}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": pod["metadata"], "spec": pod["spec"] | {"containers": containers}}


def containers(pod: Manifest) -> list[Manifest]:
    every = [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]
    return [container for container in every if container["name"] != "edge"]


@pytest.fixture
def pods(main: dict[str, Manifest], sidecar: Manifest) -> list[Manifest]:
    return [main["Deployment"]["spec"]["template"], sidecar]


def valid(manifest: Manifest) -> None:
    kubernetes_validate.validate(manifest, CHECKED_BY, strict=True)


def test_every_manifest_is_right_by_the_schemas(main: dict[str, Manifest], sidecar: Manifest) -> None:
    for manifest in (*main.values(), sidecar):
        valid(manifest)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda pod: pod["spec"].update(automountServiceAcountToken=False),
        lambda pod: pod["spec"]["containers"][0]["livenessProbe"].update(periodSeconds="ten"),
        lambda pod: pod["spec"]["containers"][0].pop("name"),
        lambda pod: pod["spec"]["volumes"][0].update(configMap="gatekeeper"),
    ],
)
def test_a_slip_would_be_seen(spoil: Callable[[Manifest], None]) -> None:
    (deployment,) = [each for each in read(MANIFESTS / "gatekeeper.yaml") if each["kind"] == "Deployment"]
    spoil(deployment["spec"]["template"])
    with pytest.raises(kubernetes_validate.ValidationError):
        valid(deployment)


def test_no_file_is_left_out_of_the_kustomizations_or_missing() -> None:
    (main,) = read(MANIFESTS / "kustomization.yaml")
    named = [*main["resources"], *main["configMapGenerator"][0]["files"], "kustomization.yaml"]
    assert sorted(named) == sorted(path.name for path in MANIFESTS.iterdir() if path.is_file())
    (component,) = read(MANIFESTS / "gate-sidecar/kustomization.yaml")
    named = [*(patch["path"] for patch in component["patches"]), "kustomization.yaml"]
    assert sorted(named) == sorted(path.name for path in (MANIFESTS / "gate-sidecar").iterdir())


def test_pods_services_and_policies_mean_each_other(main: dict[str, Manifest], sidecar: Manifest) -> None:
    labels = main["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert main["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert main["Service"]["spec"]["selector"] == labels
    assert main["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels
    (let_in,) = main["NetworkPolicy"]["spec"]["ingress"]
    assert let_in["from"][0]["podSelector"]["matchLabels"] == sidecar["metadata"]["labels"]
    (component,) = read(MANIFESTS / "gate-sidecar/kustomization.yaml")
    assert component["patches"][0]["target"]["labelSelector"] == "gatekeeper=edge"
    (service_port,) = main["Service"]["spec"]["ports"]
    (container,) = main["Deployment"]["spec"]["template"]["spec"]["containers"]
    (port,) = container["ports"]
    assert (port["name"], port["containerPort"]) == (service_port["targetPort"], service_port["port"])
    assert [each["port"] for each in let_in["ports"]] == [port["containerPort"]]
    probes = [container[f"{probe}Probe"]["httpGet"] for probe in ("startup", "liveness", "readiness")]
    assert {(probe["path"], probe["port"]) for probe in probes} == {("/livez", "web"), ("/readyz", "web")}


def test_every_mount_has_its_volume_and_every_volume_is_used(pods: list[Manifest], main: dict[str, Manifest]) -> None:
    for pod in pods:
        volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
        assert {mount["name"] for container in containers(pod) for mount in container["volumeMounts"]} == set(volumes)
    (claim,) = [volume["persistentVolumeClaim"]["claimName"] for volume in volumes_of(pods[0], "persistentVolumeClaim")]
    assert claim == main["PersistentVolumeClaim"]["metadata"]["name"]


def volumes_of(pod: Manifest, kind: str) -> Iterator[Manifest]:
    return (volume for volume in pod["spec"]["volumes"] if kind in volume)


def test_every_container_may_do_nothing_that_it_need_not(pods: list[Manifest]) -> None:
    """The profile `restricted` of the Pod Security Standards, and a file system that cannot be written."""
    for pod in pods:
        for container in containers(pod):
            rights = pod["spec"].get("securityContext", {}) | container["securityContext"]
            assert rights["runAsNonRoot"]
            assert (rights["runAsUser"], rights["runAsGroup"]) == (10001, 10001)
            assert not rights["allowPrivilegeEscalation"]
            assert rights["readOnlyRootFilesystem"]
            assert rights["capabilities"] == {"drop": ["ALL"]}
            assert rights["seccompProfile"] == {"type": "RuntimeDefault"}
            assert "memory" in container["resources"]["limits"]


def test_every_container_starts_a_command_of_ours_in_this_version(pods: list[Manifest]) -> None:
    (kustomization,) = read(MANIFESTS / "kustomization.yaml")
    (image,) = kustomization["images"]
    for pod in pods:
        for container in containers(pod):
            assert container["args"][0] in cli.commands
            name, _, tag = container["image"].partition(":")
            assert (name, tag or image["newTag"]) == (image["name"], gatekeeper.__version__.partition(".dev")[0])


def test_the_settings_of_every_container_are_whole(pods: list[Manifest], tmp_path: Path) -> None:
    for name, text in SECRETS.items():
        (tmp_path / name).write_text(text)
    for pod in pods:
        for container in containers(pod):
            environ = {each["name"]: each["value"] for each in container["env"]}
            secrets = {name: value for name, value in environ.items() if name.endswith("_FILE")}
            assert secrets
            environ |= {name: str(tmp_path / Path(value).name) for name, value in secrets.items()}
            config = MANIFESTS / Path(environ.pop("GATEKEEPER_CONFIG")).name
            settings = (load_for_gate if container["args"] == ["gate"] else load)(config, environ)
            mounted = [mount["mountPath"] for mount in container["volumeMounts"]]
            assert settings.state.folder in mounted
            assert f"{settings.state.folder}/page.key" in mounted


def test_the_gate_is_given_no_secret_but_its_own(sidecar: Manifest) -> None:
    (gate,) = containers(sidecar)
    given = {each["name"] for each in gate["env"] if each["name"] in variables()}
    assert {name for name in given if not name.startswith(("GATEKEEPER__GATE__", "GATEKEEPER__STATE__"))} == set()
    assert [volume["secret"]["secretName"] for volume in volumes_of(sidecar, "secret")] == ["gatekeeper-gate"]
    guide = (ROOT / "docs/kubernetes.md").read_text()
    (made,) = re.findall(r"create secret generic gatekeeper-gate (.*?)```", guide, re.DOTALL)
    assert re.findall(r"--from-literal=([\w.-]+)=", made) == ["feed-token", "page.key"]
    # Both namespaces have this file
    shared = tomllib.loads((MANIFESTS / "gatekeeper.toml").read_text())
    secret = {section_and_key for name, section_and_key in variables().items() if f"{name}_FILE" in variables()}
    assert secret.isdisjoint((section, key) for section, keys in shared.items() for key in keys)


def test_the_guide_makes_every_secret_that_is_read() -> None:
    guide = (ROOT / "docs/kubernetes.md").read_text()
    made = set(re.findall(r"--from-(?:literal|file)=([\w.-]+)=", guide))
    assert made == set(SECRETS)

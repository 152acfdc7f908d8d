"""packaging/kubernetes: by Kubernetes' schema, and whether its parts fit each other, the image and the server."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from support.binary import BINARY, REPOSITORY
from support.commands import run
from support.kubernetes_objects import QUANTITY, faults

FOLDER = REPOSITORY / "packaging/kubernetes"
Objects = dict[str, dict]


@pytest.fixture(scope="module")
def objects() -> Objects:
    """What kubectl would send to a cluster with everything, by kind and name. Debian's kubectl is of a time
    when a kustomization could not name a folder: so the files of the second one are read here."""
    listed = list(yaml.safe_load_all(run("kubectl", "kustomize", FOLDER / "base")))
    base, *files = yaml.safe_load((FOLDER / "metrics/kustomization.yaml").read_text())["resources"]
    assert base == "../base"
    for file in files:
        listed += yaml.safe_load_all((FOLDER / "metrics" / file).read_text())
    named = {f"{each['kind']}/{each['metadata']['name']}": each for each in listed}
    assert len(named) == len(listed)
    return named


def only(objects: Objects, kind: str) -> dict:
    [found] = [each for each in objects.values() if each["kind"] == kind]
    return found


def pod_of(objects: Objects) -> dict:
    return only(objects, "Deployment")["spec"]["template"]


def container_of(objects: Objects) -> dict:
    [container] = pod_of(objects)["spec"]["containers"]
    return container


def configuration_of(objects: Objects) -> dict:
    return tomllib.loads(only(objects, "ConfigMap")["data"]["cgisrv.toml"])


def seconds(duration: str) -> int:
    [(number, unit)] = re.findall(r"^(\d+)(s|m|h)$", duration)
    return int(number) * {"s": 1, "m": 60, "h": 3600}[unit]


# ---- what has to hold: each returns what does not ----------------------------------------------

def selectors(objects: Objects) -> list[str]:
    """Each selects the pods, or the service, that it is for."""
    pod = pod_of(objects)["metadata"]["labels"]
    found = []
    for name, each in objects.items():
        spec = each.get("spec", {})
        wanted = spec.get("selector", {})
        wanted = wanted.get("matchLabels", wanted)
        if each["kind"] == "ServiceMonitor":
            services = [other["metadata"]["labels"] for other in objects.values() if other["kind"] == "Service"]
            if sum(wanted.items() <= labels.items() for labels in services) != 1:
                found.append(f"{name} selects no service, or several")
        elif not wanted.items() <= pod.items():
            found.append(f"{name} selects no pod")
    for each in pod_of(objects)["spec"]["topologySpreadConstraints"]:
        if not each["labelSelector"]["matchLabels"].items() <= pod.items():
            found.append(f"{each['topologyKey']} counts no pod")
    return found


def ports(objects: Objects) -> list[str]:
    """What probes, services and the monitor name is there, and the server listens there."""
    container = container_of(objects)
    there = {port["name"]: port["containerPort"] for port in container["ports"]}
    named = {probe: container[probe]["httpGet"]["port"]
             for probe in ("startupProbe", "readinessProbe", "livenessProbe")}
    services = [each for each in objects.values() if each["kind"] == "Service"]
    for service in services:
        named |= {service["metadata"]["name"]: port["targetPort"] for port in service["spec"]["ports"]}
    found = [f"{who}: no port {port}" for who, port in named.items() if port not in there]
    of_services = {port["name"] for service in services for port in service["spec"]["ports"]}
    monitored = {each["port"] for each in only(objects, "ServiceMonitor")["spec"]["endpoints"]}
    found += [f"no service has the port {port}" for port in monitored - of_services]
    configuration = configuration_of(objects)
    listens = {each["address"] for each in configuration["listen"]} | {configuration["admin"]["listen"]}
    return found + [f"nothing listens at {port}" for port in there.values() if f":{port}" not in listens]


def references(objects: Objects) -> list[str]:
    """Volumes that are mounted, the configuration by its generated name, what is scaled."""
    pod = pod_of(objects)["spec"]
    volumes = {each["name"]: each for each in pod["volumes"]}
    mounted = {each["name"] for each in container_of(objects)["volumeMounts"]}
    found = [f"no volume {name}" for name in mounted - set(volumes)]
    found += [f"volume {name} is not mounted" for name in set(volumes) - mounted]
    maps = {volume["configMap"]["name"] for volume in volumes.values() if "configMap" in volume}
    if maps != {only(objects, "ConfigMap")["metadata"]["name"]}:
        found.append("the pod has another configuration")
    target = only(objects, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    if f"{target['kind']}/{target['name']}" not in objects:
        found.append("what is scaled is not there")
    return found


def stopping(objects: Objects) -> list[str]:
    """Nobody is killed who is still finishing requests, and the balancers have time to notice."""
    server = configuration_of(objects)["server"]
    notice, finish = seconds(server["drain_delay"]), seconds(server["shutdown_timeout"])
    probe = container_of(objects)["readinessProbe"]
    found = []
    if pod_of(objects)["spec"]["terminationGracePeriodSeconds"] <= notice + finish:
        found.append("the grace period is over before the server is")
    if notice <= 2 * probe["periodSeconds"] * probe["failureThreshold"]:
        found.append("the listeners close before balancers know")
    return found


def rights(objects: Objects) -> list[str]:
    """As the restricted profile of the Pod Security Standards has it."""
    pod, container = pod_of(objects)["spec"]["securityContext"], container_of(objects)["securityContext"]
    wanted = {"runAsNonRoot": pod.get("runAsNonRoot") is True,
              "seccompProfile": pod.get("seccompProfile") == {"type": "RuntimeDefault"},
              "allowPrivilegeEscalation": container.get("allowPrivilegeEscalation") is False,
              "readOnlyRootFilesystem": container.get("readOnlyRootFilesystem") is True,
              "capabilities": container.get("capabilities") == {"drop": ["ALL"]}}
    user = json.loads((REPOSITORY / "packaging/image/config.json").read_text())["User"]
    wanted["user"] = f"{pod.get('runAsUser')}:{pod.get('runAsGroup')}" == user
    return [f"{name} is not as it has to be" for name, holds in wanted.items() if not holds]


def scaling(objects: Objects) -> list[str]:
    """By a metric that the server has and the adapter hands on."""
    [metric] = only(objects, "HorizontalPodAutoscaler")["spec"]["metrics"]
    name, target = metric["pods"]["metric"]["name"], metric["pods"]["target"]["averageValue"]
    [rule] = yaml.safe_load((FOLDER / "metrics/adapter.yaml").read_text())["rules"]["custom"]
    found = []
    if rule["name"]["as"] != name or not rule["seriesQuery"].startswith(name + "{"):
        found.append(f"the adapter knows no {name}")
    if f'"{name}"' not in (REPOSITORY / "src/status/metrics.cc").read_text():
        found.append(f"the server has no {name}")
    if not QUANTITY.fullmatch(target):
        found.append(f"{target} is no quantity")
    return found


RULES = [selectors, ports, references, stopping, rights, scaling]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_parts_fit(rule: Callable[[Objects], list[str]], objects: Objects):
    assert not rule(objects)


def test_kubernetes_knows_each_field(objects: Objects):
    assert {each["kind"] for each in objects.values()} == {
        "Deployment", "Service", "ConfigMap", "PodDisruptionBudget", "HorizontalPodAutoscaler", "ServiceMonitor"}
    for each in objects.values():
        assert not faults(each)


def test_a_cluster_without_metrics_gets_less():
    listed = yaml.safe_load_all(run("kubectl", "kustomize", FOLDER / "base"))
    assert sorted(each["kind"] for each in listed) == ["ConfigMap", "Deployment", "PodDisruptionBudget", "Service"]


def test_the_server_takes_its_configuration(objects: Objects, tmp_path: Path):
    file = tmp_path / "cgisrv.toml"
    text = only(objects, "ConfigMap")["data"]["cgisrv.toml"]
    (tmp_path / "www").mkdir()
    file.write_text(text.replace("/srv/www", str(tmp_path / "www")))
    done = subprocess.run([BINARY, "check", "-c", file], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    file.write_text(file.read_text().replace("drain_delay", "drain_dely"))
    assert subprocess.run([BINARY, "check", "-c", file], capture_output=True).returncode != 0


# ---- whether all this can fail -----------------------------------------------------------------

FAULTS = {
    "an unknown field": (faults, "there is no replica", lambda it: it["Deployment/cgisrv"]["spec"].update(replica=2)),
    "a field in the wrong place": (faults, "there is no readOnlyRootFilesystem", lambda it:
                                   pod_of(it)["spec"]["securityContext"].update(readOnlyRootFilesystem=True)),
    "a wrong type": (faults, "is no int", lambda it: it["Deployment/cgisrv"]["spec"].update(replicas="2")),
    "a number for a text": (faults, "is no str", lambda it: container_of(it).update(image=5)),
    "a missing field": (faults, "must not be `None`", lambda it: it["Deployment/cgisrv"]["spec"].pop("selector")),
    "no quantity": (faults, "is no quantity", lambda it: container_of(it)["resources"]["limits"].update(memory="1 GB")),
    "an old kind": (faults, "unknown kind", lambda it: it["Deployment/cgisrv"].update(apiVersion="apps/v1beta1")),
    "other labels": (selectors, "selects no pod", lambda it: pod_of(it)["metadata"]["labels"].update(
        {"app.kubernetes.io/name": "other"})),
    "a monitor of nothing": (selectors, "selects no service", lambda it:
                             it["Service/cgisrv-admin"]["metadata"]["labels"].clear()),
    "a port that is not there": (ports, "no port https", lambda it:
                                 container_of(it)["livenessProbe"]["httpGet"].update(port="https")),
    "a port without a listener": (ports, "nothing listens at 8081", lambda it:
                                  container_of(it)["ports"][0].update(containerPort=8081)),
    "a volume that is not there": (references, "no volume", lambda it: pod_of(it)["spec"]["volumes"].pop()),
    "a name without its hash": (references, "another configuration", lambda it:
                                pod_of(it)["spec"]["volumes"][0]["configMap"].update(name="cgisrv")),
    "a short grace period": (stopping, "the grace period", lambda it:
                             pod_of(it)["spec"].update(terminationGracePeriodSeconds=30)),
    "a slow probe": (stopping, "before balancers know", lambda it:
                     container_of(it)["readinessProbe"].update(periodSeconds=10)),
    "a writable root": (rights, "readOnlyRootFilesystem", lambda it:
                        container_of(it)["securityContext"].pop("readOnlyRootFilesystem")),
    "another user": (rights, "user", lambda it: pod_of(it)["spec"]["securityContext"].update(runAsUser=1000)),
    "another metric": (scaling, "the adapter knows no", lambda it: it["HorizontalPodAutoscaler/cgisrv"]["spec"][
        "metrics"][0]["pods"]["metric"].update(name="cgisrv_waiting")),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_seen(name: str, objects: Objects):
    rule, told, make = FAULTS[name]
    broken = copy.deepcopy(objects)
    make(broken)
    found = [each for value in broken.values() for each in rule(value)] if rule is faults else rule(broken)
    assert any(told in each for each in found), found

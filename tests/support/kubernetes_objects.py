"""What Kubernetes' API would say against an object, without a cluster: by the classes that the project
generates from its schema, for its client in Python."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kubernetes import client

TYPES = {
    "apps/v1 Deployment": "V1Deployment",
    "v1 Service": "V1Service",
    "v1 ConfigMap": "V1ConfigMap",
    "policy/v1 PodDisruptionBudget": "V1PodDisruptionBudget",
    # Debian's client is of the release before autoscaling/v2, which took v2beta2 over as it was.
    "autoscaling/v2 HorizontalPodAutoscaler": "V2beta2HorizontalPodAutoscaler",
    "monitoring.coreos.com/v1 ServiceMonitor": "ServiceMonitor",
}
QUANTITY = re.compile(r"\d+(\.\d+)?(m|[kMGT]|[KMGT]i)?")
PLAIN = {"str": str, "int": int, "bool": bool, "datetime": str}


class ServiceMonitor:
    """Of the Prometheus operator, whose schema is none of Kubernetes'; what is used of it."""

    openapi_types = {"api_version": "str", "kind": "str", "metadata": "V1ObjectMeta", "spec": "ServiceMonitorSpec"}
    attribute_map = {"api_version": "apiVersion", "kind": "kind", "metadata": "metadata", "spec": "spec"}

    def __init__(self, **fields: object):
        del fields


class ServiceMonitorSpec(ServiceMonitor):
    openapi_types = {"selector": "V1LabelSelector", "endpoints": "list[ServiceMonitorEndpoint]"}
    attribute_map = {"selector": "selector", "endpoints": "endpoints"}


class ServiceMonitorEndpoint(ServiceMonitor):
    openapi_types = {"port": "str", "path": "str", "interval": "str", "scheme": "str"}
    attribute_map = {name: name for name in openapi_types}


def faults(value: dict) -> list[str]:
    """Unknown fields, missing ones, and values of another type, each with where it stands."""
    kind = f"{value.get('apiVersion')} {value.get('kind')}"
    if kind not in TYPES:
        return [f"unknown kind: {kind}"]
    return list(check(value, TYPES[kind], value["kind"]))


def check(value: object, type_name: str, where: str) -> Iterator[str]:
    if found := re.fullmatch(r"list\[(.*)]", type_name):
        yield from every(value, list, found[1], where)
    elif found := re.fullmatch(r"dict\(str, (.*)\)", type_name):
        yield from every(value, dict, found[1], where)
    elif type_name in PLAIN:
        if not isinstance(value, PLAIN[type_name]) or isinstance(value, bool) != (type_name == "bool"):
            yield f"{where}: {value!r} is no {type_name}"
    elif type_name != "object":
        yield from check_object(value, type_name, where)


def every(value: object, kind: type, type_name: str, where: str) -> Iterator[str]:
    if not isinstance(value, kind):
        yield f"{where}: {value!r} is no {kind.__name__}"
        return
    for key, each in value.items() if isinstance(value, dict) else enumerate(value):
        yield from check(each, type_name, f"{where}[{key}]")
        if re.search(r"(requests|limits)$", where) and not QUANTITY.fullmatch(str(each)):
            yield f"{where}[{key}]: {each!r} is no quantity"


def check_object(value: object, type_name: str, where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where}: {value!r} is no {type_name}"
        return
    model = globals().get(type_name) or getattr(client, type_name)
    names = {of_json: name for name, of_json in model.attribute_map.items()}
    for key, each in value.items():
        if key not in names:
            yield f"{where}: there is no {key}"
        else:
            yield from check(each, model.openapi_types[names[key]], f"{where}.{key}")
    try:
        model(**{names[key]: each for key, each in value.items() if key in names})
    except ValueError as error:  # what is required is not there
        yield f"{where}: {error}"

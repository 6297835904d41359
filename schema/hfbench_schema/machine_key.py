"""The machine key: a versioned hash of the stable facts that make numbers comparable.

In the key: processor, cores that may be used, virtualisation, accelerators. Left out, and shown
beside it: what changes on a machine without making it another one (kernel, driver, memory).
Measured clock rates are left out because they drift: folo-rs/folo#429 tells what that costs.
"""

from hfbench_schema.canonical import document_sha256
from hfbench_schema.submission import Machine

MACHINE_KEY_VERSION = 1


def machine_key(machine: Machine) -> str:
    """Return the key, as in `m1-0123456789abcdef`."""
    cpu = machine["cpu"]
    facts = {
        "architecture": machine["architecture"],
        "cpu": [cpu.get("vendor"), cpu["name"], cpu.get("family"), cpu.get("model")],
        "cores": [cpu["physical_cores"], cpu["logical_cores"], machine["usable_cores"]],
        "virtualised": machine["virtualised"],
        "accelerators": [
            [a["vendor"], a["name"], a["memory_gib"]] for a in machine["accelerators"]
        ],
    }
    return f"m{MACHINE_KEY_VERSION}-{document_sha256(facts)[:16]}"


def machine_title(machine: Machine) -> str:
    """Return a short line for people: processor or accelerators, and usable cores."""
    cores = f"{machine['usable_cores']} cores"
    names = [accelerator["name"] for accelerator in machine["accelerators"]]
    gpus = [f"{names.count(name)}x {name}" for name in dict.fromkeys(names)]
    return ", ".join([*gpus, machine["cpu"]["name"], cores])

"""Which devices a cell takes: of one machine, or of several that train together."""

from hfbench_schema.cells import Cell
from hfbench_schema.submission import Machine


def machines_of(cell: Cell, nodes: int) -> int:
    """Return how many of `nodes` machines a cell is measured on: all of them, or one.

    Torch's ranks are spread evenly, where that goes. TensorFlow's MirroredStrategy is one process,
    on one machine.
    """
    spread = cell.framework == "torch" and cell.world_size % nodes == 0
    return nodes if spread else 1


def devices_of(cell: Cell, nodes: int = 1) -> int:
    """Return how many devices a cell takes of each machine that it is measured on."""
    return cell.world_size // machines_of(cell, nodes)


def has_devices(machine: Machine, cell: Cell, nodes: int = 1) -> bool:
    """Tell whether each of `nodes` such machines has the devices for a cell; a core is one."""
    there_are = {"cpu": machine["usable_cores"], "cuda": len(machine["accelerators"])}
    return devices_of(cell, nodes) <= there_are.get(cell.device, 0)

"""Named tensors in the object of a checkpoint."""

from __future__ import annotations

from models.checkpoint.pickles import Made, mapping
from models.checkpoint.stored import StoredTensor, stored_tensor
from models.weights import WeightsInvalid

WRAPPERS = ("state_dict", "generator")  # of Lightning; of EdgeConnect's code
MAX_DEPTH = 32  # of modules in modules
MAX_MODULES = 20_000  # a file may name one module many times, and itself


def state_dict(root: object) -> dict[str, StoredTensor]:
    """Tensors of a bare state dict, or of one under a key of WRAPPERS, whatever lies beside it.

    Raises WeightsInvalid when there are none.
    """
    entries = mapping(root)
    wrapper = next((key for key in WRAPPERS if key in entries), None)
    if wrapper is not None:
        entries = mapping(entries[wrapper])
    named = ((key, stored_tensor(node)) for key, node in entries.items())
    found = {key: tensor for key, tensor in named if isinstance(key, str) and tensor is not None}
    if not found:
        raise WeightsInvalid("the checkpoint has no state_dict of tensors")
    return found


def module_tensors(root: object) -> dict[str, StoredTensor]:
    """Parameters and buffers of a scripted or traced module: the attributes of its object, names joined by dots.

    Raises WeightsInvalid when there are none: a frozen module keeps its numbers without their names.
    """
    found: dict[str, StoredTensor] = {}
    waiting: list[tuple[tuple[str, ...], object]] = [((), root)]
    for _ in range(MAX_MODULES):
        if not waiting:
            break
        path, node = waiting.pop()
        for key, value in mapping(node.state).items() if isinstance(node, Made) else ():
            name = (*path, str(key)) if isinstance(key, str) else ()
            tensor = stored_tensor(value)
            if tensor is not None and name:
                found[".".join(name)] = tensor
            elif isinstance(value, Made) and name and len(name) <= MAX_DEPTH:
                waiting.append((name, value))
    if not found:
        raise WeightsInvalid("the TorchScript file has no named tensors (a frozen module has none)")
    return found

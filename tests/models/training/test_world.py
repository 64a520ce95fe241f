from __future__ import annotations

import socket

import pytest
import torch
from torch import distributed, multiprocessing

from models.training.world import World, current_world, joined


def test_a_world_of_one_needs_nothing(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    tensor = torch.tensor([3.0])
    with joined() as world:
        assert world == World(0, 1) == current_world() and world.first
        world.mean_([tensor, None])
        assert tensor == 3 and world.agreed(0.25) == 0.25
    assert not distributed.is_initialized()


def worker(rank: int, port: int, queue) -> None:
    import os

    os.environ.update(RANK=str(rank), WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    with joined() as world:
        matrix, number = torch.full((2, 3), float(rank)), torch.tensor(10.0 * rank)
        world.mean_([matrix, None, number])
        world.mean_([])
        queue.put((world.rank, world.size, matrix.tolist(), float(number), world.agreed(rank + 0.5)))


@pytest.mark.slow
def test_two_processes_agree():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    processes = [context.Process(target=worker, args=(rank, port, queue)) for rank in range(2)]
    for process in processes:
        process.start()
    found = sorted(queue.get(timeout=60) for _ in processes)
    for process in processes:
        process.join(30)
        assert process.exitcode == 0
    expected = [[0.5] * 3] * 2
    assert found == [(0, 2, expected, 5.0, 0.5), (1, 2, expected, 5.0, 0.5)]

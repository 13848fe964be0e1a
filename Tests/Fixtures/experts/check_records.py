#!/usr/bin/env python3
"""Reads the records of this folder with PyTorch 2.15.0 and holds them against what they must say.

    python3 -m venv venv && venv/bin/pip install -r ../models/requirements.txt
    venv/bin/python check_records.py

The files are what `ExpertFiles` writes of the passes in `ExpertFilesTests.swift`, which compares them byte for byte: so
that test is a test of what PyTorch can read, without PyTorch.
"""

import os

import torch

HERE = os.path.dirname(os.path.abspath(__file__))


def load(name):
    return torch.load(os.path.join(HERE, f"{name}.pt"), weights_only=True)


def equals(tensor, values):
    return tensor.dtype == torch.int32 and tensor.tolist() == values


stat = load("stat")
assert list(stat) == ["rank", "logical_count", "average_utilization_rate_over_window"]
assert stat["rank"] == 0 and stat["average_utilization_rate_over_window"] is None
assert equals(stat["logical_count"], [[[0, 0, 0], [1, 1, 2]], [[0, 0, 0], [0, 1, 1]]])

KEYS = ["forward_pass_id", "rank", "gatherer_key", "input_ids", "positions", "extend_seq_lens", "forward_mode",
        "topk_ids_of_layer", "misc_objects", "global_physical_count"]
for name in ("per_pass", "per_token"):
    detail = load(name)
    assert list(detail) == ["records", "last_physical_to_logical_map"]
    assert equals(detail["last_physical_to_logical_map"], [[0, 1, 2], [0, 1, 2]])
    first, second = detail["records"]
    assert list(first) == list(second) == KEYS
    assert (first["forward_pass_id"], second["forward_pass_id"]) == (1, 2)
    assert (first["forward_mode"], second["forward_mode"]) == (1, 2)
    assert first["rank"] == 0 and first["gatherer_key"] == "primary" and first["misc_objects"] == []
    assert equals(first["global_physical_count"], [[0, 0, 0], [1, 1, 2]])
    assert equals(second["global_physical_count"], [[0, 0, 0], [0, 1, 1]])
    if name == "per_pass":
        assert all(first[key] is None for key in ("input_ids", "positions", "extend_seq_lens", "topk_ids_of_layer"))
    else:
        assert first["input_ids"] == [7, 70000] and first["positions"] == [0, 1] and first["extend_seq_lens"] == [2]
        assert second["input_ids"] == [9] and second["positions"] == [2] and second["extend_seq_lens"] is None
        assert equals(first["topk_ids_of_layer"], [[[-1, -1], [-1, -1]], [[2, 0], [2, 1]]])
        assert equals(second["topk_ids_of_layer"], [[[-1, -1]], [[1, 2]]])
print("PyTorch reads what it should")

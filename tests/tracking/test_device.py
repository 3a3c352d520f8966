"""Which number format a device computes in."""

import logging

import pytest
import torch

from dmtrack.errors import ConfigError
from dmtrack.tracking import device
from dmtrack.tracking.device import has_fast_bf16, resolve_precision

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def processor(monkeypatch, caplog):
    def with_instructions(fast):
        monkeypatch.setattr(device, "has_fast_bf16", lambda: fast)

    device._warn_of_slow_bf16.cache_clear()
    caplog.set_level(logging.WARNING, "dmtrack")
    return with_instructions


@pytest.mark.parametrize(("fast", "auto"), [(True, "bf16"), (False, "fp32")])
def test_auto_is_bf16_only_where_the_processor_is_faster_in_it(processor, caplog, fast, auto):
    processor(fast)
    assert resolve_precision("auto", CPU) == auto
    assert resolve_precision("fp32", CPU) == "fp32"
    assert caplog.text == ""
    for _ in range(2):
        assert resolve_precision("bf16", CPU) == "bf16"
    assert caplog.text.count("bf16 is slower than fp32 on this processor") == (0 if fast else 1)


@pytest.mark.parametrize(("supported", "auto"), [(True, "bf16"), (False, "fp16")])
def test_auto_on_a_gpu(monkeypatch, supported, auto):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: supported)
    assert resolve_precision("auto", CUDA) == auto
    assert resolve_precision("fp16", CUDA) == "fp16"


@pytest.mark.parametrize(
    ("precision", "says"), [("fp16", "needs a GPU"), ("int4", "auto, fp32, bf16, fp16"), ("", "unknown")]
)
def test_what_a_machine_cannot_do_is_one_sentence(precision, says):
    with pytest.raises(ConfigError, match=says):
        resolve_precision(precision, CPU)


@pytest.mark.parametrize(
    ("cpuinfo", "machine", "expected"),
    [
        ("vendor_id : AuthenticAMD flags : avx2 avx512f avx512_bf16", "x86_64", True),
        ("vendor_id : GenuineIntel flags : avx2 avx512f avx512_bf16", "x86_64", False),
        ("vendor_id : GenuineIntel flags : avx512_bf16 amx_bf16", "x86_64", True),
        ("flags : fpu avx2 fma", "x86_64", False),
        ("flags : avx512f avx512vl avx512_fp16", "x86_64", False),
        ("Features : fp asimd bf16 i8mm", "aarch64", True),
        ("Features : fp asimd", "aarch64", False),
    ],
)
def test_what_is_fast_is_read_from_the_processor(monkeypatch, cpuinfo, machine, expected):
    monkeypatch.setattr(device.Path, "read_text", lambda *_, **__: cpuinfo)
    monkeypatch.setattr(device.platform, "machine", lambda: machine)
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict, raising=False)
    has_fast_bf16.cache_clear()
    assert has_fast_bf16() is expected
    has_fast_bf16.cache_clear()

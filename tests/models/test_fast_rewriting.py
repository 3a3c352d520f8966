"""The walk that exchanges layers by their type: what it serves, and what it leaves alone."""

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional

from dmtrack.models.fast import rewriting
from dmtrack.models.fast.convolution import PreparedConv
from dmtrack.models.fast.inference_copy import inference_copy
from dmtrack.models.fast.rewriting import fold_batch_norms, prepare_layers
from dmtrack.models.fast.winograd import WinogradConv


def trained(module: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean.normal_(std=0.1)
            norm.running_var.uniform_(0.5, 1.5)
    return module.eval()


def of_type(module: nn.Module, *kinds: type[nn.Module]) -> int:
    return sum(type(child) in kinds for child in module.modules())


def plain_stage(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


@torch.no_grad()
def test_plain_blocks_get_the_fast_path() -> None:
    plain = trained(nn.Sequential(plain_stage(3, 128), plain_stage(128, 128), nn.MaxPool2d(2), plain_stage(128, 16)))
    images = torch.randn(2, 3, 33, 47)
    expected, before = plain(images), {name: value.clone() for name, value in plain.state_dict().items()}
    fast = prepare_layers(plain)
    torch.testing.assert_close(fast(images), expected, atol=1e-4, rtol=1e-4)
    # Norms and ReLUs have become part of the convolutions; only the one with many channels pays for Winograd.
    assert of_type(fast, nn.Conv2d, nn.BatchNorm2d, nn.ReLU) == 0
    assert (of_type(fast, PreparedConv), of_type(fast, WinogradConv), of_type(fast, nn.MaxPool2d)) == (2, 1, 1)
    assert all(torch.equal(value, before[name]) for name, value in plain.state_dict().items())
    half = prepare_layers(plain, "bf16")(images)
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), expected, atol=0.05, rtol=0.05)


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "mobilenet_v2"])
@torch.no_grad()
def test_foreign_backbones_compute_the_same_without_an_entry_of_their_own(name: str) -> None:
    backbone = trained(getattr(torchvision.models, name)(weights=None))
    images = torch.randn(1, 3, 64, 96)
    fast = prepare_layers(backbone)
    expected = backbone(images)
    torch.testing.assert_close(fast(images), expected, atol=1e-4 * float(expected.abs().max()), rtol=0)
    assert of_type(fast, nn.Conv2d, nn.BatchNorm2d) == 0
    assert of_type(backbone, nn.Conv2d) == of_type(fast, PreparedConv, WinogradConv)


class StandardisedConv(nn.Conv2d):
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        weight = self.weight - self.weight.mean(dim=(1, 2, 3), keepdim=True)
        return functional.conv2d(inputs, weight, self.bias, padding=self.padding)


class ActivatedNorm(nn.BatchNorm2d):
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return functional.relu(super().forward(inputs))


class Crossed(nn.Module):
    """Norms are declared in another order than they run in."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(6, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.bn1, self.bn2 = nn.BatchNorm2d(6), nn.BatchNorm2d(6)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.bn2(self.conv2(self.bn1(self.conv1(inputs)).relu()))


@torch.no_grad()
def test_what_is_unknown_stays_as_it_is() -> None:
    model = trained(
        nn.Sequential(
            nn.Sequential(StandardisedConv(3, 6, 3, padding=1), nn.BatchNorm2d(6)),
            nn.Sequential(nn.Conv2d(6, 6, 1), ActivatedNorm(6)),
            Crossed(),
            nn.Conv2d(6, 4, 1),
            nn.InstanceNorm2d(4, affine=True),
        )
    )
    images = torch.randn(1, 3, 16, 16)
    for copied in (fold_batch_norms(model), prepare_layers(model)):
        torch.testing.assert_close(copied(images), model(images), atol=1e-5, rtol=1e-4)
        kinds = (StandardisedConv, ActivatedNorm, Crossed, nn.InstanceNorm2d)
        assert [of_type(copied, kind) for kind in kinds] == [1, 1, 1, 1]
        assert of_type(copied, nn.BatchNorm2d) == 3
    # Inside of an unknown module the walk goes on.
    assert of_type(prepare_layers(model)[2], PreparedConv) == 2


@torch.no_grad()
def test_one_entry_teaches_a_new_type(monkeypatch: pytest.MonkeyPatch) -> None:
    class Doubling(nn.Module):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return inputs + inputs

    monkeypatch.setattr(rewriting, "_FAST_LAYERS", dict(rewriting._FAST_LAYERS))
    seen = []

    @rewriting.fast_layer(Doubling)
    def _double(layer: Doubling, context: rewriting.Rewriting, path: str) -> nn.Module:
        seen.append((path, context.dtype_of(path)))
        return nn.Identity()

    model = nn.Sequential(nn.Sequential(Doubling()), nn.Conv2d(3, 3, 1))
    prepare_layers(model, "bf16", full_precision=("0.",))
    assert seen == [("0.0", torch.float32)]


@torch.no_grad()
def test_models_of_others_get_fast_layers_in_fp32_and_autocast_otherwise() -> None:
    model = trained(plain_stage(3, 8))
    copied, needs_autocast = inference_copy(model)
    assert of_type(copied, PreparedConv) == 1 and not needs_autocast
    copied, needs_autocast = inference_copy(model, "bf16")
    assert of_type(copied, nn.Conv2d) == 1 and of_type(copied, nn.BatchNorm2d) == 0 and needs_autocast

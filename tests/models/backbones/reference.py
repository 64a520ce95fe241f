"""InceptionV3 as modules, written from the paper's figures and the FID port's names; narrow, to compare with."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Conv(nn.Module):
    def __init__(self, before: int, after: int, size: int | tuple[int, int], stride: int = 1, padding=0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, size, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(after, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


def average(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, kernel_size=3, stride=1, padding=1, count_include_pad=False)


class A(nn.Module):
    def __init__(self, c: int, w: int) -> None:
        super().__init__()
        self.branch1x1 = Conv(c, w, 1)
        self.branch5x5_1, self.branch5x5_2 = Conv(c, w, 1), Conv(w, w + 1, 5, padding=2)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = Conv(c, w, 1), Conv(w, w, 3, padding=1)
        self.branch3x3dbl_3 = Conv(w, w, 3, padding=1)
        self.branch_pool = Conv(c, w, 1)

    def forward(self, x: Tensor) -> Tensor:
        five = self.branch5x5_2(self.branch5x5_1(x))
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch1x1(x), five, double, self.branch_pool(average(x))], 1)


class B(nn.Module):
    def __init__(self, c: int, w: int) -> None:
        super().__init__()
        self.branch3x3 = Conv(c, w, 3, 2)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = Conv(c, w, 1), Conv(w, w, 3, padding=1)
        self.branch3x3dbl_3 = Conv(w, w, 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), double, F.max_pool2d(x, 3, 2)], 1)


class C(nn.Module):
    def __init__(self, c: int, w: int) -> None:
        super().__init__()
        flat, tall = {"size": (1, 7), "padding": (0, 3)}, {"size": (7, 1), "padding": (3, 0)}
        self.branch1x1 = Conv(c, w, 1)
        self.branch7x7_1 = Conv(c, w, 1)
        self.branch7x7_2, self.branch7x7_3 = Conv(w, w, **flat), Conv(w, w, **tall)
        self.branch7x7dbl_1 = Conv(c, w, 1)
        self.branch7x7dbl_2, self.branch7x7dbl_3 = Conv(w, w, **tall), Conv(w, w, **flat)
        self.branch7x7dbl_4, self.branch7x7dbl_5 = Conv(w, w, **tall), Conv(w, w, **flat)
        self.branch_pool = Conv(c, w, 1)

    def forward(self, x: Tensor) -> Tensor:
        seven = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        double = self.branch7x7dbl_5(self.branch7x7dbl_4(double))
        return torch.cat([self.branch1x1(x), seven, double, self.branch_pool(average(x))], 1)


class D(nn.Module):
    def __init__(self, c: int, w: int) -> None:
        super().__init__()
        self.branch3x3_1, self.branch3x3_2 = Conv(c, w, 1), Conv(w, w, 3, 2)
        self.branch7x7x3_1, self.branch7x7x3_2 = Conv(c, w, 1), Conv(w, w, (1, 7), padding=(0, 3))
        self.branch7x7x3_3, self.branch7x7x3_4 = Conv(w, w, (7, 1), padding=(3, 0)), Conv(w, w, 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        three = self.branch3x3_2(self.branch3x3_1(x))
        seven = self.branch7x7x3_4(self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x))))
        return torch.cat([three, seven, F.max_pool2d(x, 3, 2)], 1)


class E(nn.Module):
    def __init__(self, c: int, w: int, last: bool) -> None:
        super().__init__()
        self.last = last
        self.branch1x1 = Conv(c, w, 1)
        self.branch3x3_1 = Conv(c, w, 1)
        self.branch3x3_2a = Conv(w, w, (1, 3), padding=(0, 1))
        self.branch3x3_2b = Conv(w, w, (3, 1), padding=(1, 0))
        self.branch3x3dbl_1, self.branch3x3dbl_2 = Conv(c, w, 1), Conv(w, w, 3, padding=1)
        self.branch3x3dbl_3a = Conv(w, w, (1, 3), padding=(0, 1))
        self.branch3x3dbl_3b = Conv(w, w, (3, 1), padding=(1, 0))
        self.branch_pool = Conv(c, w, 1)

    def forward(self, x: Tensor) -> Tensor:
        three = self.branch3x3_1(x)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        around = F.max_pool2d(x, 3, 1, 1) if self.last else average(x)
        parts = [self.branch3x3_2a(three), self.branch3x3_2b(three)]
        parts += [self.branch3x3dbl_3a(double), self.branch3x3dbl_3b(double)]
        return torch.cat([self.branch1x1(x), *parts, self.branch_pool(around)], 1)


class Reference(nn.Module):
    """(B, 3, H, W) in [0, 1] -> (B, channels)."""

    def __init__(self, w: int = 2) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Conv(3, w, 3, 2)
        self.Conv2d_2a_3x3 = Conv(w, w, 3)
        self.Conv2d_2b_3x3 = Conv(w, w, 3, padding=1)
        self.Conv2d_3b_1x1 = Conv(w, w, 1)
        self.Conv2d_4a_3x3 = Conv(w, w, 3)
        c = w
        for name in ("Mixed_5b", "Mixed_5c", "Mixed_5d"):
            setattr(self, name, A(c, w))
            c = 4 * w + 1
        self.Mixed_6a = B(c, w)
        c += 2 * w
        for name in ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"):
            setattr(self, name, C(c, w))
            c = 4 * w
        self.Mixed_7a = D(c, w)
        c += 2 * w
        self.Mixed_7b = E(c, w, last=False)
        self.Mixed_7c = E(6 * w, w, last=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(2 * x - 1)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(F.max_pool2d(x, 3, 2)))
        x = F.max_pool2d(x, 3, 2)
        for name in [n for n, _ in self.named_children() if n.startswith("Mixed")]:
            x = getattr(self, name)(x)
        return F.adaptive_avg_pool2d(x, 1).flatten(1)


def reference(seed: int = 0) -> Reference:
    """In evaluation mode, with statistics as if trained."""
    torch.manual_seed(seed)
    network = Reference().eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0.2, 0.1)
    return network

"""Batch normalisation that several threads are quick at, too."""

import torch
from torch import Tensor, nn
from torch.autograd.function import Function, FunctionCtx, once_differentiable

CACHE_LINE = 64  # bytes that one core at a time can write to
WIDE = 32  # from so many channels on torch's own is as quick: most lines belong to one thread


class BatchNorm2d(nn.BatchNorm2d):
    """torch's, with the same values, but quick where several threads normalise few channels.

    Where the channels of a pixel lie side by side, torch keeps sums for each thread, one thread's
    right behind another's. Threads whose sums are in the same cache line wait for each other at
    every pixel: with eight channels, two threads take three times as long as one. This one adds up
    the images first, and each thread has pixels of its own. In evaluation, with one thread, with
    many channels, on other devices and in other memory formats it is torch's own. No layer behind
    it may work in place.

    Args:
        channels: C.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__(channels)

    def forward(self, maps: Tensor) -> Tensor:
        """Normalises each channel, then scales and shifts it.

        Args:
            maps: (N, C, H, W), float.

        Returns:
            (N, C, H, W), of the maps' type; the arithmetic is in float32 at least.
        """
        count = maps.numel() // self.num_features
        # torch refuses the variance of one value, and has means over all batches.
        if count < 2 or self.momentum is None or not self._threads_wait(maps):
            return super().forward(maps)
        normalized: Tensor
        normalized, mean, variance = _Normalization.apply(maps, self.weight, self.bias, self.eps)
        with torch.no_grad():
            dtype = self.running_mean.dtype
            self.running_mean.lerp_(mean.to(dtype), self.momentum)
            unbiased = variance * (count / (count - 1))
            self.running_var.lerp_(unbiased.to(dtype), self.momentum)
            self.num_batches_tracked += 1
        return normalized

    def _threads_wait(self, maps: Tensor) -> bool:
        return (
            self.training
            and self.num_features < WIDE
            and self.num_features * torch.float32.itemsize % CACHE_LINE != 0
            and maps.device.type == "cpu"
            and maps.is_contiguous(memory_format=torch.channels_last)
            and torch.get_num_threads() > 1
        )


class _Normalization(Function):
    """Ioffe and Szegedy's formulas on rows: a row is an image, (H·W·C,), pixel by pixel.

    Long rows are quick to add and to multiply, and are where channels lie side by side.
    """

    @staticmethod
    def forward(
        ctx: FunctionCtx, maps: Tensor, weight: Tensor, bias: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        rows = _as_rows(maps)
        mean = _channel_means(rows, maps)
        centred = rows - _every_pixel(mean, maps)
        variance = _channel_means(centred.square(), maps)
        inverse = (variance + eps).rsqrt()
        scale, shift = _every_pixel(weight * inverse, maps), _every_pixel(bias, maps)
        ctx.save_for_backward(maps, mean, inverse, weight)
        ctx.mark_non_differentiable(mean, variance)
        return _as_maps(torch.addcmul(shift, centred, scale), maps), mean, variance

    @staticmethod
    @once_differentiable
    def backward(
        ctx: FunctionCtx, gradient: Tensor, *of_statistics: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, None]:
        maps, mean, inverse, weight = ctx.saved_tensors  # type: ignore[attr-defined]
        rows, centred = _as_rows(gradient), _as_rows(maps) - _every_pixel(mean, maps)
        mean_gradient = _channel_means(rows, maps)
        mean_product = _channel_means(rows * centred, maps) * inverse  # with normalised values
        # (gradient - its mean - normalised value · mean product) · scale
        scale = weight * inverse
        result = torch.addcmul(
            _every_pixel(-scale * mean_gradient, maps), rows, _every_pixel(scale, maps)
        ).addcmul_(centred, _every_pixel(-scale * inverse * mean_product, maps))
        count = maps.numel() // len(mean)
        return _as_maps(result, maps), mean_product * count, mean_gradient * count, None


def _as_rows(maps: Tensor) -> Tensor:
    rows = maps.permute(0, 2, 3, 1).flatten(1)
    return rows.to(torch.promote_types(maps.dtype, torch.float32))


def _as_maps(rows: Tensor, like: Tensor) -> Tensor:
    count, channels, height, width = like.shape
    return rows.to(like.dtype).view(count, height, width, channels).permute(0, 3, 1, 2)


def _channel_means(rows: Tensor, maps: Tensor) -> Tensor:
    """(C,) of (N, H·W·C)."""
    return rows.mean(dim=0).view(-1, maps.shape[1]).mean(dim=0)


def _every_pixel(values: Tensor, maps: Tensor) -> Tensor:
    """A row (H·W·C,) of (C,)."""
    return values.repeat(maps.shape[2] * maps.shape[3])

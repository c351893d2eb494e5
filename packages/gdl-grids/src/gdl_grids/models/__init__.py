"""Whole networks for images of any size: LeNet, ResNet, U-Net."""

from gdl_grids.models.blocks import POOLS, ResidualBlock, coarsening
from gdl_grids.models.lenet import lenet
from gdl_grids.models.resnet import resnet
from gdl_grids.models.unet import UNet, unet

__all__ = ["POOLS", "ResidualBlock", "UNet", "coarsening", "lenet", "resnet", "unet"]

"""What `gdl-grids` offers by name. Imports nothing heavy: targets are dotted strings."""

from gdl_core.plugins import Component, KernelEntry, hookimpl

GDL_API = (1, 0)

# (kind, name, target inside gdl_grids, summary)
COMPONENTS = (
    ("layer", "conv", "conv:Conv", "Convolution in one to four dimensions, with the boundary of the domain."),
    ("layer", "batch_norm", "norm:BatchNorm", "Normalisation over batch and grid."),
    ("layer", "group_norm", "norm:GroupNorm", "Normalisation over the grid and groups of channels, per sample."),
    ("layer", "layer_norm", "norm:LayerNorm", "Normalisation over the grid and all channels, per sample."),
    ("layer", "instance_norm", "norm:InstanceNorm", "Normalisation over the grid, per sample and channel."),
    ("layer", "residual_block", "models.blocks:ResidualBlock", "Two convolutions and norms, added to the input."),
    ("coarsening", "strided_conv", "conv:StridedConv", "Convolution of which every s-th value is kept."),
    ("coarsening", "max_pool", "pool:MaxPool", "The largest value of each window."),
    ("coarsening", "avg_pool", "pool:AvgPool", "The mean of each window."),
    ("coarsening", "blur_pool", "pool:BlurPool", "A binomial low-pass filter, then every s-th value."),
    ("coarsening", "subsample", "pool:Subsample", "Every s-th value, from the first."),
    ("coarsening", "polyphase_pool", "polyphase:PolyphasePool", "The interleaved grid of largest norm; keeps shifts."),
    ("refinement", "polyphase_up", "polyphase:PolyphaseUp", "Puts values back where a polyphase pool took them."),
    ("refinement", "upsample", "upsample:Upsample", "Repetition, linear or trigonometric interpolation."),
    ("readout", "global_pool", "readout:GlobalPool", "Mean, sum or maximum over the grid."),
    ("model", "lenet", "models.lenet:lenet", "Convolutions and pools for images of any size."),
    ("model", "resnet", "models.resnet:resnet", "Residual network for small images of any size."),
    ("model", "unet", "models.unet:unet", "Grid in, grid out, any size, one to four dimensions."),
    ("dataset", "digits", "datasets:Digits", "1,797 handwritten digits of 8 x 8, carried by scikit-learn."),
    ("dataset", "mnist", "datasets:MNIST", "Handwritten digits of 28 x 28, from IDX files."),
    ("dataset", "fashion-mnist", "datasets:FashionMNIST", "Pieces of clothing of 28 x 28, from IDX files."),
    ("dataset", "cifar10", "datasets:CIFAR10", "Photographs of 32 x 32 in ten classes, from the binary files."),
    ("dataset", "npz", "datasets:NPZ", "Images and labels from a NumPy archive."),
)

RECIPES = (
    ("digits", "LeNet with shift-exact pools on scikit-learn's digits; the demo."),
    ("mnist", "LeNet with shift-exact pools on MNIST."),
    ("fashion-mnist", "LeNet with shift-exact pools on Fashion-MNIST."),
    ("cifar10", "ResNet on CIFAR-10."),
)


@hookimpl
def gdl_components():
    for kind, name, target, summary in COMPONENTS:
        yield Component(kind, name, f"gdl_grids.{target}", summary)
    for name, summary in RECIPES:
        yield Component("recipe", name, f"gdl_grids:recipes/{name}.yaml", summary)


@hookimpl
def gdl_cases(component):
    from gdl_grids._cases import cases

    yield from cases(component.kind, component.name)


@hookimpl
def gdl_kernels():
    for name, module, summary in (
        ("axis_filter", "axis_filter", "fixed filter along one axis with stride and boundary, and its adjoint"),
        ("polyphase_phase", "polyphase", "which interleaved grid of each sample has the largest norm"),
        ("polyphase_gather", "polyphase", "the values of the chosen interleaved grid"),
        ("polyphase_scatter", "polyphase", "values put back on the chosen interleaved grid; adjoint of the gather"),
    ):
        yield KernelEntry(name, f"gdl_grids.kernels.{module}:{name}", summary)

"""What `gdl-groups` offers by name. Imports nothing heavy: targets are dotted strings."""

from gdl_core.plugins import Component, KernelEntry, hookimpl

GDL_API = (1, 0)

# (kind, name, target inside gdl_groups, summary)
COMPONENTS: tuple[tuple[str, str, str, str], ...] = (
    ("group", "point", "named.point:PointGroup", "Point groups by Schoenflies symbol: polyhedra and crystals."),
    ("group", "wallpaper", "named.wallpaper:WallpaperGroup", "The seventeen wallpaper groups on a torus."),
    ("group", "alternating", "named.finite:AlternatingGroup", "A_n: even permutations of n points."),
    ("group", "klein-four", "named.finite:KleinFourGroup", "C_2 x C_2: symmetries of a rectangle."),
    ("group", "rubiks-cube", "named.finite:RubiksCube", "The turns of Rubik's cube."),
    ("group", "quaternion", "named.quaternion:QuaternionGroup", "Q8: the quaternions ±1, ±i, ±j, ±k."),
    ("group", "binary-polyhedral", "named.quaternion:BinaryPolyhedralGroup", "2T, 2O, 2I: double covers of T, O, I."),
    ("group", "unit-quaternions", "named.unitary:UnitQuaternions", "Spin(3): rotations as unit quaternions."),
    ("group", "unitary", "named.unitary:U", "U(n): unitary matrices."),
    ("group", "special-unitary", "named.unitary:SU", "SU(n): unitary matrices of determinant 1; spins."),
    ("group", "symplectic", "named.classical:Sp", "Sp(2n): linear canonical transformations."),
    ("group", "special-linear", "named.classical:SL", "SL(n): matrices of determinant 1, real or complex."),
    ("group", "general-linear", "named.classical:GL", "GL(n): invertible matrices."),
    ("group", "lorentz", "named.classical:Lorentz", "SO(1, d) and O(1, d): what keeps the speed of light."),
    ("group", "poincare", "named.affine:Poincare", "Lorentz transformations and translations of space-time."),
    ("group", "galilei", "named.affine:Galilei", "Rotations, boosts and translations of classical mechanics."),
    ("group", "translations", "named.affine:Translations", "R^n as translations."),
    ("group", "special-euclidean", "named.affine:SE", "SE(n): rotations and translations."),
    ("group", "euclidean", "named.affine:E", "E(n): rotations, reflections and translations."),
    ("group", "scaling", "named.classical:Scaling", "Scalings by positive numbers."),
    ("group", "scale-rotations", "named.classical:ScaleRotations", "Scalings and rotations."),
    ("layer", "disc-mask", "grid.turn:DiscMask", "Zero in the corners, which no turn brings back."),
    ("model", "steerable-cnn", "models.steerable:steerable_cnn", "Steerable network: regular fields, or irreps."),
    ("layer", "steerable-conv", "grid.steerable:SteerableConv", "Convolution that keeps any turns, of C_n to O(3)."),
    ("layer", "group-conv", "grid.group_conv:GroupConv", "Convolution that keeps turns and flips of a grid exactly."),
    ("layer", "reverse-complement-conv", "grid.dna:ReverseComplementConv", "Convolution of both strands of DNA."),
    ("layer", "group-pool", "grid.pool_group:GroupPool", "Maximum or mean over the group: invariants."),
    ("layer", "subgroup-pool", "grid.pool_group:SubgroupPool", "Maximum or mean over the cosets of a subgroup."),
    ("layer", "restrict", "grid.pool_group:Restrict", "The same fields, seen by a subgroup."),
    ("layer", "group-block", "models.p4:GroupBlock", "Two group convolutions and norms, added to the input."),
    ("coarsening", "max-pool", "grid.pool:MaxPool", "The largest value of windows centred on the grid."),
    ("coarsening", "avg-pool", "grid.pool:AvgPool", "The weighted mean of windows centred on the grid."),
    ("readout", "grid-pool", "grid.readout:GlobalPool", "Mean, sum or maximum over the grid and the group."),
    ("model", "go-policy", "models.go:go_policy", "Scores for every point of a board, turning with it."),
    ("model", "group-cnn", "models.p4:group_cnn", "Group convolutions and pools for images and voxels."),
    ("model", "group-resnet", "models.p4:group_resnet", "Residual network of regular fields."),
    ("layer", "gate", "fibre.gate:Gate", "Scalars through a function, other copies times a gate each."),
    ("layer", "norm-activation", "fibre.gate:NormActivation", "A function of the length of each copy."),
    ("layer", "fourier-activation", "fibre.fourier:FourierActivation", "A pointwise function on samples of the group."),
    ("layer", "rms-norm", "fibre.norm:RMSNorm", "Each field of a feature vector over its root mean square."),
    ("layer", "layer-norm", "fibre.norm:LayerNorm", "Statistics over the copies of a point, or of a sample."),
    ("layer", "instance-norm", "fibre.norm:InstanceNorm", "Statistics of each copy over its sample."),
    ("layer", "batch-norm", "fibre.batch_norm:BatchNorm", "Statistics of each copy over the batch, kept running."),
    ("layer", "norm-pool", "fibre.pool:NormPool", "The length of each copy: invariant channels."),
    ("domain", "geometric-graph", "geometric.graph:GeometricGraph", "Points in space and who is near whom."),
    ("readout", "sum-pool", "geometric.readout:SumPool", "The sum over the points of each sample, such as an energy."),
    ("readout", "mean-pool", "geometric.readout:MeanPool", "The mean over the points of each sample."),
    ("layer", "egnn-conv", "geometric.egnn:EGNNConv", "Messages from distances; points move along edges."),
    ("model", "egnn", "geometric.egnn:EGNN", "E(n)-equivariant graph network, with velocities."),
    ("layer", "schnet-conv", "geometric.schnet:SchNetConv", "Continuous filters of distance."),
    ("layer", "schnet-block", "geometric.schnet:SchNetBlock", "An interaction of SchNet."),
    ("model", "schnet", "geometric.schnet:SchNet", "Energies of atoms by continuous filters."),
    ("layer", "painn-message", "geometric.painn:PaiNNMessage", "Scalars and vectors along edges."),
    ("layer", "painn-update", "geometric.painn:PaiNNUpdate", "Scalars and vectors mixed at each point."),
    ("model", "painn", "geometric.painn:PaiNN", "Energies of atoms by scalars and vectors."),
    ("head", "conservative", "physics.conservative:Conservative", "Forces and stress as derivatives of an energy."),
    ("dataset", "rotated-digits", "datasets.rotated:RotatedDigits", "8 x 8 digits, tested in quarter turns or any."),
    ("dataset", "rotated-mnist", "datasets.rotated:RotatedMNIST", "12,000 + 50,000 turned digits, made from MNIST."),
    ("dataset", "go", "datasets.go:Go", "Positions of recorded games of Go and the move that was played."),
    ("dataset", "voxels", "datasets.voxels:Voxels", "Meshes in OFF files, in the folders of ModelNet, as voxels."),
    ("dataset", "point-charges", "datasets.nbody:PointCharges", "Charged particles, simulated by the published law."),
    (
        "dataset",
        "molecules",
        "datasets.molecules:Molecules",
        "Energies and forces of atoms, from extended XYZ.",
    ),
    ("objective", "energy-forces", "physics.energy_forces:EnergyForcesLoss", "Squared errors of energies and forces."),
    ("layer", "so2-conv", "geometric.escn:SO2Conv", "Convolution in the frame of each edge (eSCN)."),
    ("layer", "symmetrize", "symmetrize:Symmetrize", "Any network, made equivariant by averages, frames or one pose."),
    ("layer", "symmetric-contraction", "products.symmetric:SymmetricContraction", "Polynomials of tensors (MACE)."),
    ("layer", "e3-conv", "geometric.e3conv:E3Conv", "Tensor products with the harmonics of each edge (NequIP)."),
    ("layer", "irrep-linear", "geometric.e3conv_linear:IrrepLinear", "Linear maps between copies of one irrep."),
    ("model", "nequip", "geometric.nequip:NequIP", "Energies of atoms by tensors of any degree."),
    ("domain", "sphere", "spherical.domain:Sphere", "The sphere as rings of points, with quadrature weights."),
    ("domain", "rotations", "spherical.domain:Rotations", "SO(3) as a point of a sphere and a roll about it."),
    ("layer", "spherical-conv", "spherical.conv:SphericalConv", "Convolution on the sphere with zonal filters."),
    ("refinement", "s2-to-so3-conv", "spherical.correlation:S2ToSO3Conv", "Correlation from the sphere to SO(3)."),
    ("layer", "so3-conv", "spherical.correlation:SO3Conv", "Correlation on SO(3)."),
    ("layer", "sphere-activation", "spherical.activation:SphereActivation", "A pointwise function, oversampled."),
    ("layer", "spherical-batch-norm", "spherical.norm:SphericalBatchNorm", "Batch normalisation by quadrature."),
    ("coarsening", "spherical-pool", "spherical.pool:SphericalPool", "A coarser sphere, without its high degrees."),
    ("readout", "spherical-mean", "spherical.pool:SphericalMean", "The mean over the sphere or over SO(3)."),
    ("readout", "power-spectrum", "spherical.pool:PowerSpectrum", "The power of each degree, an invariant."),
    (
        "model",
        "spherical-cnn",
        "models.spherical:spherical_cnn",
        "Convolutions on the sphere or on SO(3), then a mean.",
    ),
    ("dataset", "spherical-digits", "datasets.spherical_digits:SphericalDigits", "8 x 8 digits turned on a sphere."),
    ("layer", "se3-attention", "geometric.se3_attention:SE3Attention", "Attention by invariant products of tensors."),
    ("layer", "equivariant-mlp", "emlp:EquivariantMLP", "Linear maps, products and gates for any group (EMLP)."),
    ("layer", "equivariant-product", "emlp:EquivariantProduct", "All products of fields, channel by channel."),
    ("dataset", "decays", "datasets.decays:Decays", "Four-momenta of decay products, and the invariant mass."),
    ("model", "e3-network", "models.e3:e3_network", "Convolutions of features of any degree, gates, a sum."),
    ("model", "mace", "geometric.mace:MACE", "Energies of atoms by products of several neighbours."),
)

RECIPES: tuple[tuple[str, str], ...] = (
    ("voxels", "Meshes as voxels in any orientation of the cube, in the folders of ModelNet."),
    ("go", "The next move in games of Go, by a network that turns and flips with the board."),
    ("nbody", "Where charged particles will be, by EGNN."),
    ("molecules", "Energies and forces of ethanol, by PaiNN."),
    ("rotated-digits", "Digits learnt upright and tested in all four quarter turns; the demo."),
    ("rotmnist", "Rotated MNIST, made from MNIST by the published recipe."),
    ("spherical-digits", "Digits on a sphere, learnt upright and tested in any pose."),
    ("lorentz", "The invariant mass of a decay, by a network that keeps the Lorentz group."),
)

# (name, module inside gdl_groups.kernels, summary)
KERNELS: tuple[tuple[str, str, str], ...] = (
    ("tensor_product", "tensor_product", "Weighted tensor product of senders and edges, summed at each receiver."),
    ("tensor_product_edges", "tensor_product", "Derivatives of tensor_product in features, filters and weights."),
    ("tensor_product_second", "tensor_product", "Derivatives of tensor_product_edges along a cotangent."),
    ("spherical_harmonics", "spherical_harmonics", "Solid harmonics of any degree, by recurrence."),
    ("spherical_harmonics_backward", "spherical_harmonics", "Derivatives of solid harmonics along a cotangent."),
    ("wigner", "wigner", "Wigner matrices as polynomials of the rotation matrix."),
    ("sphere_analysis", "sht", "Values on rings of a sphere to spherical-harmonic coefficients."),
    ("sphere_synthesis", "sht", "Spherical-harmonic coefficients to values on rings of a sphere."),
    ("rotations_analysis", "sht_so3", "Values on a grid of rotations to Wigner coefficients."),
    ("rotations_synthesis", "sht_so3", "Wigner coefficients to values on a grid of rotations."),
    ("so2_lift", "so2_conv", "Features of points into the frames of edges."),
    ("so2_lower", "so2_conv", "Features in the frames of edges back to points."),
    ("so2_turn", "so2_conv", "Gradients of the Wigner matrices of edges."),
)


@hookimpl
def gdl_components():
    for kind, name, target, summary in COMPONENTS:
        yield Component(kind, name, f"gdl_groups.{target}", summary)
    for name, summary in RECIPES:
        yield Component("recipe", name, f"gdl_groups:recipes/{name}.yaml", summary)


@hookimpl
def gdl_cases(component):
    from gdl_groups._cases import cases

    yield from cases(component.kind, component.name)


@hookimpl
def gdl_kernels():
    for name, module, summary in KERNELS:
        yield KernelEntry(name, f"gdl_groups.kernels.{module}:{name}", summary)

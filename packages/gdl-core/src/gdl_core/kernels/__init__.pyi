from .kernel import Kernel as Kernel
from .select import BACKENDS as BACKENDS
from .select import backend_for as backend_for
from .select import requested_backend as requested_backend
from .table import KERNELS as KERNELS
from .table import KernelInfo as KernelInfo
from .table import describe as describe
from .table import status as status

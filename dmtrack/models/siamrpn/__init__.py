"""SiamRPN++ and its relatives; importing the package registers them."""

from dmtrack.models.siamrpn import layers as layers
from dmtrack.models.siamrpn import siamrpn as siamrpn
from dmtrack.models.siamrpn.flavours import SiamesePreprocessing
from dmtrack.models.siamrpn.layers import Outputs
from dmtrack.models.siamrpn.siamrpn import SiamRPN

__all__ = ["Outputs", "SiamRPN", "SiamesePreprocessing"]

"""FairMOT (Zhang et al., IJCV 2021, arXiv 2004.01888); importing the package registers the model."""

from dmtrack.models.fairmot import fairmot as fairmot
